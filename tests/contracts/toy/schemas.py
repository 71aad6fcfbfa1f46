"""Rivals as requests send them and answers show them."""

from uuid import UUID

from pydantic import Field

from services.kit.fields import Body, ExternalIds, ExternalIdsPatch, Name, Paged, Stamped


class RivalUpdate(Body):
    """A merge patch of a rival."""

    name: Name = ""
    external_ids: ExternalIdsPatch = Field(default_factory=dict)


class RivalCreate(Body):
    """A new rival, the caller's own."""

    name: Name
    external_ids: ExternalIds = Field(default_factory=dict)


class RivalRead(Stamped):
    """A rival."""

    id: UUID
    name: str
    owner_id: UUID
    external_ids: dict[str, str]


class RivalList(Paged):
    """A page of rivals."""

    items: list[RivalRead]
