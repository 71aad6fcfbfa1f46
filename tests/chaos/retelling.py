"""Retelling: republishes and rebuilds asked for in the middle of it all, as operators and schedules do.

Nothing of theirs shows afterwards: versions, copies and effects are to be as if nobody had asked.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final, LiteralString
from uuid import UUID

import psycopg

from deploy.local.stack import SERVICES, service_of
from services.kit import rebuilding, republish
from services.kit.events import topic_of
from services.kit.ids import new_id
from services.kit.journal import Cause

REBUILDS: Final = tuple(f"{name} from {owner}" for name in SERVICES for owner in service_of(name).consumes)
"""Whose copies may be made anew, out of what who tells."""

_CAUSE: Final = Cause(actor="operator:chaos")


class Retelling:
    """Asks for republishes and rebuilds, unless the database is away just then."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = urls
        self._half_asked: list[tuple[str, str, UUID]] = []

    async def republish(self, service: str) -> None:
        """Has the service tell all that it has once more."""
        with suppress(psycopg.Error):
            async with await self._connect(service) as session:
                await republish.submit(session, _CAUSE)

    async def rebuild(self, what: str) -> None:
        """Has a service make its copies of another's rows anew; `what` is one of REBUILDS."""
        name, _, owner = what.partition(" from ")
        handlers = service_of(name).handlers
        told = [each.name for each in service_of(owner).aggregates]
        id = new_id()
        with suppress(psycopg.Error):
            self._half_asked.append(asked := (name, topic_of(owner), id))
            async with await self._connect(name) as asking:
                await rebuilding.ask(asking, name, topic_of(owner), id, handlers, told)
            async with await self._connect(owner) as session:
                await republish.submit(session, _CAUSE, id=id)
            self._half_asked.remove(asked)

    async def left(self, service: str) -> list[str]:
        """What of it is not at its end. What could be asked for by half only is withdrawn. Raises psycopg.Error."""
        async with await self._connect(service) as session:
            for asked in self._half_asked:
                if asked[0] == service:
                    await rebuilding.withdraw(session, *asked)
            row = await (await session.execute(_LEFT, {"job": republish.JOB})).fetchone()
        assert row is not None
        counts = {"republishes are not done": row[0], "rebuilds are not swept": row[1]}
        return [f"{service}: {count} {what}" for what, count in counts.items() if count]

    async def _connect(self, service: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(self._urls[service], connect_timeout=2)


_LEFT: LiteralString = """
SELECT (SELECT count(*) FROM job WHERE kind = %(job)s AND state <> 'DONE'),
       (SELECT count(*) FROM rebuild WHERE swept_at IS NULL)"""
