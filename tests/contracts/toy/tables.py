"""The registry of the toy's tables, with those that the kit's sight needs in every service."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.kit.rows import Instant, Row


class Base(SQLModel, registry=registry()):
    """Tables of the toy."""


class Member(Base, Row, table=True):
    """One of our people."""

    name: str = Field(sa_type=Text)
    manager_id: UUID | None = None


class Account(Base, Row, table=True):
    """An account as the toy knows it."""

    owner_id: UUID | None = None
    team: list[dict[str, Any]] = Field(
        default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")}
    )


class Opportunity(Base, table=True):
    """A deal as the toy knows it."""

    id: UUID = Field(primary_key=True)
    version: int
    account_id: UUID | None = None
    owner_id: UUID | None = None
    status: str = Field(sa_type=Text)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)  # type: ignore[call-overload]
    erased: bool = Field(default=False, sa_type=Boolean, sa_column_kwargs={"server_default": text("false")})
