"""The ledger: what the handlers of a service have handled, written beside their effects in the same transaction.

Folds can be repeated without anybody seeing it. So the harness gives every service handlers that do what they did and
also enter the position of each event they were given. Each event is to stand there once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow

from services.kit.db import Session
from services.kit.descriptor import Service
from services.kit.events import Event
from services.kit.handlers import Batch, Handler


def counted(service: Service) -> Service:
    """The service with handlers that enter what they have handled."""
    return replace(service, handlers={name: _counted(each) for name, each in service.handlers.items()})


def open_ledger(connection: psycopg.Connection[TupleRow]) -> None:
    """Makes the table, in the database of each service."""
    connection.execute(_TABLE)


def _counted(handler: Handler | Batch) -> Batch:
    async def handle(session: Session, events: Sequence[Event]) -> None:
        if isinstance(handler, Batch):
            await handler.handle(session, events)
        else:
            for event in events:
                await handler(session, event)
        await session.execute(
            _ENTER,
            {
                "sources": [event.source for event in events],
                "positions": [event.position for event in events],
                "ids": [event.id for event in events],
            },
        )

    return Batch(handle, handler.copy if isinstance(handler, Batch) else None)


_TABLE: LiteralString = """
CREATE TABLE chaos_ledger (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL,
  position bigint NOT NULL,
  event_id text NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT clock_timestamp()
)"""
_ENTER: LiteralString = """
INSERT INTO chaos_ledger (source, position, event_id)
SELECT * FROM unnest(%(sources)s::text[], %(positions)s::bigint[], %(ids)s::text[])"""
