"""Pagers: one for each journal reads on by position from the last one that it saw, while all goes on.

It is what the feed of changes reads for phones, in SQL. What a pager has passed it never looks at again.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow

_PAGE = 500
_REST = 0.05


class Pager:
    """Pages one service's journal, past the proxies."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seen: list[tuple[int, str]] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Pages until `stop` is set and nothing is left; whatever befalls the database is waited out until then."""
        while True:
            with suppress(psycopg.Error, OSError):
                async with await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=2
                ) as session:
                    await self._page(session, stop)
                    return
            await asyncio.sleep(_REST)

    async def _page(self, session: psycopg.AsyncConnection[TupleRow], stop: asyncio.Event) -> None:
        while True:
            ending = stop.is_set()
            last = self.seen[-1][0] if self.seen else 0
            rows = await (await session.execute(_NEXT, {"last": last, "limit": _PAGE})).fetchall()
            self.seen += [(row[0], str(row[1])) for row in rows]
            if not rows:
                if ending:
                    return
                await asyncio.sleep(_REST)


class Pagers:
    """One for each service."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._pagers = {service: Pager(url) for service, url in urls.items()}

    async def run(self, stop: asyncio.Event) -> None:
        """All of them, until `stop`."""
        await asyncio.gather(*(pager.run(stop) for pager in self._pagers.values()))

    def seen(self) -> dict[str, list[tuple[int, str]]]:
        """Positions and event ids that each saw, in its order."""
        return {service: pager.seen for service, pager in self._pagers.items()}


_NEXT: LiteralString = """
SELECT o.position, j.event_id FROM journal_order o
JOIN journal j ON j.recorded_at = o.recorded_at AND j.id = o.journal_id
WHERE o.position > %(last)s ORDER BY o.position LIMIT %(limit)s"""
