"""Staged rows read by a profile: values, hashes of what the file says, and what was found wrong or mended."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from services.kit.profiles import Column, Profile, Telling

REMEMBERED: Final = 20_000
"""Texts of a column whose reading is remembered; most columns have few."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row, or was mended: the file's column (empty for the row as a whole), a stable code, a
    sentence that says what would be right."""

    column: str
    code: str
    message: str

    def told(self) -> dict[str, str]:
        """As the report keeps it."""
        return {"field": self.column, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Staged:
    """A row of the staging table; `refused` is what was found wrong before any cell was read."""

    row: int
    cells: list[str]
    refused: list[dict[str, str]] | None


@dataclass(slots=True)
class Record:
    """A row as read: the file's values by column, the hashes of the walk's columns, the row's fields.

    `keys` are the external ids that the references name, by field; a reference without one is None in `fields` already.
    `later` are the hashes of columns that a later walk writes.
    """

    row: int
    external_id: str
    values: Mapping[str, Any]
    hashes: dict[str, str]
    fields: dict[str, Any]
    keys: dict[str, str]
    later: Mapping[str, str]
    mended: list[Finding] = field(default_factory=list[Finding])


@dataclass(slots=True)
class Line:
    """A line of the report."""

    row: int
    external_id: str | None
    outcome: str
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Examined:
    """What a cell's text comes to."""

    value: Any
    hash: str
    mended: Finding | None
    wrong: Finding | None


def refused(row: int, external_id: str | None, *findings: Finding) -> Line:
    """The line of a row that was not taken."""
    return Line(row, external_id or None, "REFUSED", list(findings))


def mended(row: int, external_id: str | None, findings: list[Finding]) -> Line:
    """The line of a row that was written otherwise than the file has it."""
    return Line(row, external_id or None, "MENDED", findings)


class Reader:
    """Reads rows for one walk of a profile."""

    def __init__(self, profile: Profile, number: int, actor: str) -> None:
        walk = profile.walks[number]
        self._walk, self._actor = walk, actor
        self._answers = number == profile.main
        self._identity = profile.places[walk.identity]
        # The walk that answers for the rows reads every column, so that it finds all that is wrong with them.
        read = profile.columns if self._answers else {*walk.columns, walk.identity}
        self._columns = [
            (name, profile.places[name], _examiner(name, profile.columns[name])) for name in read
        ]
        self._kept = walk.columns
        self._later = profile.linking if self._answers else ()

    def read(self, rows: Iterable[Staged]) -> tuple[list[Record], list[Line]]:
        """The rows' records, and the report's lines of those that cannot be taken."""
        records: list[Record] = []
        lines: list[Line] = []
        for row in rows:
            found = self._read(row)
            if isinstance(found, Record):
                records.append(found)
            elif self._answers:
                lines.append(found)
        return records, lines

    def _read(self, row: Staged) -> Record | Line:
        if row.refused:
            findings = [Finding(one["field"], one["code"], one["message"]) for one in row.refused]
            return refused(row.row, None, *findings)
        external_id = row.cells[self._identity]
        examined = {name: examine(row.cells[place]) for name, place, examine in self._columns}
        wrong = [one.wrong for one in examined.values() if one.wrong is not None]
        if not external_id and not wrong:
            wrong.append(Finding(self._walk.identity, "required", "is empty; it must say which row this is"))
        if wrong:
            return refused(row.row, external_id, *wrong)
        values = {name: one.value for name, one in examined.items()}
        made, wrong = self._made(values)
        if wrong:
            return refused(row.row, external_id, *wrong)
        hashes = {name: examined[name].hash for name in self._kept}
        later = {name: examined[name].hash for name in self._later}
        record = Record(row.row, external_id, values, hashes, made, {}, later)
        self._note_references(record)
        if self._answers:
            record.mended = [one.mended for one in examined.values() if one.mended is not None]
        return record

    def _made(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
        made: dict[str, Any] = {}
        wrong: list[Finding] = []
        for name, source in self._walk.fields.items():
            try:
                made[name] = source.make(*[values[column] for column in source.columns])
            except ValueError as error:
                wrong.append(Finding(source.columns[0], "value", str(error)))
        if together := self._walk.together:
            try:
                made |= together.make(Telling(values, None, None, self._actor)).fields
            except ValueError as error:
                wrong.append(Finding(together.columns[0], "value", str(error)))
        return made, wrong

    def _note_references(self, record: Record) -> None:
        for name, reference in self._walk.references.items():
            key = record.values[reference.column]
            if key is None:
                record.fields[name] = None
            else:
                record.keys[name] = key


def _examiner(name: str, column: Column) -> Callable[[str], Examined]:
    @lru_cache(maxsize=REMEMBERED)
    def examine(text: str) -> Examined:
        hash_ = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        if not text:
            wrong = Finding(name, "required", "is empty; it must be there") if column.required else None
            return Examined(None, hash_, None, wrong)
        right = column.mends.get(text)
        note = (
            None if right is None else Finding(name, "mended", f"{_quoted(text)} is read as {_quoted(right)}")
        )
        try:
            return Examined(column.read(text if right is None else right), hash_, note, None)
        except ValueError as error:
            return Examined(None, hash_, None, Finding(name, "value", f"{error}, not {_quoted(text)}"))

    return examine


def _quoted(text: str) -> str:
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"
