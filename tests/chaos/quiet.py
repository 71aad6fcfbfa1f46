"""Quiet: everything is numbered, published, consumed and driven, so that what is missing now is lost."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

import psycopg
from kafka.errors import KafkaError
from psycopg_pool import PoolTimeout
from pydantic import SecretStr

from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, service_of
from services.kit.consumer import lag
from services.kit.db import Database
from services.kit.relay import backlog
from services.kit.settings import Settings
from tests.chaos.poison import Poisoner, Stuck

PATIENCE = 90.0


class Quiet:
    """Waits for it."""

    def __init__(self, urls: Mapping[str, str], bootstrap_servers: str, poisoner: Poisoner) -> None:
        self._urls, self._poisoner = urls, poisoner
        self._settings = Settings.model_validate(
            {f"{service}_database_url": SecretStr(url) for service, url in urls.items()}
            | {"kafka_bootstrap_servers": bootstrap_servers}
        )
        self.stuck: list[Stuck] = []

    async def come(self, seconds: float = PATIENCE) -> list[str]:
        """What is still not quiet after so many seconds, in sentences; nothing where all is."""
        deadline = time.monotonic() + seconds
        left = ["nothing has been looked at"]
        while left and time.monotonic() < deadline:
            with suppress(psycopg.Error, PoolTimeout, KafkaError, OSError, StackProblem):
                self.stuck = await self._poisoner.cure()
                left = [said for service in SERVICES for said in await self._left(service)]
            if left:
                await asyncio.sleep(0.3)
        return left + [f"{one.service} cannot handle what {one.key} has: {one.reason}" for one in self.stuck]

    async def _left(self, service: str) -> list[str]:
        db = Database(self._urls[service], name="chaos", size=1)
        await db.open()
        try:
            async with db.connect() as session:
                found = await backlog(session)
            behind = await lag(service, self._settings, db, service_of(service).consumes)
        finally:
            await db.close()
        counts = {
            "rows wait to be numbered": found.unnumbered,
            "positions wait to be published": found.unpublished,
            "records wait to be consumed": sum(each.records for each in behind),
        }
        return [f"{service}: {count} {what}" for what, count in counts.items() if count]
