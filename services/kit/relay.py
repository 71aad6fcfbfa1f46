"""The relay: numbers the journal (`services.kit.numbering`) and publishes it in that order.

Publishing and why nothing is lost by it: `services.kit.publishing`.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import LiteralString

from services.kit.db import Database, Session
from services.kit.envelope import Encoder
from services.kit.events import PublicAggregate
from services.kit.numbering import Numberer
from services.kit.publishing import PATIENCE, Publisher
from services.kit.settings import Settings


class Relay:
    """The relay of a service: numbers and publishes its journal. Several may run; one of them publishes.

    `private` names aggregates that are journaled and never published. While `busy` says that this process has other
    work to get done, publishing takes a fifth of the time; what waits is published afterwards, in its order.
    """

    def __init__(
        self,
        service: str,
        settings: Settings,
        db: Database,
        public: Iterable[PublicAggregate],
        *,
        private: Collection[str] = (),
        patience: float = PATIENCE,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        url = settings.database_url(service)
        grown = asyncio.Event()
        self.numberer = Numberer(url, db, grown)
        self.publisher = Publisher(
            url,
            settings.kafka_bootstrap_servers,
            Encoder(service, public, private=private),
            grown,
            patience=patience,
            busy=busy,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then finishes the round on its way (5 s at the most) and returns.

        Outages of database and broker do not end it. What is left is the next relay's.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self.numberer.run(stop), name="numberer")
            group.create_task(self.publisher.run(stop), name="publisher")

    def ready(self) -> str | None:
        """Why it cannot do its work; None while it can, be it by standing by."""
        return self.numberer.trouble or self.publisher.trouble

    @property
    def numbered(self) -> int:
        """Rows numbered since the start."""
        return self.numberer.numbered

    @property
    def published(self) -> int:
        """Records published since the start."""
        return self.publisher.published


@dataclass(frozen=True)
class Backlog:
    """What the relay still has to do: rows, and the age of the oldest in seconds."""

    unnumbered: int
    unpublished: int
    oldest_seconds: float


async def backlog(session: Session) -> Backlog:
    """How far the relay is behind. `unpublished` are numbered; `unnumbered` come on top."""
    found = await (await session.execute(_BACKLOG)).fetchone()
    if found is None:
        raise LookupError("journal_head or journal_cursor has no row")
    return Backlog(*found)


_BACKLOG: LiteralString = """
SELECT q.rows, h.position - c.published - e.skipped,
       coalesce(extract(epoch FROM now() - least(q.oldest, o.recorded_at)), 0)::float8
FROM journal_head h CROSS JOIN journal_cursor c
CROSS JOIN (SELECT count(*) AS rows, min(recorded_at) AS oldest FROM journal_queue) q
CROSS JOIN LATERAL (
  SELECT coalesce(sum(skipped), 0)::bigint AS skipped FROM journal_epoch WHERE first_position > c.published + 1
) e
LEFT JOIN LATERAL (
  SELECT recorded_at FROM journal_order WHERE position > c.published ORDER BY position LIMIT 1
) o ON true
"""
