"""The uploaded file of an import: read once from front to end, checked, and copied row by row into the staging table.

What makes the file as a whole unreadable (not UTF-8, not CSV, another header) is refused here, before anything is kept;
what is wrong with a single row is found later and reported. A byte-order mark and any line ends are welcome.
"""

import asyncio
import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, Final, LiteralString, NoReturn
from uuid import UUID

import orjson

from services.kit.db import Session
from services.kit.problems import FieldError, Invalid, invalid
from services.kit.profiles import Profile

BLOCK: Final = 4_000
"""Rows that are read and sent at a time."""

MOST_CHARACTERS: Final = 1_000_000
"""Characters of a line of the file, at the most."""

MOST_IN_ROW: Final = 50_000
"""Characters of a row, at the most: so a piece of rows is small, whatever the file holds."""

_COPY: LiteralString = "COPY import_row (job_id, walk, row, cells, refused) FROM STDIN"


class FileRows:
    """The rows of a CSV file as the staging table keeps them. `count` of them have been read.

    Raises Invalid naming `file`, or the column of its header, on construction and while reading.
    """

    def __init__(self, file: BinaryIO, profile: Profile) -> None:
        self.count = 0
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        self._reader = csv.reader(self._lines(), strict=True)
        self._rows = enumerate(self._guarded(), start=1)
        self._order = self._header(profile)

    def block(self, prefix: bytes) -> bytes:
        """The next rows in COPY's text format, each after `prefix`; empty at the end of the file."""
        return b"".join(prefix + line for line in islice(self._staged(), BLOCK))

    def detach(self) -> None:
        """Lets go of the file, which stays open."""
        self._text.detach()

    def _staged(self) -> Iterator[bytes]:
        width = len(self._order)
        for number, cells in self._rows:
            if not cells:
                continue
            self.count += 1
            if len(cells) != width:
                yield _refused(number, "cells", f"has {len(cells)} cells where the header has {width}")
            elif sum(map(len, cells)) > MOST_IN_ROW:
                yield _refused(number, "too_long", f"has more than {MOST_IN_ROW:,} characters")
            else:
                yield _line(number, [cells[place].strip() for place in self._order], None)

    def _header(self, profile: Profile) -> Sequence[int]:
        """Where in the file each of the profile's columns stands."""
        header = [name.strip() for name in next((cells for _, cells in self._rows if cells), list[str]())]
        if not header:
            raise invalid("file", "empty", f"is empty; its first row must be {_named(profile)}")
        errors = [
            FieldError(
                f"file.{name[:100]}",
                "unknown_column",
                f"is no column of {profile.name}; they are {_named(profile)}",
            )
            for name in header
            if name not in profile.columns
        ]
        errors += [
            FieldError(f"file.{name}", "duplicate_column", "is there twice; leave one out")
            for name in profile.columns
            if header.count(name) > 1
        ]
        errors += [
            FieldError(f"file.{name}", "missing_column", f"is missing; the columns are {_named(profile)}")
            for name in profile.columns
            if name not in header
        ]
        if errors:
            raise Invalid(errors[:100])
        return [header.index(name) for name in profile.columns]

    def _lines(self) -> Iterator[str]:
        while line := self._text.readline(MOST_CHARACTERS):
            if "\x00" in line:
                _refuse("holds a NUL character; send CSV text in UTF-8")
            if len(line) == MOST_CHARACTERS and line[-1] not in "\r\n":
                _refuse(f"has a line of more than {MOST_CHARACTERS:,} characters; send CSV text in UTF-8")
            yield line

    def _guarded(self) -> Iterator[list[str]]:
        try:
            yield from self._reader
        except UnicodeDecodeError:
            _refuse(f"is not UTF-8 beyond line {self._reader.line_num}; save it as CSV in UTF-8")
        except csv.Error as error:
            _refuse(f"is not CSV at line {self._reader.line_num}: {error}")


def _refuse(message: str) -> NoReturn:
    raise invalid("file", "not_csv", message)


def _named(profile: Profile) -> str:
    return ",".join(profile.columns)


def _refused(number: int, code: str, message: str) -> bytes:
    return _line(number, [], [{"field": "", "code": code, "message": message}])


def _line(number: int, cells: list[str], refused: Any) -> bytes:
    told = b"\\N" if refused is None else _escaped(refused)
    return b"%d\t%b\t%b\n" % (number, _escaped(cells), told)


def _escaped(value: Any) -> bytes:
    """JSON text holds no tab and no line end; its backslashes are COPY's."""
    return orjson.dumps(value).replace(b"\\", b"\\\\")


async def stage(tx: Session, rows: FileRows, profile: Profile, job: UUID) -> None:
    """Copies the rows into the staging table. Raises Invalid for a file that is not CSV; roll back then."""
    prefix = b"%b\t%d\t" % (str(job).encode(), profile.main)
    async with tx.cursor() as cursor, cursor.copy(_COPY) as copy:
        while block := await asyncio.to_thread(rows.block, prefix):
            await copy.write(block)


def digest(file: BinaryIO) -> bytes:
    """The SHA-256 of the file, which is left at its beginning."""
    found = hashlib.sha256()
    while block := file.read(1 << 20):
        found.update(block)
    file.seek(0)
    return found.digest()
