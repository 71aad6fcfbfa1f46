"""Accounts as requests send them and answers show them."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictInt

from services.contacts.accounts.domain import AccountKind, TargetType
from services.contacts.members.domain import MemberFunction
from services.kit.fields import (
    Body,
    Count,
    Currency,
    ExternalIds,
    ExternalIdsPatch,
    Id,
    Line,
    Money,
    Name,
    Paged,
    Read,
    Stamped,
    Website,
)

Year = Annotated[StrictInt, Field(ge=1, le=9999)]


class Seat(Body):
    """A member named on the account's team, and as what."""

    member_id: Id
    function: MemberFunction


class AccountFields(Body):
    """What new accounts and patches have in common."""

    account_kind: AccountKind = AccountKind.PROJECT
    industry: Line | None = None
    region: Line | None = None
    website: Website | None = None
    employees: Count | None = None
    annual_revenue: Money | None = None
    currency: Currency = Field(default="USD", description="Of `annual_revenue`; ISO 4217.")
    founded_year: Year | None = None
    office_location: Line | None = None
    parent_account_id: Id | None = None
    owner_id: Id | None = None
    team: Annotated[list[Seat], Field(max_length=100)] = Field(default_factory=list[Seat])
    target_type: TargetType | None = None


class AccountCreate(AccountFields):
    """A new account. Without an owner it is the creator's."""

    name: Name
    external_ids: ExternalIds = Field(default_factory=dict)


class AccountUpdate(AccountFields):
    """A merge patch of an account: absent fields stay, lists are replaced as a whole."""

    name: Name = ""
    external_ids: ExternalIdsPatch = Field(default_factory=dict)


class AccountRead(Stamped):
    """An account."""

    id: UUID
    name: str
    account_kind: AccountKind
    industry: str | None
    region: str | None
    website: str | None
    employees: int | None
    annual_revenue: int | None
    currency: str
    founded_year: int | None
    office_location: str | None
    parent_account_id: UUID | None
    owner_id: UUID | None
    team: list[Seat]
    target_type: TargetType | None
    external_ids: dict[str, str]


class AccountList(Paged):
    """A page of accounts."""

    items: list[AccountRead]


class AccountFound(Read):
    """The accounts that a lookup found."""

    items: list[AccountRead]
