"""The registry of the toy's tables, with those that the kit's sight needs in every service."""

from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.kit.rows import Row
from tests.kit.known import KnownAccount, KnownDeal


class Base(SQLModel, registry=registry()):
    """Tables of the toy."""


class Member(Base, Row, table=True):
    """One of our people."""

    name: str = Field(sa_type=Text)
    manager_id: UUID | None = None


class Account(Base, KnownAccount, Row, table=True):
    """An account as the toy knows it."""


class Opportunity(Base, KnownDeal, table=True):
    """A deal as the toy knows it."""
