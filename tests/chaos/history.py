"""The histories: what each client sent and what it was told, a JSON line each, on the disk before its next step.

An operation is one thing that a client wants done, under one Idempotency-Key, in as many attempts as it takes. Its
name is its key, and the beginning of the request id of each attempt: so the journal says which attempt did what.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast


@dataclass(frozen=True)
class Wish:
    """What a client wants done: at which service, to which kind of row, by which request."""

    service: str
    aggregate: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    if_match: str | None = None


@dataclass(frozen=True)
class Answer:
    """What came back: the status with the body, or what went wrong on the way."""

    status: int | None
    body: Any = None
    etag: str | None = None
    replayed: bool = False
    trouble: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether it says that the wish was done."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def definite(self) -> bool:
        """Whether it says so or the contrary; if not, the client asks again."""
        if self.status is None or self.status >= 500 or self.status == 429:
            return False
        return not (self.status == 409 and self.code == "request_running")

    @property
    def told(self) -> Mapping[str, Any]:
        """The body where it is an object, else an empty one."""
        return cast("Mapping[str, Any]", self.body) if isinstance(self.body, dict) else {}

    @property
    def code(self) -> str | None:
        """The code of a problem."""
        return self.told.get("code")


@dataclass
class Attempt:
    """One request of an operation and its answer, which may be missing; times are seconds since 1970."""

    number: int
    sent_at: float
    answered_at: float | None = None
    answer: Answer | None = None


@dataclass
class Operation:
    """One wish with all that was done about it."""

    name: str
    wish: Wish
    attempts: list[Attempt] = field(default_factory=list[Attempt])

    @property
    def answers(self) -> list[Answer]:
        """What came back, in order."""
        return [attempt.answer for attempt in self.attempts if attempt.answer is not None]

    @property
    def acknowledged(self) -> Answer | None:
        """The answer that says that it was done; None where none does."""
        return next((answer for answer in self.answers if answer.acknowledged), None)

    @property
    def refused(self) -> bool:
        """Whether the client was told that it was not done."""
        return any(answer.definite and not answer.acknowledged for answer in self.answers)


class Scribe:
    """Writes one client's history."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("w")

    def sends(self, operation: str, number: int, wish: Wish) -> None:
        """Says that an attempt begins."""
        told = {"wish": vars(wish)} if number == 1 else {}
        self._write({"operation": operation, "attempt": number, "sent": True, **told})

    def hears(self, operation: str, number: int, answer: Answer) -> None:
        """Says what came of it."""
        self._write({"operation": operation, "attempt": number, "answer": vars(answer)})

    def close(self) -> None:
        """Ends the file."""
        self._file.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps({"at": time.time(), **line}) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def read(directory: Path) -> dict[str, Operation]:
    """Every operation of every client, by name."""
    found: dict[str, Operation] = {}
    for file in sorted(directory.glob("client-*.jsonl")):
        for line in _lines(file):
            _take(found, line)
    return found


def _take(found: dict[str, Operation], line: Mapping[str, Any]) -> None:
    name: str = line["operation"]
    number: int = line["attempt"]
    if "wish" in line:
        found[name] = Operation(name, Wish(**line["wish"]))
    if "sent" in line:
        found[name].attempts.append(Attempt(number, line["at"]))
    if "answer" in line:
        attempt = found[name].attempts[number - 1]
        attempt.answered_at, attempt.answer = line["at"], Answer(**line["answer"])


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text().splitlines():
        yield json.loads(line)
