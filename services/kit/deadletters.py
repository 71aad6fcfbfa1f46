"""Dead letters: what a consumer cannot decode, kept on `<service>.dead-letter` for people to look at.

A letter is the record as it came, with headers that say why it lies there (`dl_reason`) and where it came
from (`dl_topic`, `dl_partition`, `dl_offset`, `dl_consumer`). What may be packed small and is too long to be
sent again is cut: of a value beyond 500 kB, a key beyond 10 kB and headers beyond 100 kB there is the
beginning, and `dl_value_bytes`, `dl_key_bytes` and `dl_headers_bytes` say how long they were.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Final, TypeAlias

import structlog
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError

from services.kit.events import dead_letter_topic_of
from services.kit.kafka import NotAcknowledged, Record, RoundProducer

VALUE_BYTES: Final = 500_000
KEY_BYTES: Final = 10_000
HEADERS_BYTES: Final = 100_000
"""What a letter holds of each at the most."""

_NAME, _HEADER_BYTES = 100, 2_000  # Of one header's name and value, where all of them are too long.
_TIMEOUT = 10.0

Header: TypeAlias = tuple[str, bytes]

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
        headers = [(name, raw or b"") for name, raw in record.headers]
        too_long = _too_long(record, headers)
        told = {
            "dl_reason": one.reason,
            "dl_consumer": self._consumer,
            "dl_topic": record.topic,
            "dl_partition": str(record.partition),
            "dl_offset": str(record.offset),
            **{f"dl_{part}_bytes": str(size) for part, size in too_long.items()},
        }
        return Record(
            dead_letter_topic_of(self._consumer),
            (record.key or b"")[:KEY_BYTES],
            record.value and record.value[:VALUE_BYTES],
            [
                *(_beginning(headers) if "headers" in too_long else headers),
                *((name, text.encode()) for name, text in told.items()),
            ],
        )


def _too_long(record: ConsumerRecord, headers: Sequence[Header]) -> dict[str, int]:
    sizes = {
        "value": (len(record.value or b""), VALUE_BYTES),
        "key": (len(record.key or b""), KEY_BYTES),
        "headers": (sum(map(_size, headers)), HEADERS_BYTES),
    }
    return {part: size for part, (size, most) in sizes.items() if size > most}


def _beginning(headers: Sequence[Header]) -> list[Header]:
    """The first headers, as many as there is room for, each with the beginning of its name and value."""
    cut = [(name[:_NAME], raw[:_HEADER_BYTES]) for name, raw in headers]
    sums = accumulate(map(_size, cut))
    return [header for header, upto in zip(cut, sums, strict=True) if upto <= HEADERS_BYTES]


def _size(header: Header) -> int:
    name, raw = header
    return len(name.encode()) + len(raw) + 8
