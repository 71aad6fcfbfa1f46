"""Events: what a service tells the others and the world.

What is public is declared once, as a pydantic model for each aggregate: the relay sends exactly its fields
(`services.kit.envelope`), and the JSON Schemas are generated from it (`services.kit.contract`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

STANDARD = ("created", "updated", "deleted", "restored", "erased")
"""What can happen to every aggregate; facts come on top."""

SNAPSHOT = "snapshot"
ERASED = "erased"
"""What is final: purged, or erased on behalf of the person that it told of."""
PURGE = "purge"
"""The actor of what goes because it was deleted long ago: no caller is called so."""
SWEPT = "swept"
"""What a consumer tells itself of a copy that a republish did not tell of: it is gone."""

SIGHT = "sight"
"""The aggregate of rows of the journal that tell of who sees what: for the feed of changes alone, never published."""
SIGHT_OVERTURNED = "sight.overturned"
"""The type of such a row that names no account: so much has changed for its viewers that all is to be read afresh."""

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class PublicAggregate:
    """One aggregate as others see it.

    `state` holds the public fields, nested models included: what they do not name never leaves the service.
    `facts` are past-tense names beyond `standard`, without the aggregate's name (`stage_changed`). A republish tells of
    its rows by snapshots, unless they are no more than `marks`.
    """

    name: str
    plural: str
    state: type[BaseModel]
    facts: tuple[str, ...] = ()
    standard: tuple[str, ...] = STANDARD
    version: int = 1
    marks: bool = False

    @property
    def types(self) -> tuple[str, ...]:
        """The types of its events as the journal names them, without the version."""
        snapshots = () if self.marks else (SNAPSHOT,)
        return tuple(f"{self.name}.{fact}" for fact in (*self.standard, *self.facts, *snapshots))


class RepublishState(BaseModel):
    """A republish: what it tells of, all of it or a part, and in which epoch of its service's journal."""

    id: UUID
    epoch: int
    aggregates: list[str]
    complete: bool


MARKS = PublicAggregate(
    "republish", "republishes", RepublishState, facts=("started", "finished"), standard=(), marks=True
)
"""Where a republish begins and ends, told on every partition of the service's topic."""
STARTED, FINISHED = MARKS.types


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a handler gets it. `type` has no version (`account.updated`); `schema_version` is it.

    `position` orders the events of its source, `version` those of its subject. `data` is the public state
    after.
    """

    id: str
    source: str
    type: str
    schema_version: int
    aggregate: str
    subject_id: UUID
    version: int
    position: int
    time: datetime
    actor: str
    imported: bool
    data: dict[str, Any]
    changed: dict[str, Any] | None
    key: str
    traceparent: str | None = None
    request_id: str | None = None

    @property
    def is_erasure(self) -> bool:
        """Whether somebody had it erased. What is purged was deleted so long ago that no kept answer tells of it."""
        return self.fact == ERASED and self.actor != PURGE

    @property
    def fact(self) -> str:
        """What has happened, without the aggregate's name."""
        return self.type.partition(".")[2]


def topic_of(service: str) -> str:
    """The topic on which a service publishes."""
    return f"{service}.events"


def dead_letter_topic_of(service: str) -> str:
    """The topic to which a service, as a consumer, sends what it cannot decode."""
    return f"{service}.dead-letter"


def schema_id(name: str) -> str:
    """The identity of a schema: an absolute URI of our own, to whose path the schemas refer to each other."""
    return f"foothold:/events/{name}.json"
