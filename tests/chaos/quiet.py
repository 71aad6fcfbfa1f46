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
from services.kit.db import Database
from services.kit.events import topic_of
from services.kit.figures import figures
from services.kit.kafka import end_offsets
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
                found = await figures(session, service)
            topics = [topic_of(told) for told in service_of(service).consumes]
            ends = await asyncio.to_thread(end_offsets, self._settings.kafka_bootstrap_servers, topics)
        finally:
            await db.close()
        counts = {
            "rows wait to be numbered": found.backlog.unnumbered,
            "positions wait to be published": found.backlog.unpublished,
            "records wait to be consumed": sum(
                end - found.places.get(place, 0) for place, end in ends.items()
            ),
        }
        said = [f"{service}: {count} {what}" for what, count in counts.items() if count]
        return said + await self._retelling.left(service)
