"""What was deleted, as if it had been for long: purged as the sweeper would."""

from typing import Any

import psycopg
from psycopg import sql

from services.kit.db import Database
from services.kit.descriptor import Service
from services.kit.purging import purge


async def aged(url: str, service: Service) -> None:
    """Lets all that is deleted have been so for 31 days."""
    text = sql.SQL("UPDATE {} SET deleted_at = deleted_at - interval '31 days' WHERE deleted_at IS NOT NULL")
    async with await psycopg.AsyncConnection[Any].connect(url) as session:
        for deletable in service.deletables:
            await session.execute(text.format(deletable.aggregate.relation))


async def purged(url: str, service: Service) -> int:
    """Purges what has been deleted for more than 30 days; gives how many rows."""
    db = Database(url, name="tests")
    await db.open()
    try:
        return await purge(db, service.deletables, 30)
    finally:
        await db.close()
