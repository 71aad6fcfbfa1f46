"""Quiet: everything is numbered, published, consumed, driven and swept, so that what is missing now is lost."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress

import psycopg
from kafka.errors import KafkaError
from psycopg_pool import PoolTimeout
from pydantic import SecretStr

from deploy.local.stack import SERVICES, service_of
from services.kit.consumer import lag
from services.kit.db import Database
from services.kit.relay import backlog
from services.kit.settings import Settings
from tests.chaos.poison import Poisoner
from tests.chaos.retelling import Retelling

PATIENCE = 25.0


class Quiet:
    """Waits for it."""

    def __init__(
        self, urls: Mapping[str, str], bootstrap_servers: str, poisoner: Poisoner, retelling: Retelling
    ) -> None:
        self._urls, self._poisoner, self._retelling = urls, poisoner, retelling
        self._settings = Settings.model_validate(
            {f"{service}_database_url": SecretStr(url) for service, url in urls.items()}
            | {"kafka_bootstrap_servers": bootstrap_servers}
        )

    async def come(self, seconds: float = PATIENCE) -> list[str]:
        """What is not quiet and has not become less for so many seconds, in sentences; nothing where all is."""
        left, changed = ["nothing could be looked at"], time.monotonic()
        while left and time.monotonic() - changed < seconds:
            with suppress(psycopg.Error, PoolTimeout, KafkaError, OSError):
                found = await self._all_left()
                left, changed = found, changed if found == left else time.monotonic()
            if left:
                await asyncio.sleep(0.3)
        return left

    async def _all_left(self) -> list[str]:
        stuck = [
            f"{one.service} fails on what {one.key} has: {one.reason}" for one in await self._poisoner.cure()
        ]
        return stuck + [said for service in SERVICES for said in await self._left(service)]

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
        said = [f"{service}: {count} {what}" for what, count in counts.items() if count]
        return said + await self._retelling.left(service)
