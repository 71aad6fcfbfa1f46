"""Records as Foothold's topics hold them, told to a topic of a test's own or straight to a file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from kafka import KafkaProducer

from examples.reporting.consumer import connected
from examples.reporting.events import Event, Undecodable, decode
from examples.reporting.file import Batch, File
from tests.contracts.examples import EXAMPLES

STATES: Final[Mapping[str, Mapping[str, Any]]] = {
    type_.partition(".")[0]: example["value"]["data"] for type_, example in EXAMPLES.items()
}
"""A state of each aggregate."""


def uuid(number: int) -> str:
    """An id that a test can name."""
    return str(UUID(int=number))


@dataclass(frozen=True)
class Record:
    """Headers and value."""

    headers: Mapping[str, bytes]
    value: bytes | None

    def decoded(self) -> Event | Undecodable:
        try:
            return decode(self.headers.items(), self.value)
        except Undecodable as error:
            return error

    def with_header(self, name: str, value: bytes | None) -> "Record":
        kept = {key: held for key, held in self.headers.items() if key != name}
        return Record(kept if value is None else {**kept, name: value}, self.value)

    def with_value(self, value: bytes | None) -> "Record":
        return Record(self.headers, value)


@dataclass
class Teller:
    """Makes records of one source, each at the next position."""

    position: int = 0

    def told(self, type_: str, id: int, version: int, **state: Any) -> Record:
        """An event of the type: the aggregate's example with other values."""
        data = {**STATES[type_.partition(".")[0]], "id": uuid(id), **state}
        return self._record(type_, f"things/{uuid(id)}", version, data)

    def started(self, id: int, *aggregates: str, epoch: int = 1, complete: bool = True) -> Record:
        return self._mark("started", 1, id, aggregates, epoch, complete)

    def finished(self, id: int, *aggregates: str, epoch: int = 1, complete: bool = True) -> Record:
        return self._mark("finished", 2, id, aggregates, epoch, complete)

    def _mark(
        self, fact: str, version: int, id: int, aggregates: Sequence[str], epoch: int, complete: bool
    ) -> Record:
        data = {"id": uuid(id), "epoch": epoch, "aggregates": list(aggregates), "complete": complete}
        return self._record(f"republish.{fact}", f"republishes/{uuid(id)}", version, data)

    def _record(self, type_: str, subject: str, version: int, data: Mapping[str, Any]) -> Record:
        self.position += 1
        headers = {
            "content-type": "application/json",
            "ce_type": f"{type_}.v1",
            "ce_subject": subject,
            "ce_sequence": str(version),
            "ce_position": str(self.position),
            "ce_time": "2026-03-02T08:30:00.000000Z",
        }
        value = json.dumps({"data": data, "changed": None}).encode()
        return Record({name: text.encode() for name, text in headers.items()}, value)


def example(type_: str) -> Record:
    """The example record of the type."""
    held = EXAMPLES[type_]
    headers = {name: text.encode() for name, text in held["headers"].items()}
    return Record(headers, json.dumps(held["value"]).encode())


@dataclass
class Topic:
    """A topic that records are sent to, and the file that it is read into."""

    bootstrap: str
    name: str
    path: Path
    producer: KafkaProducer = field(init=False)

    def __post_init__(self) -> None:
        self.producer = KafkaProducer(bootstrap_servers=self.bootstrap.split(","), linger_ms=5)

    def send(self, *records: Record, partition: int = 0) -> None:
        for record in records:
            self.post(record, partition=partition)
        self.producer.flush(30)

    def post(self, record: Record, *, partition: int) -> None:
        """Sends it without waiting."""
        self.producer.send(self.name, record.value, b"key", list(record.headers.items()), partition)

    def opened(self) -> File:
        return File(self.path)

    def read(self) -> None:
        """Reads all that the topic holds, as a process of its own would: with a file opened anew."""
        with self.opened() as file, connected(self.bootstrap, file, [self.name]) as reader:
            reader.read_to_end()

    def ask(self, query: str) -> list[dict[str, Any]]:
        with self.opened() as file:
            return file.ask(query)

    def copies(self) -> dict[str, tuple[int, str]]:
        """Version and fate of what is kept, by id."""
        rows = self.ask("SELECT id, version, fate FROM copy")
        return {str(row["id"]): (row["version"], row["fate"]) for row in rows}

    def account_names(self) -> dict[str, str]:
        return {str(row["id"]): row["name"] for row in self.ask("SELECT id, name FROM account")}

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, in an order of their own."""
        tables = ("copy", "place", "mark", "refused", "passed_over")
        return {
            name: sorted((tuple(row.values()) for row in self.ask(f"SELECT * FROM {name}")), key=repr)
            for name in tables
        }


def file_of(path: Path, *records: Record, timezone: str = "UTC") -> File:
    """A file that was told the records."""
    file = File(path, timezone=timezone)
    file.begin({("told", 0): 0})
    file.take([Batch(("told", 0), [(at, record.decoded()) for at, record in enumerate(records)])])
    return file
