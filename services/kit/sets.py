"""Sets: rows of an aggregate, one or many, written whole by one statement, each with its journal entry.

`put` is a statement of its own; `along` goes with a change of another aggregate, so that both happen or neither. A row
of a set holds all of the aggregate's own columns: it is born where there is none, and else becomes what it is told.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString, cast
from uuid import UUID

import orjson
from psycopg import sql
from sqlalchemy.dialects import postgresql

from services.kit import journal
from services.kit.aggregates import Aggregate
from services.kit.current import Shown
from services.kit.db import Session, execute, literal
from services.kit.journal import ALONE, Along, Cause, entry

_WRITTEN = sql.SQL("""{given} AS (
  SELECT * FROM jsonb_to_recordset(%({rows})s::jsonb) AS g(id uuid, partition_key uuid, fact text, {record})
), {done} AS (
  INSERT INTO {relation} AS r (id, version, partition_key, created_at, created_by, updated_at, updated_by, {names})
  SELECT g.id, 1, g.partition_key, now(), %(_actor)s::text, now(), %(_actor)s::text, {values}
  FROM {given} g WHERE {guard} ORDER BY g.id
  ON CONFLICT (id) DO UPDATE SET version = r.version + 1, updated_at = now(), updated_by = %(_actor)s::text, {sets}
  RETURNING r.*, old.id IS NOT NULL AS known{was}
), {shown} AS (
  SELECT r.id, r.version, r.partition_key, g.fact, {json} AS answer, {beside} AS beside,
         CASE WHEN r.known THEN {changed} END AS changed
  FROM {done} r JOIN {given} g ON g.id = r.id
), {entry} AS (
  {entered}
), {queued} AS (
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM {entry}
)""")


# What many new rows say alike is sent once.
_BORN = sql.SQL("""WITH born AS (
  INSERT INTO {relation} AS r (id, version, partition_key, created_at, created_by, updated_at, updated_by, {names})
  SELECT g.id, 1, g.partition_key, now(), %(_actor)s::text, now(), %(_actor)s::text, {values}
  FROM jsonb_to_recordset(%(births)s::jsonb) AS g(id uuid, partition_key uuid, kind integer)
  JOIN jsonb_to_recordset(%(kinds)s::jsonb) AS k(kind integer, {record}) ON k.kind = g.kind
  RETURNING r.*
), shown AS (
  SELECT r.id, r.version, r.partition_key, (SELECT to_jsonb(s) FROM (SELECT {state}) s) AS state FROM born r
), entry AS (
  {entry}
)
INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry""")


@dataclass(frozen=True)
class Put:
    """One row of a set: the values of its own columns, by name, and what has happened to it."""

    id: UUID
    partition_key: UUID
    values: Mapping[str, Any]
    fact: str = "updated"


async def put(
    session: Session, aggregate: Aggregate, rows: Sequence[Put], cause: Cause, *, along: Along = ALONE
) -> list[Shown]:
    """Writes the rows, which all name the same columns, and gives them as they stand, by id. One statement.

    Every row given becomes a new version: leave out what has not changed. Keeps no idempotency key.
    """
    if not rows:
        return []
    told = journal.told(cause) | {"_rows": _sent(rows), **along.values}
    statement = _put_statement(aggregate, tuple(rows[0].values), along.text)
    cursor = await execute(session, statement, told)
    return [Shown(*row) for row in await cursor.fetchall()]


def along(aggregate: Aggregate, rows: Sequence[Put]) -> Along:
    """The rows as what goes with a change of another aggregate; their entries come after its own."""
    if not rows:
        return ALONE
    return Along(_along_text(aggregate, tuple(rows[0].values)), {"_also_rows": _sent(rows)})


@dataclass(frozen=True)
class Birth:
    """A row that is born: whose it is, and which of some few kinds it is of."""

    id: UUID
    partition_key: UUID
    kind: int


async def bear(
    session: Session,
    aggregate: Aggregate,
    births: Sequence[Birth],
    kinds: Sequence[Mapping[str, Any]],
    cause: Cause,
) -> None:
    """Writes many new rows that say what their kind says: the values of its own columns, by name. One statement."""
    if not births:
        return
    numbered = [{"kind": number, **values} for number, values in enumerate(kinds)]
    given = {"births": orjson.dumps(births).decode(), "kinds": orjson.dumps(numbered).decode()}
    await session.execute(_born_statement(aggregate, tuple(kinds[0])), journal.told(cause) | given)


def _sent(rows: Sequence[Put]) -> str:
    meant = (
        {"id": row.id, "partition_key": row.partition_key, "fact": row.fact, **row.values} for row in rows
    )
    return orjson.dumps(list(meant)).decode()


@lru_cache(maxsize=64)
def _put_statement(aggregate: Aggregate, names: tuple[str, ...], along: LiteralString) -> LiteralString:
    written = _written(aggregate, names, prefix="", guard="true", source="shown ORDER BY id")
    text = sql.SQL("WITH {}{} SELECT id, version, answer::text FROM shown ORDER BY id").format(
        written, sql.SQL(along)
    )
    return literal(text)


@lru_cache(maxsize=64)
def _born_statement(aggregate: Aggregate, names: tuple[str, ...]) -> LiteralString:
    columns = [sql.Identifier(name) for name in names]
    text = _BORN.format(
        relation=aggregate.relation,
        names=_joined(columns),
        values=_joined(sql.SQL("k.{}").format(column) for column in columns),
        record=record_of(aggregate, names),
        state=aggregate.projection(kept=True),
        entry=entry(aggregate, "shown", fact="'created'", state="state", changed="NULL::jsonb"),
    )
    return literal(text)


@lru_cache(maxsize=64)
def _along_text(aggregate: Aggregate, names: tuple[str, ...]) -> LiteralString:
    # Reading `entry` makes the change's own entry come first.
    written = _written(
        aggregate,
        names,
        prefix="also_",
        guard="EXISTS (SELECT FROM shown)",
        source="also_shown, (SELECT count(*) FROM entry) told ORDER BY id",
    )
    return literal(sql.SQL(", {}").format(written))


def _written(
    aggregate: Aggregate,
    names: tuple[str, ...],
    *,
    prefix: LiteralString,
    guard: LiteralString,
    source: LiteralString,
) -> sql.Composed:
    columns = [sql.Identifier(name) for name in names]
    return _WRITTEN.format(
        **{step: sql.SQL(prefix + step) for step in _STEPS},
        rows=sql.SQL("_" + prefix + "rows"),
        record=record_of(aggregate, names),
        relation=aggregate.relation,
        names=_joined(columns),
        values=_joined(sql.SQL("g.{}").format(column) for column in columns),
        guard=sql.SQL(guard),
        sets=_joined(sql.SQL("{0} = excluded.{0}").format(column) for column in columns),
        json=aggregate.json(),
        beside=aggregate.beside(),
        was=aggregate.was(names),
        changed=aggregate.changed(names),
        entered=entry(aggregate, source, fact="fact", state="answer::jsonb || beside"),
    )


_STEPS: tuple[LiteralString, ...] = ("given", "done", "shown", "entry", "queued")


def _joined(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def record_of(aggregate: Aggregate, names: Iterable[str]) -> sql.Composed:
    """The columns as JSON is read into a record of them."""
    return _joined(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(_kind(aggregate, name))) for name in names
    )


def _kind(aggregate: Aggregate, name: str) -> LiteralString:
    return cast("LiteralString", aggregate.columns[name].type.compile(dialect=postgresql.dialect()))
