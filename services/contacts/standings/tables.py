"""Standings of accounts: what follows from what others tell, apart from what people edit."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.contacts.tables import Base
from services.kit.rows import Instant, Row, deleted

NO_IDS = {"server_default": text("'[]'")}


class AccountStanding(Base, Row, table=True):
    """An account's derived side; its id is the account's."""

    __tablename__ = "account_standing"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (deleted("account_standing"),)

    deal_team_ids: list[Any] = Field(default_factory=list, sa_type=JSONB, sa_column_kwargs=NO_IDS)


class Opportunity(Base, table=True):
    """A copy of a deal, as far as accounts need it: who owns it, and whether it is open."""

    __table_args__ = (Index("opportunity_account", "account_id", postgresql_where=text("status = 'OPEN'")),)

    id: UUID = Field(primary_key=True)
    version: int
    account_id: UUID | None = None
    owner_id: UUID | None = None
    status: str = Field(sa_type=Text)
    deleted_at: datetime | None = Field(default=None, sa_type=Instant)
    erased: bool = Field(default=False, sa_type=Boolean, sa_column_kwargs={"server_default": text("false")})
