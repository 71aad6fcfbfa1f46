"""The story of a finding: what was asked and answered, journaled, told and copied, in the order of time."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tests.chaos.evidence import Evidence
from tests.chaos.finding import Finding
from tests.chaos.history import Answer, Operation

LINES: Final = 24
_WIDTH = 150


@dataclass(frozen=True, order=True)
class _Line:
    at: float
    text: str


def tell(
    finding: Finding,
    operations: Mapping[str, Operation],
    evidence: Mapping[str, Evidence],
    faults: Iterable[Mapping[str, Any]],
) -> list[str]:
    """The finding, and what happened to whom it is about, the latest last; `LINES` lines at the most."""
    about = set(finding.about)
    told = {
        line
        for held in evidence.values()
        for line in (*_journal(held, about), *_records(held, about), *_copies(held, about))
    }
    told |= {line for operation in operations.values() for line in _asked(operation, about)}
    lines = sorted(told)
    lines = sorted([*lines, *_faults(faults, lines)])
    if len(lines) > LINES:
        half = LINES // 2
        left_out = _Line(lines[half].at, f"... {len(lines) - LINES} lines are left out ...")
        lines = [*lines[:half], left_out, *lines[-half:]]
    return [str(finding), *(f"  {_clock(line.at)}  {line.text[:_WIDTH]}" for line in lines)]


def _asked(operation: Operation, about: set[str]) -> Iterator[_Line]:
    wish = operation.wish
    shown = [answer.told.get("id") for answer in operation.answers]
    if operation.name not in about and not about & {*wish.path.split("/"), *shown}:
        return
    for attempt in operation.attempts:
        request = f"{operation.name}-{attempt.number}"
        match = f" If-Match {wish.if_match}" if wish.if_match else ""
        body = json.dumps(wish.body, ensure_ascii=False)
        yield _Line(attempt.sent_at, f"{request} asks {wish.method} {wish.path}{match} {body}")
        if attempt.answer is not None and attempt.answered_at is not None:
            yield _Line(attempt.answered_at, f"{request} hears {_said(attempt.answer)}")


def _said(answer: Answer) -> str:
    if answer.status is None:
        return f"nothing: {answer.trouble}"
    known = {name: answer.told[name] for name in ("code", "id", "version") if name in answer.told}
    return f"{answer.status}{' (replayed)' if answer.replayed else ''} {json.dumps(known)}"


def _journal(held: Evidence, about: set[str]) -> Iterator[_Line]:
    for entry in held.entries:
        row = entry.row
        if str(row.aggregate_id) in about or entry.operation in about:
            place = f"at position {row.position}" if row.position else "without a position"
            said = f"{held.service} journals {row.type} version {row.version} of {row.aggregate_id} {place}"
            yield _Line(row.recorded_at.timestamp(), f"{said} for {row.request_id or row.actor}")


def _records(held: Evidence, about: set[str]) -> Iterator[_Line]:
    for record in held.records:
        headers = dict(record.headers)
        subject = (headers.get("ce_subject") or b"").decode(errors="replace").rpartition("/")[2]
        if subject in about:
            told = {name: (headers.get(name) or b"").decode() for name in ("ce_type", "ce_position", "ce_id")}
            place = f"{record.topic}/{record.partition} at {record.offset}"
            yield _Line(record.timestamp / 1000, f"{place}: {' '.join(told.values())}")


def _copies(held: Evidence, about: set[str]) -> Iterator[_Line]:
    end = max((record.timestamp / 1000 for record in held.records), default=0.0)
    for table, rows in held.copied.items():
        for id, row in rows.items():
            if str(id) in about:
                yield _Line(end, f"{held.service} has as a copy of {table}: {json.dumps(row, default=str)}")


def _faults(faults: Iterable[Mapping[str, Any]], lines: Iterable[_Line]) -> Iterator[_Line]:
    """The kills and pauses in the time of the story, which is where one looks first."""
    times = [line.at for line in lines]
    for fault in faults:
        if (
            times
            and min(times) <= fault["at"] <= min(times) + 30
            and fault["kind"].startswith(("kill", "pause"))
        ):
            yield _Line(fault["at"], f"fault {fault['number']}: {fault['kind']} {fault['target']}")


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3]
