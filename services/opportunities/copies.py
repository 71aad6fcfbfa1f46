"""What this service keeps of other services' rows, as it reads them, and how it learns of one that it does not know.

While writing, a reference that is not known here, or not seen, goes to its owner with the caller's own token. What the
owner shows is kept as a copy and holds for this request: the owner's word on who sees a row is newer than ours.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.kit import lookup
from services.kit.calls import Call
from services.kit.copies import Copy
from services.kit.lookup import Owned


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
    external_ids: dict[str, str] = {}


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
    title: str | None
    department: str
    level: str


class ContactLink(Told):
    """How one person at the customer stands to another."""

    from_contact_id: UUID
    to_contact_id: UUID
    kind: str


class Activity(Told):
    """Something that was done, or is planned, with people of the customer."""

    status: str
    contact_ids: list[UUID]
    started_at: datetime | None


class JointActivity(Told):
    """A meeting of two people of the customer or more."""

    contact_ids: list[UUID]
    happened_at: datetime


MEMBERS = Copy("member", Member, {"manager_id": "uuid", "active": "boolean", "external_ids": "jsonb"})
ACCOUNTS = Copy("account", Account, {"owner_id": "uuid", "team": "jsonb", "external_ids": "jsonb"})
CONTACTS = Copy("contact", Contact, {"account_id": "uuid"}, former=True)
CONTACT_LINKS = Copy("contact_link", ContactLink, {"from_contact_id": "uuid", "to_contact_id": "uuid"})


def _as_activity(meeting: Mapping[str, Any]) -> dict[str, Any]:
    """What activities told of a meeting, as far as it was kept."""
    return {**meeting, "status": "DONE", "started_at": meeting["happened_at"]}


JOINT_ACTIVITIES = Copy(
    "joint_activity",
    JointActivity,
    {"contact_ids": "uuid[]", "happened_at": "timestamptz"},
    told=_as_activity,
)


def require_vouched(
    call: Call,
    *,
    members: Collection[UUID] = (),
    accounts: Collection[UUID] = (),
    contacts: Collection[UUID] = (),
) -> None:
    """Has contacts asked for rows that this service cannot answer for by itself. Raises Unvouched, once a request."""
    base = call.settings.contacts_url
    lookup.require_vouched(
        call,
        Owned(MEMBERS, base, "members", members),
        Owned(ACCOUNTS, base, "accounts", accounts),
        Owned(CONTACTS, base, "contacts", contacts),
    )
