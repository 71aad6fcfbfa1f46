"""Members as requests send them and answers show them."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from services.contacts.members.domain import MemberFunction
from services.kit.fields import (
    Body,
    Email,
    ExternalIds,
    ExternalIdsPatch,
    Flag,
    Id,
    Name,
    Paged,
    Read,
    Stamped,
)

# As OpenID Connect bounds it.
Subject = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,255}$")]


class MemberFields(Body):
    """What new members and patches have in common."""

    subject: Subject | None = Field(
        default=None,
        description="The issuer's `sub` for the member: binds the member to that identity alone, whatever its address.",
    )
    function: MemberFunction = MemberFunction.SALES
    manager_id: Id | None = Field(default=None, description="Whom the member reports to.")
    active: Flag = True


class MemberCreate(MemberFields):
    """A new member."""

    email: Email = Field(description="Work mail address; joins the member to an identity.")
    name: Name
    external_ids: ExternalIds = Field(default_factory=dict)


class MemberUpdate(MemberFields):
    """A merge patch of a member: absent fields stay."""

    email: Email = ""
    name: Name = ""
    external_ids: ExternalIdsPatch = Field(default_factory=dict)


class MemberRead(Stamped):
    """One of our people."""

    id: UUID
    email: str
    subject: str | None
    name: str
    function: MemberFunction
    manager_id: UUID | None
    active: bool
    external_ids: dict[str, str]


class MemberList(Paged):
    """A page of members."""

    items: list[MemberRead]


class Me(Read):
    """Who the caller is."""

    subject: str
    email: str | None
    roles: list[str]
    member_id: UUID | None
    member: MemberRead | None


class MemberFound(Read):
    """The members that a lookup found."""

    items: list[MemberRead]
