"""What every aggregate's row has, and how a service keeps its tables apart from the others'."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Index, Text, TextClause, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

Instant = DateTime(timezone=True)


class Row(SQLModel):
    """The columns of every aggregate: identity, version, the events' partition, who and when, whether deleted."""

    id: UUID = Field(primary_key=True)
    version: int
    partition_key: UUID
    created_at: datetime = Field(sa_type=Instant)  # type: ignore[call-overload]  # an instance is accepted
    created_by: str = Field(sa_type=Text)
    updated_at: datetime = Field(sa_type=Instant)  # type: ignore[call-overload]
    updated_by: str = Field(sa_type=Text)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)  # type: ignore[call-overload]


class External(SQLModel):
    """The column of rows that can be imported: `{source: id}`. A patch of it is merged, source by source."""

    external_ids: dict[str, Any] = Field(
        default_factory=dict,
        sa_type=JSONB,
        sa_column_kwargs={"server_default": "{}", "info": {"merged": True}},
    )


def live(name: str, *columns: str | TextClause, also: str = "", include: Sequence[str] = ()) -> Index:
    """An index of the rows that are not deleted, and for which `also` holds (SQL): all that a list looks at.

    What is not in the index need not be looked up in the table to find that it is there.
    """
    where = " AND ".join(filter(None, (also, "deleted_at IS NULL")))
    more: dict[str, Any] = {"postgresql_include": list(include)} if include else {}
    return Index(name, *columns, postgresql_where=text(where), **more)


STAMPS = ("created_at", "created_by", "updated_at", "updated_by")


def deleted(table: str) -> Index:
    """The index of the table's deleted rows, the longest ago first: what is purged is found by it."""
    return Index(f"{table}_deleted", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL"))
