"""What this service keeps of other services' rows, as it reads them, and how it learns of one that it does not know.

While writing, a reference that is not known here, or not seen, goes to its owner with the caller's own token. What the
owner shows is kept as a copy and holds for this request: the owner's word on who sees a row is newer than ours.
"""

from collections.abc import Collection
from typing import LiteralString
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.kit import lookup
from services.kit.access import Sight
from services.kit.calls import Call
from services.kit.copies import Copy
from services.kit.identity import Viewer
from services.kit.lookup import Owned
from services.kit.past import Names


class Told(BaseModel):
    """The base of what others tell: fields that are not read here are passed over."""

    model_config = ConfigDict(extra="ignore")

    id: UUID


class Member(Told):
    """One of our people."""

    name: str
    email: str
    subject: str | None = None
    function: str
    manager_id: UUID | None
    active: bool
    external_ids: dict[str, str]


class Seat(BaseModel):
    """A member named on an account's team."""

    model_config = ConfigDict(extra="ignore")

    member_id: UUID


class Account(Told):
    """An account, with those whose place there lets them see it."""

    name: str
    owner_id: UUID | None
    team: list[Seat]
    external_ids: dict[str, str]


class Contact(Told):
    """A person at an account."""

    account_id: UUID
    name: str


class Opportunity(Told):
    """A deal."""

    name: str
    account_id: UUID | None
    owner_id: UUID | None
    stage: str
    status: str


MEMBERS = Copy("member", Member, {"manager_id": "uuid", "active": "boolean", "external_ids": "jsonb"})
ACCOUNTS = Copy("account", Account, {"owner_id": "uuid", "team": "jsonb", "external_ids": "jsonb"})
CONTACTS = Copy("contact", Contact, {"account_id": "uuid"}, former=True)
OPPORTUNITIES = Copy("opportunity", Opportunity, {"account_id": "uuid", "owner_id": "uuid"})


ACCOUNT_SIGHT = Sight(account="r.id")
DEAL_SIGHT = Sight(account="r.account_id", owner="r.owner_id", hanging=True)
NAMES = (
    Names("member"),
    Names("account", ACCOUNT_SIGHT),
    Names("contact", Sight(account="r.account_id")),
    Names("opportunity", DEAL_SIGHT),
)


def member_active(parameter: LiteralString) -> LiteralString:
    """Whether the parameter names an active member, or nobody: SQL."""
    return f"""(%({parameter})s::uuid IS NULL OR EXISTS (
    SELECT FROM member m WHERE m.id = %({parameter})s::uuid AND m.active AND m.deleted_at IS NULL))"""


def account_seen(viewer: Viewer) -> LiteralString:
    """Whether `account_id` is null or an account that the viewer sees, by our copies or `vouched` for: SQL."""
    return f"""(%(account_id)s::uuid IS NULL OR EXISTS (
    SELECT FROM account r WHERE r.id = %(account_id)s::uuid AND r.deleted_at IS NULL
      AND ({ACCOUNT_SIGHT.visible(viewer)} OR r.id = ANY (%(vouched)s::uuid[]))))"""


def deal_seen(viewer: Viewer) -> LiteralString:
    """Whether `opportunity_id` is null or a deal that the viewer sees, by our copies or `vouched` for: SQL."""
    return f"""(%(opportunity_id)s::uuid IS NULL OR EXISTS (
    SELECT FROM opportunity r WHERE r.id = %(opportunity_id)s::uuid AND r.deleted_at IS NULL
      AND ({DEAL_SIGHT.visible(viewer)} OR r.id = ANY (%(vouched)s::uuid[]))))"""


def require_vouched(
    call: Call,
    *,
    members: Collection[UUID] = (),
    accounts: Collection[UUID] = (),
    contacts: Collection[UUID] = (),
    opportunities: Collection[UUID] = (),
) -> None:
    """Has owners asked for rows that this service cannot answer for by itself. Raises Unvouched, once a request."""
    base = call.settings.contacts_url
    lookup.require_vouched(
        call,
        Owned(MEMBERS, base, "members", members),
        Owned(ACCOUNTS, base, "accounts", accounts),
        Owned(CONTACTS, base, "contacts", contacts),
        Owned(OPPORTUNITIES, call.settings.opportunities_url, "opportunities", opportunities),
    )
