"""People and links as requests send them and answers show them."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from services.contacts.people.domain import Department, Level, LinkKind, PreferredChannel, RealInfluence
from services.kit.fields import (
    Body,
    Day,
    Email,
    ExternalIds,
    ExternalIdsPatch,
    Flag,
    Id,
    Line,
    Name,
    Note,
    Paged,
    Read,
    Stamped,
)

Phone = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=3, max_length=40, pattern=r"^[+0-9][0-9 ()./x-]+[0-9()./x-]$"
    ),
]
Phones = Annotated[list[Phone], Field(max_length=20)]
Emails = Annotated[list[Email], Field(max_length=20)]


class ContactFields(Body):
    """What new people and patches have in common."""

    title: Line | None = None
    department: Department = Department.OTHER
    level: Level = Level.BASE
    phones: Phones = Field(default_factory=list[str])
    emails: Emails = Field(default_factory=list[str])
    tenure_end_on: Day | None = Field(default=None, description="When the person's term of office ends.")
    real_influence: RealInfluence | None = Field(
        default=None, description="What the person really moves, whatever the title."
    )
    public_official: Flag = False
    preferred_channel: PreferredChannel | None = None
    do_not_contact: Flag = False


class ContactCreate(ContactFields):
    """A new person at an account."""

    account_id: Id
    name: Name
    external_ids: ExternalIds = Field(default_factory=dict)


class ContactUpdate(ContactFields):
    """A merge patch of a person: absent fields stay, lists are replaced as a whole; a person stays at their account."""

    name: Name = ""
    external_ids: ExternalIdsPatch = Field(default_factory=dict)


class ContactRead(Stamped):
    """A person at an account."""

    id: UUID
    account_id: UUID
    name: str
    title: str | None
    department: Department
    level: Level
    phones: list[str]
    emails: list[str]
    tenure_end_on: date | None
    real_influence: RealInfluence | None
    public_official: bool
    preferred_channel: PreferredChannel | None
    do_not_contact: bool
    external_ids: dict[str, str]


class ContactList(Paged):
    """A page of people."""

    items: list[ContactRead]


class LinkCreate(Body):
    """How the person stands to another one at an account that the caller sees."""

    to_contact_id: Id
    kind: LinkKind
    note: Note | None = None


class LinkRead(Stamped):
    """A link between two people."""

    id: UUID
    from_contact_id: UUID
    to_contact_id: UUID
    kind: LinkKind
    note: str | None = Field(description="Null for who is not of the account team, its managers or admin.")


class LinkList(Paged):
    """A page of links."""

    items: list[LinkRead]


class ContactFound(Read):
    """The people that a lookup found."""

    items: list[ContactRead]
