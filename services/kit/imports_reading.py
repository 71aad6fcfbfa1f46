"""Staged rows read by a profile: values, hashes of what the file says, and what was found wrong or mended."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from services.kit.profiles import Column, Profile, Telling

MENDED: Final = "mended"
"""The code of what was put right."""

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
    """A row as read: the file's values by column, the hashes of the walk's columns by their keys, the row's fields.

    `later` are the hashes of columns that a later walk writes. `fields` and `keys` are made where the row is to be
    written: `keys` are the external ids that references name, by field; a reference without one is None in `fields`.
    """

    row: int
    external_id: str
    values: Mapping[str, Any]
    hashes: dict[str, str]
    later: Mapping[str, str]
    mended: list[Finding]
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    keys: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Line:
    """A line of the report."""

    row: int
    external_id: str | None
    outcome: str
    findings: list[Finding]


class Examined(NamedTuple):
    """What a cell's text comes to; `note` says that it was mended, or what is wrong with it."""

    value: Any
    hash: str
    note: Finding | None


def refused(row: int, external_id: str | None, *findings: Finding) -> Line:
    """The line of a row that was not taken."""
    return Line(row, external_id or None, "REFUSED", list(findings))


def mended(row: int, external_id: str | None, findings: list[Finding]) -> Line:
    """The line of a row that was written otherwise than the file has it."""
    return Line(row, external_id or None, "MENDED", findings)


class Reader:
    """Reads rows for one walk of a profile: `read` their cells, then `make` the fields of what is to be written."""

    def __init__(self, profile: Profile, number: int, actor: str) -> None:
        walk = profile.walks[number]
        self._walk, self._actor = walk, actor
        self._answers = number == profile.main
        self._identity = profile.places[walk.identity]
        # The walk that answers for the rows reads every column, so that it finds all that is wrong with them.
        self._names = tuple(profile.columns) if self._answers else tuple({*walk.columns, walk.identity})
        self._examiners = [
            (profile.places[name], _examiner(name, profile.columns[name])) for name in self._names
        ]
        self._kept = [(walk.key(name), self._names.index(name)) for name in walk.columns]
        later = profile.linking if self._answers else ()
        self._later = [(name, self._names.index(name)) for name in later]

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
        cells = row.cells
        examined = [examine(cells[place]) for place, examine in self._examiners]
        notes = [one.note for one in examined if one.note is not None]
        wrong = [note for note in notes if note.code != MENDED]
        external_id = cells[self._identity]
        if not external_id and not wrong:
            wrong.append(Finding(self._walk.identity, "required", "is empty; it must say which row this is"))
        if wrong:
            return refused(row.row, external_id, *wrong)
        return Record(
            row.row,
            external_id,
            dict(zip(self._names, [one.value for one in examined], strict=True)),
            {key: examined[place].hash for key, place in self._kept},
            {name: examined[place].hash for name, place in self._later},
            mended=notes if self._answers else [],
        )

    def make(self, record: Record) -> list[Finding]:
        """Fills in the fields and keys of a record; returns what is wrong with them."""
        values, made = record.values, record.fields
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
        for name, reference in self._walk.references.items():
            if (key := values[reference.column]) is None:
                made[name] = None
            else:
                record.keys[name] = key
        return wrong


def _examiner(name: str, column: Column) -> Callable[[str], Examined]:
    @lru_cache(maxsize=REMEMBERED)
    def examine(text: str) -> Examined:
        hash_ = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        if not text:
            wrong = Finding(name, "required", "is empty; it must be there") if column.required else None
            return Examined(None, hash_, wrong)
        right = column.mends.get(text)
        note = None
        if right is not None:
            note = Finding(name, MENDED, f"{_quoted(text)} is read as {_quoted(right)}")
        try:
            return Examined(column.read(text if right is None else right), hash_, note)
        except ValueError as error:
            return Examined(None, hash_, Finding(name, "value", f"{error}, not {_quoted(text)}"))

    return examine


def _quoted(text: str) -> str:
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"
