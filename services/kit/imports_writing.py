"""Writing imported rows: a piece of the file in as few statements as there are things to write.

A piece that a constraint refuses is halved until the row that is refused stands alone and can be named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg

from services.kit import imports_statements as statements
from services.kit import journal
from services.kit.db import Session, violated
from services.kit.ids import new_id
from services.kit.imports_reading import Finding, Record
from services.kit.journal import Cause
from services.kit.profiles import Import, Profile, Telling, Walk, Written
from services.kit.settings import Settings

TRIED: Final = "?"
"""Before the hash of a value that could not be written."""


@dataclass(frozen=True, slots=True)
class Known:
    """A row that is here already, with the hashes of what its source said last."""

    id: UUID
    hashes: Mapping[str, str]
    deleted: bool


@dataclass(slots=True, eq=False)
class Change:
    """What a record comes to: a new row, or a patch of a known one. `columns` have changed in the file.

    `birth` is a new row as the statement takes it, once nothing of it changes any more and it was composed.
    """

    record: Record
    id: UUID
    new: bool
    columns: frozenset[str]
    fields: dict[str, Any]
    fact: str = "updated"
    birth: bytes = b""

    def compose(self) -> None:
        """Puts a new row into the words of the statement."""
        if self.new:
            record = self.record
            known = {"id": self.id, "external_id": record.external_id, "hashes": record.hashes}
            self.birth = orjson.dumps(known | self.fields)

    def patch(self, walk: Walk) -> dict[str, Any]:
        """What is to change of a known row, and the hashes to keep, as the statement takes them."""
        hashes = {key: self.record.hashes[key] for key in map(walk.key, self.columns)}
        return {
            "id": self.id,
            "external_id": self.record.external_id,
            "hashes": hashes,
            "patch": self.fields,
            "fact": self.fact,
        }

    def leave(self, key: str, field: str) -> None:
        """Leaves a field as it is (of a new row: empty); the next import tries it again."""
        if self.new:
            self.fields[field] = None
        else:
            self.fields.pop(field, None)
        self.record.hashes[key] = TRIED + self.record.hashes[key]


DELETED: Final = Finding("", "deleted", "is deleted here; restore it first, then import again")


@dataclass(slots=True)
class Effect:
    """What was written: how many rows were made and really changed, and what was refused of which record."""

    created: int
    updated: int
    refused: list[tuple[Record, Finding]]


async def known(
    session: Session, importing: Import, source: str, external_ids: Sequence[str]
) -> dict[str, Known]:
    """The rows that are here already, by external id, deleted ones included."""
    statement = statements.known(importing.aggregate, importing.table)
    found = await session.execute(statement, {"source": source, "keys": _json(external_ids)})
    return {
        key: Known(id, orjson.loads(hashes), deleted) for key, id, hashes, deleted in await found.fetchall()
    }


def changed(walk: Walk, record: Record, row: Known) -> frozenset[str]:
    """The columns in which the file says something else than when the row was last imported."""
    if record.hashes.items() <= row.hashes.items():
        return frozenset()
    return frozenset(
        name for name in walk.columns if row.hashes.get(key := walk.key(name)) != record.hashes[key]
    )


def change_of(walk: Walk, record: Record, row: Known | None, columns: frozenset[str]) -> Change:
    """What the record, whose fields are made, comes to where these columns have changed."""
    if row is None:
        return Change(record, new_id(), True, columns, record.fields)
    together = walk.together.fields if walk.together else ()
    fields = {
        name: value
        for name, value in record.fields.items()
        if not columns.isdisjoint(walk.sources[name]) and name not in together
    }
    return Change(record, row.id, False, columns, fields)


class Writer:
    """Writes changes for one walk of one job."""

    def __init__(
        self, importing: Import, profile: Profile, walk: Walk, cause: Cause, settings: Settings
    ) -> None:
        self._aggregate, self._noun = importing.aggregate, importing.table
        self._walk = walk
        self._cause, self._settings = cause, settings
        self._told = journal.told(cause) | {"source": profile.name}

    async def write(self, tx: Session, changes: Sequence[Change]) -> Effect:
        """Writes them in the transaction, in savepoints."""
        await tx.execute("SELECT set_config('foothold.external_ids', 'given', true)")
        ids = [change.id for change in changes if not change.new]
        present = await self._lock(tx, ids) if ids else dict[UUID, Any]()
        gone = {id for id in ids if id not in present}
        for change in changes:
            if change.id in present:
                self._meet(change, present[change.id])
        effect = await self._written(tx, [change for change in changes if change.id not in gone])
        effect.refused += [(change.record, DELETED) for change in changes if change.id in gone]
        return effect

    async def _lock(self, tx: Session, ids: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
        """Locks the rows that are to change, in the order of their ids; gives what they are to be met with."""
        fields = self._walk.together.fields if self._walk.together else ()
        found = await tx.execute(statements.lock(self._aggregate, fields), {"ids": ids})
        return {id: orjson.loads(present) for id, present in await found.fetchall()}

    def _meet(self, change: Change, present: Mapping[str, Any]) -> None:
        together = self._walk.together
        if together is not None and not change.columns.isdisjoint(together.columns):
            telling = Telling(change.record.values, change.columns, present, self._cause.actor)
            told = together.make(telling)
            change.fields |= told.fields
            change.fact = told.fact

    async def _written(self, tx: Session, changes: Sequence[Change]) -> Effect:
        if not changes:
            return Effect(0, 0, [])
        try:
            async with tx.transaction():
                return await self._at_once(tx, changes)
        except _OF_A_ROW as error:
            if len(changes) == 1:
                return Effect(0, 0, [(changes[0].record, self._finding(error))])
        half = len(changes) // 2
        first = await self._written(tx, changes[:half])
        second = await self._written(tx, changes[half:])
        return Effect(
            first.created + second.created, first.updated + second.updated, first.refused + second.refused
        )

    async def _at_once(self, tx: Session, changes: Sequence[Change]) -> Effect:
        new = [change for change in changes if change.new]
        old = [change for change in changes if not change.new]
        if new:
            await self._insert(tx, new)
        moved = await self._update(tx, old) if old else set[UUID]()
        if self._walk.beside is not None:
            written = [
                Written(change.id, change.new, change.fields)
                for change in changes
                if change.new or change.id in moved
            ]
            await self._walk.beside(tx, written, self._cause, self._settings)
        return Effect(len(new), len(moved), [])

    async def _insert(self, tx: Session, changes: Sequence[Change]) -> None:
        walk = self._walk
        fields, born = tuple(changes[0].fields), tuple(walk.born)
        statement = statements.insert(self._aggregate, self._noun, fields, born, walk.partition)
        rows = b"[" + b",".join(change.birth for change in changes) + b"]"
        given = {"rows": rows.decode()} | ({"born": _json(dict(walk.born))} if born else {})
        await tx.execute(statement, self._told | given)

    async def _update(self, tx: Session, changes: Sequence[Change]) -> set[UUID]:
        statement = statements.update(self._aggregate, self._noun, tuple(self._walk.sources))
        rows = [change.patch(self._walk) for change in changes]
        found = await tx.execute(statement, self._told | {"rows": _json(rows)})
        return {row[0] for row in await found.fetchall()}

    def _finding(self, error: psycopg.Error) -> Finding:
        if (error.diag.constraint_name or "").startswith("journal_"):
            return Finding("", "too_large", "is larger than 250,000 bytes as it would be recorded")
        field, code = violated(error)
        column = self._column_of(field)
        if isinstance(error, psycopg.errors.UniqueViolation):
            return Finding(
                column, code or "duplicate", f"there is one with the same {field or 'key'} already"
            )
        said = "names something that does not exist" if code == "unknown" else "cannot be stored"
        return Finding(column, code or "value", f"{field or 'a value'} {said}")

    def _column_of(self, field: str) -> str:
        if field in self._walk.fields:
            return self._walk.fields[field].columns[0]
        reference = self._walk.references.get(field)
        return reference.column if reference else ""


# Too large for an index is to psycopg an operational error, and yet the row's own.
_OF_A_ROW = (psycopg.IntegrityError, psycopg.DataError, psycopg.errors.ProgramLimitExceeded)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
