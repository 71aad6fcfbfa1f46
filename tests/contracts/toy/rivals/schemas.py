"""Rivals as requests send them and answers show them."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictInt

from services.kit.fields import Body, ExternalIds, ExternalIdsPatch, Name, Read, Stamped

Year = Annotated[StrictInt, Field(ge=1, le=9999)]


class RivalUpdate(Body):
    """A merge patch of a rival."""

    name: Name = ""
    founded_year: Year | None = None
    external_ids: ExternalIdsPatch = Field(default_factory=dict)


class RivalCreate(RivalUpdate):
    """A new rival, the caller's own."""

    name: Name
    external_ids: ExternalIds = Field(default_factory=dict)


class RivalRead(Stamped):
    """A rival."""

    id: UUID
    name: str
    founded_year: int | None
    owner_id: UUID
    external_ids: dict[str, str]


class RivalList(Read):
    """A page of rivals."""

    items: list[RivalRead]
    next_cursor: str | None
    total: int | None = None
