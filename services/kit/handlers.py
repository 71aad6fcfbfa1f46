"""Handlers: what a service does with the events of others, found by their type, called with one event or with many."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.kit.copies import Copy
from services.kit.db import Session
from services.kit.envelope import type_of
from services.kit.events import Event
from services.kit.outages import is_outage

Handler: TypeAlias = Callable[[Session, Event], Awaitable[None]]
BatchHandler: TypeAlias = Callable[[Session, Sequence[Event]], Awaitable[None]]

_KNOWN_TYPES = 1_000  # Whoever writes to a topic makes up types without end.


@dataclass(frozen=True)
class Batch:
    """Marks a handler that takes events by the list, so as to fold them in a few statements.

    The list may hold several events of one subject. Those of one key are in order. `copy` is what it folds into.
    """

    handle: BatchHandler
    copy: Copy | None = None


class Handlers:
    """A service's handlers, each by the full type of an event (`account.updated`), else by its aggregate.

    Later versions of a type are found by their full name alone (`account.updated.v2`).
    """

    def __init__(self, listed: Mapping[str, Handler | Batch]) -> None:
        self._listed = listed
        self._found: dict[str, Handler | Batch | None] = {}

    def find(self, wire_type: str) -> Handler | Batch | None:
        """The handler of a `ce_type`, or None for one that is not listed. Raises Undecodable for no type."""
        if wire_type in self._found:
            return self._found[wire_type]
        aggregate, fact, version = type_of(wire_type)
        names = (f"{aggregate}.{fact}", aggregate) if version == 1 else (wire_type,)
        found = next((self._listed[name] for name in names if name in self._listed), None)
        if len(self._found) < _KNOWN_TYPES:
            self._found[wire_type] = found
        return found


async def hand(tx: Session, handler: Handler | Batch, events: Sequence[Event]) -> None:
    """Hands the events to the handler, in their order."""
    if isinstance(handler, Batch):
        await handler.handle(tx, events)
        return
    for event in events:
        await handler(tx, event)


async def tried(tx: Session, handler: Handler | Batch, event: Event) -> Exception | None:
    """Has the handler handle the event, all of it or nothing; gives its own error. Raises what `is_outage` knows."""
    try:
        async with tx.transaction():
            await hand(tx, handler, [event])
    except Exception as error:
        if is_outage(error):
            raise
        return error
    return None
