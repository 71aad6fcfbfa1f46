"""Every acknowledged write is there exactly once, and every other one wholly or not at all.

What an operation did is read off the request ids in the journal; that it was done is also told by the answer kept under
its key. Each of the two without the other is half a write, and two attempts with an effect are a double one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.evidence import Entry, Evidence, Key
from tests.chaos.finding import Finding
from tests.chaos.history import Answer, Operation


def check(operations: Mapping[str, Operation], evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    """Looks at every operation, and for journal rows that belong to none."""
    for operation in operations.values():
        yield from _of(operation, evidence[operation.wish.service])
    for held in evidence.values():
        for name in held.by_operation.keys() - operations.keys():
            yield _finding(f"{held.service} journaled what nobody asked for", name)


def _of(operation: Operation, held: Evidence) -> Iterator[Finding]:
    entries = [
        entry
        for entry in held.by_operation.get(operation.name, [])
        if entry.row.aggregate == operation.wish.aggregate
    ]
    key = held.keys.get(operation.name)
    yield from _once(operation, entries)
    yield from _whole(operation, entries, key, held)
    answers = [answer for answer in operation.answers if answer.acknowledged]
    for answer in answers:
        yield from _as_told(operation, answer, key, held)


def _once(operation: Operation, entries: list[Entry]) -> Iterator[Finding]:
    attempts = {entry.row.request_id for entry in entries}
    if len(attempts) > 1:
        yield _finding(
            f"{len(attempts)} attempts of one operation took effect", operation.name, *_ids(entries)
        )
    elif len(entries) > 1 and not _is_map(operation):
        yield _finding(f"one write became {len(entries)} versions", operation.name, *_ids(entries))


def _whole(operation: Operation, entries: list[Entry], key: Key | None, held: Evidence) -> Iterator[Finding]:
    if entries and key is None:
        yield _finding("an effect is there and no answer under its key", operation.name, *_ids(entries))
    elif key is not None and not entries and not _changed_nothing(operation, key, held):
        yield _finding("an answer is kept and its effect is not there", operation.name)
    elif key is None and operation.acknowledged is not None:
        yield _finding("an acknowledged write left no trace", operation.name)


def _changed_nothing(operation: Operation, key: Key, held: Evidence) -> bool:
    """Whether the answer tells what was there before: a change to what is so already is no version."""
    if operation.wish.method not in ("PATCH", "PUT") or key.answer is None:
        return False
    return all(_journaled(operation, row, held) for row in _rows(key.answer))


def _as_told(operation: Operation, answer: Answer, key: Key | None, held: Evidence) -> Iterator[Finding]:
    if key is not None and (answer.status, answer.body) != (key.status, key.answer):
        yield _finding("a client was told otherwise than is kept under its key", operation.name)
    for row in _rows(answer.body):
        if not _journaled(operation, row, held):
            yield _finding("what was acknowledged is not what the journal holds", operation.name, row["id"])


def _journaled(operation: Operation, row: Mapping[str, Any], held: Evidence) -> bool:
    """Whether the journal has the row as it was shown, at the version that was shown."""
    return any(
        entry.row.version == row["version"]
        and all(entry.row.state.get(name) == value for name, value in row.items())
        for entry in held.by_row.get((operation.wish.aggregate, row["id"]), [])
    )


def _rows(body: Any) -> list[Mapping[str, Any]]:
    """The rows that an answer shows: one, or those of a map."""
    told = Answer(None, body).told
    return told.get("items", [told] if told else [])


def _is_map(operation: Operation) -> bool:
    return "items" in (operation.wish.body or {})


def _ids(entries: list[Entry]) -> list[str]:
    return list(dict.fromkeys(str(entry.row.aggregate_id) for entry in entries))


def _finding(what: str, *about: str) -> Finding:
    return Finding("writes", what, about)
