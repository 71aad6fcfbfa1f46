"""What every service knows of accounts and deals so that the kit can say who sees what: columns for test services."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Connection, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from services.kit.migrations import SQL, execute_kit_sql
from services.kit.rows import Instant


def lay_kit(bind: Connection) -> None:
    """Makes the kit's tables, as a service's migrations do one after the other."""
    for path in sorted(SQL.glob("*.sql")):
        execute_kit_sql(bind, path.name)


class KnownAccount(SQLModel):
    """Who has a seat at an account."""

    owner_id: UUID | None = None
    team: list[dict[str, Any]] = Field(
        default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")}
    )


class KnownDeal(SQLModel):
    """A copy of a deal."""

    id: UUID = Field(primary_key=True)
    version: int
    account_id: UUID | None = None
    owner_id: UUID | None = None
    status: str = Field(sa_type=Text)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)  # type: ignore[call-overload]
    erased: bool = Field(default=False, sa_type=Boolean, sa_column_kwargs={"server_default": text("false")})
