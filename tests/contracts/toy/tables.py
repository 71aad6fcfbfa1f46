"""Rivals: who else offers what we offer."""

from uuid import UUID

from services.kit.rows import External, Row, live
from tests.contracts.toyshop.tables import Base


class Rival(Base, External, Row, table=True):
    """Somebody who sells what we sell, and who of us watches them."""

    __table_args__ = (live("rival_name", "name", "id"), live("rival_owner", "owner_id", "name", "id"))

    name: str
    owner_id: UUID
