"""What becomes of our copies when a partition tells something. Pure: `file.py` reads before it and writes after it.

Every rule of the stream stands here once: what was told before is dropped, what is older overwrites nothing, what was
erased stays erased, and a new epoch (the owner was restored from a backup) overwrites whatever we hold.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .events import GONE, Event, Mark, Told, Undecodable

Key = tuple[str, str]
"""Aggregate and id."""


@dataclass(frozen=True, slots=True)
class Copy:
    """An aggregate as we know it. `position` is that of the event that told of it last, `state` that of the living."""

    version: int
    position: int
    fate: str
    state: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where we are in a partition: what to read next, what was read last, and of which epoch."""

    next_offset: int
    position: int = -1
    told_at: datetime | None = None
    epoch: int = 1


@dataclass(frozen=True, slots=True)
class Republish:
    """A republish as one partition shows it; `position` is that of its start."""

    position: int
    epoch: int
    aggregates: tuple[str, ...]
    has_ended: bool = False


@dataclass(slots=True)
class Folding:
    """One partition's records being folded, in their order. `copies` are those that the records may tell of."""

    place: Place
    copies: dict[Key, Copy]
    republishes: dict[str, Republish]
    refused: dict[int, str] = field(default_factory=dict[int, str])
    passed_over: Counter[str] = field(default_factory=Counter[str])

    def take(self, offset: int, event: Event | Undecodable) -> None:
        """Folds the record at the offset, unless it was told before."""
        self.place = replace(self.place, next_offset=offset + 1)
        if isinstance(event, Undecodable):
            self.refused[offset] = str(event)
        elif event.position > self.place.position:
            self.place = replace(self.place, position=event.position, told_at=event.time)
            self._fold(event)

    def _fold(self, event: Event) -> None:
        match event:
            case Told():
                key = (event.aggregate, event.id)
                self.copies[key] = _after(self.copies.get(key), event, overwrites=self._overwrites(event))
            case Mark(is_end=False):
                begun = Republish(event.position, event.epoch, event.aggregates)
                self.republishes.setdefault(event.id, begun)
            case Mark():
                self._end(event)
            case _:
                self.passed_over[event.type] += 1

    def _overwrites(self, told: Told) -> bool:
        """Whether it is told within a republish with which a new epoch begins: versions of the old one mean nothing."""
        return any(
            each.epoch > self.place.epoch and told.aggregate in each.aggregates and not each.has_ended
            for each in self.republishes.values()
        )

    def _end(self, mark: Mark) -> None:
        # Without its start, which the topic may hold no more, an end says nothing about what was told between.
        if begun := self.republishes.get(mark.id):
            self.republishes[mark.id] = replace(begun, has_ended=True)
            if mark.is_complete:
                self.place = replace(self.place, epoch=max(self.place.epoch, begun.epoch))


def _after(copy: Copy | None, told: Told, *, overwrites: bool) -> Copy:
    news = copy is None or told.fact == "erased" or overwrites or told.version >= copy.version
    if copy and (copy.fate == "erased" or not news):
        return replace(copy, position=told.position)
    gone = told.fact in GONE
    return Copy(told.version, told.position, told.fact if gone else "living", None if gone else told.state)
