"""Dead letters: what a consumer cannot decode, kept on `<service>.dead-letter` for people to look at.

A letter is the record as it came, with headers that say why it lies there (`dl_reason`) and where it came
from (`dl_topic`, `dl_partition`, `dl_offset`, `dl_consumer`). Of a value beyond 500 kB it has the
beginning, and `dl_value_bytes` says how long it was.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError

from services.kit.events import dead_letter_topic_of
from services.kit.kafka import NotAcknowledged, Record, RoundProducer

VALUE_BYTES: Final = 500_000
_TIMEOUT = 10.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Dead:
    """A record that is no event, and why."""

    record: ConsumerRecord
    reason: str


class Burial:
    """Sends what is no event to the service's dead letters, once in this process for each record."""

    def __init__(self, consumer: str, bootstrap_servers: str) -> None:
        self._consumer = consumer
        self._bootstrap_servers = bootstrap_servers
        self._producer: RoundProducer | None = None
        self._buried: set[tuple[str, int, int]] = set()

    async def bury(self, dead: Sequence[Dead]) -> None:
        """Returns when all are acknowledged. Raises NotAcknowledged or KafkaError."""
        for one in dead:
            place = (one.record.topic, one.record.partition, one.record.offset)
            if place not in self._buried:
                await self._send(self._letter(one))
                self._buried.add(place)
                log.error(
                    "dead_letter",
                    consumer=self._consumer,
                    topic=place[0],
                    partition=place[1],
                    offset=place[2],
                )

    def forget(self) -> None:
        """The batch is done: none of its records comes again."""
        self._buried.clear()

    async def close(self) -> None:
        """Ends the producer, if there was need of one."""
        if self._producer is not None:
            await asyncio.to_thread(self._producer.abandon)

    async def _send(self, letter: Record) -> None:
        try:
            if self._producer is None:
                connect = partial(
                    RoundProducer, self._bootstrap_servers, client_id=f"{self._consumer}-dead-letter"
                )
                self._producer = await asyncio.to_thread(connect)
            await asyncio.to_thread(self._producer.send, [letter], timeout=_TIMEOUT)
        except (NotAcknowledged, KafkaError):
            await self.close()
            self._producer = None
            raise

    def _letter(self, one: Dead) -> Record:
        record = one.record
        told = {
            "dl_reason": one.reason,
            "dl_consumer": self._consumer,
            "dl_topic": record.topic,
            "dl_partition": str(record.partition),
            "dl_offset": str(record.offset),
        }
        value = record.value
        if value is not None and len(value) > VALUE_BYTES:
            told["dl_value_bytes"] = str(len(value))
            value = value[:VALUE_BYTES]
        headers = [(name, raw or b"") for name, raw in record.headers]
        headers += [(name, text.encode()) for name, text in told.items()]
        return Record(dead_letter_topic_of(self._consumer), record.key or b"", value, headers)
