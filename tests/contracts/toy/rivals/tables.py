"""Rivals: who else offers what we offer."""

from uuid import UUID

from sqlalchemy import Text
from sqlmodel import Field

from services.kit.rows import External, Row, live
from tests.contracts.toy.tables import Base


class Rival(Base, External, Row, table=True):
    """Somebody who sells what we sell, and who of us watches them."""

    __table_args__ = (live("rival_name", "name", "id"), live("rival_owner", "owner_id", "name", "id"))

    name: str = Field(sa_type=Text)
    owner_id: UUID
