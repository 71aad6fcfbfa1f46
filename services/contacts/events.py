"""What contacts tells the world: members, accounts, people and the links between them.

Of a customer's person only what others need to name and place them: never phones, addresses, wishes or notes.
"""

from uuid import UUID

from pydantic import BaseModel

from services.contacts.accounts.domain import AccountKind, TargetType
from services.contacts.members.domain import MemberFunction
from services.contacts.people.domain import Department, Level, LinkKind
from services.kit.events import PublicAggregate


class MemberState(BaseModel):
    """A member as others know them; the subject, or else the mail address, joins an identity to the member."""

    id: UUID
    email: str
    subject: str | None = None
    name: str
    function: MemberFunction
    manager_id: UUID | None
    active: bool
    external_ids: dict[str, str]


class SeatState(BaseModel):
    """A member named on an account's team, and as what."""

    member_id: UUID
    function: MemberFunction


class AccountState(BaseModel):
    """An account as others know it."""

    id: UUID
    name: str
    account_kind: AccountKind
    industry: str | None
    region: str | None
    parent_account_id: UUID | None
    owner_id: UUID | None
    team: list[SeatState]
    target_type: TargetType | None
    external_ids: dict[str, str]


class ContactState(BaseModel):
    """A person at the customer, as far as topics carry persons."""

    id: UUID
    account_id: UUID
    name: str
    title: str | None
    department: Department
    level: Level


class ContactLinkState(BaseModel):
    """A link between two people; its note stays at home."""

    id: UUID
    from_contact_id: UUID
    to_contact_id: UUID
    kind: LinkKind


class AccountStandingState(BaseModel):
    """What follows from others' events about an account: who is on its team by an open deal."""

    id: UUID
    deal_team_ids: list[UUID]


PUBLIC = (
    PublicAggregate("member", "members", MemberState),
    PublicAggregate("account", "accounts", AccountState),
    PublicAggregate("account_standing", "account-standings", AccountStandingState),
    PublicAggregate("contact", "contacts", ContactState),
    PublicAggregate(
        "contact_link",
        "contact-links",
        ContactLinkState,
        standard=("created", "deleted", "restored", "erased"),
    ),
)
