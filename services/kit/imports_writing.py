"""Writing imported rows: a piece of the file in as few statements as there are things to write.

New rows are one statement: the rows, their external ids with hashes, the journal, the queue. Changed rows are another;
a row's patch holds only what the file has changed. A piece that a constraint refuses is halved until the row that is
refused stands alone and can be named.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, LiteralString, cast
from uuid import UUID

import orjson
import psycopg
from psycopg import sql

from services.kit.db import Session
from services.kit.ids import new_id
from services.kit.imports_reading import Finding, Record
from services.kit.journal import Aggregate, Cause
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
    """What a record comes to: a new row, or a patch of a known one. `columns` have changed in the file."""

    record: Record
    id: UUID
    new: bool
    columns: frozenset[str]
    fields: dict[str, Any]
    fact: str = "updated"

    @property
    def hashes(self) -> dict[str, str]:
        """The hashes to keep."""
        return {name: self.record.hashes[name] for name in self.columns}

    def leave(self, column: str, field: str) -> None:
        """Leaves a field as it is (of a new row: empty); the next import tries it again."""
        if self.new:
            self.fields[field] = None
        else:
            self.fields.pop(field, None)
        self.record.hashes[column] = TRIED + self.record.hashes[column]


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
    statement = _known_statement(importing.aggregate, importing.table)
    found = await session.execute(statement, {"source": source, "keys": list(external_ids)})
    return {
        key: Known(id, orjson.loads(hashes), deleted) for key, id, hashes, deleted in await found.fetchall()
    }


def change_of(walk: Walk, record: Record, row: Known | None) -> Change | None:
    """What the record comes to; None when the file says nothing new of a known row."""
    if row is None:
        return Change(record, new_id(), True, frozenset(walk.columns), {**walk.born, **record.fields})
    columns = frozenset(name for name, hash_ in record.hashes.items() if row.hashes.get(name) != hash_)
    if not columns:
        return None
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
        self._source = profile.name
        self._walk = walk
        self._cause, self._settings = cause, settings

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
        found = await tx.execute(_lock_statement(self._aggregate, fields), {"ids": ids})
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
        except (psycopg.IntegrityError, psycopg.DataError) as error:
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
        fields = tuple(changes[0].fields)
        given = [
            change.fields | {"id": change.id, "external_ids": {self._source: change.record.external_id}}
            for change in changes
        ]
        statement = _insert_statement(self._aggregate, self._noun, fields, self._walk.partition)
        await tx.execute(statement, self._told(changes) | {"rows": _json(given)})

    async def _update(self, tx: Session, changes: Sequence[Change]) -> set[UUID]:
        statement = _update_statement(self._aggregate, self._noun, tuple(self._walk.sources))
        given = [{"id": change.id, "patch": change.fields, "fact": change.fact} for change in changes]
        found = await tx.execute(statement, self._told(changes) | {"rows": _json(given)})
        return {row[0] for row in await found.fetchall()}

    def _told(self, changes: Sequence[Change]) -> dict[str, Any]:
        ids = [
            {"external_id": change.record.external_id, "row_id": change.id, "hashes": change.hashes}
            for change in changes
        ]
        return {
            "ids": _json(ids),
            "source": self._source,
            "actor": self._cause.actor,
            "request_id": self._cause.request_id,
            "traceparent": self._cause.traceparent,
        }

    def _finding(self, error: psycopg.Error) -> Finding:
        name = error.diag.constraint_name or ""
        if name.startswith("journal_"):
            return Finding("", "too_large", "is larger than 250,000 bytes as it would be recorded")
        field, _, code = name.partition("__")[2].rpartition("__")
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


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _frozen(text: sql.Composed) -> sql.SQL:
    return sql.SQL(cast("LiteralString", text.as_string(None)))  # composed of literals and identifiers alone


def _listed(names: Iterable[str], prefix: LiteralString = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(prefix + "{}").format(sql.Identifier(name)) for name in names)


_ENTERED = sql.SQL("""shown AS (
  SELECT r.id, r.version, r.partition_key, {fact} AS fact, (SELECT to_jsonb(s) FROM (SELECT {state}) s) AS state{before}
  FROM {source}
), entry AS (
  INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, request_id, traceparent, imported,
                       changed, state, state_version)
  SELECT {name} || '.' || fact, {name}, id, version, partition_key, %(actor)s::text, %(request_id)s::text,
         %(traceparent)s::text, true, {changed}, state, {state_version} FROM shown
  RETURNING id, recorded_at
), queued AS (
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry
)""")
_WAS = sql.SQL(", (SELECT to_jsonb(s) FROM (SELECT (hit.before).*) r, LATERAL (SELECT {}) s) AS was")


def _entered(
    aggregate: Aggregate, fact: LiteralString, *, source: LiteralString, before: bool
) -> sql.Composed:
    state = aggregate.projection(kept=True)
    return _ENTERED.format(
        state=state,
        before=_WAS.format(state) if before else sql.SQL(""),
        changed=sql.SQL("changed_fields(was, state)") if before else sql.SQL("NULL"),
        source=sql.SQL(source),
        fact=sql.SQL(fact),
        name=sql.Literal(aggregate.name),
        state_version=sql.Literal(aggregate.state_version),
    )


@lru_cache(maxsize=64)
def _known_statement(aggregate: Aggregate, noun: str) -> sql.SQL:
    return _frozen(
        sql.SQL("""SELECT x.external_id, x.row_id, x.hashes::text, r.deleted_at IS NOT NULL /* sight */
FROM external_id x JOIN {relation} r ON r.id = x.row_id
WHERE x.noun = {noun} AND x.source = %(source)s::text AND x.external_id = ANY (%(keys)s::text[])""").format(
            relation=aggregate.relation, noun=sql.Literal(noun)
        )
    )


@lru_cache(maxsize=64)
def _lock_statement(aggregate: Aggregate, fields: tuple[str, ...]) -> sql.SQL:
    pairs = sql.SQL(", ").join(
        sql.SQL("{}, r.{}").format(sql.Literal(name), sql.Identifier(name)) for name in fields
    )
    return _frozen(
        sql.SQL("""SELECT r.id, json_build_object({pairs})::text FROM {relation} r
WHERE r.id = ANY (%(ids)s::uuid[]) AND r.deleted_at IS NULL
ORDER BY r.id FOR NO KEY UPDATE /* sight */""").format(pairs=pairs, relation=aggregate.relation)
    )


@lru_cache(maxsize=64)
def _insert_statement(
    aggregate: Aggregate, noun: str, fields: tuple[str, ...], partition: str | None
) -> sql.SQL:
    partition_key = sql.SQL("coalesce(g.{}, g.id)").format(sql.Identifier(partition)) if partition else None
    return _frozen(
        sql.SQL("""WITH born AS (
  INSERT INTO {relation} AS r (id, version, partition_key, created_at, created_by, updated_at, updated_by,
                               external_ids, {fields})
  SELECT g.id, 1, {partition_key}, now(), %(actor)s::text, now(), %(actor)s::text, g.external_ids, {values}
  FROM json_populate_recordset(NULL::{relation}, %(rows)s::json) g
  RETURNING r.*
), named AS (
  INSERT INTO external_id (noun, source, external_id, row_id, hashes)
  SELECT {noun}, %(source)s::text, i.external_id, i.row_id, i.hashes
  FROM json_to_recordset(%(ids)s::json) AS i(external_id text, row_id uuid, hashes jsonb)
), {entered}
SELECT count(*) FROM entry""").format(
            relation=aggregate.relation,
            noun=sql.Literal(noun),
            fields=_listed(fields),
            values=_listed(fields, "g."),
            partition_key=partition_key or sql.SQL("g.id"),
            entered=_entered(aggregate, "'created'", source="born r", before=False),
        )
    )


@lru_cache(maxsize=64)
def _update_statement(aggregate: Aggregate, noun: str, fields: tuple[str, ...]) -> sql.SQL:
    return _frozen(
        sql.SQL("""WITH given AS MATERIALIZED (
  SELECT id, patch, fact FROM json_to_recordset(%(rows)s::json) AS g(id uuid, patch jsonb, fact text)
), hit AS (
  UPDATE {relation} AS r
  SET ({fields}) = (SELECT {values} FROM jsonb_populate_record(r, g.patch) n),
      version = r.version + 1, updated_at = now(), updated_by = %(actor)s::text
  FROM given g
  WHERE r.id = g.id AND r.deleted_at IS NULL AND jsonb_populate_record(r, g.patch) IS DISTINCT FROM r
  RETURNING g.fact, old AS before, new AS after
), named AS (
  UPDATE external_id x SET hashes = x.hashes || i.hashes
  FROM json_to_recordset(%(ids)s::json) AS i(external_id text, row_id uuid, hashes jsonb)
  WHERE x.noun = {noun} AND x.source = %(source)s::text AND x.external_id = i.external_id
), {entered}
SELECT id FROM shown""").format(
            relation=aggregate.relation,
            noun=sql.Literal(noun),
            fields=_listed(fields),
            values=_listed(fields, "n."),
            entered=_entered(
                aggregate, "hit.fact", source="hit, LATERAL (SELECT (hit.after).*) r", before=True
            ),
        )
    )
