"""The journal: every change of a row writes the row, what happened, and the answer to give, in one statement.

`create`, `update` and `remove` each execute a single statement: the row itself, its journal entry (outbox, history and
change feed at once), the entry's place in the numbering queue, and the idempotency key with the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, LiteralString, cast
from uuid import UUID

from psycopg import sql
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

from services.kit import current
from services.kit.aggregates import Aggregate, sent
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session, literal, one
from services.kit.idempotency import Key, keep, parameters
from services.kit.ids import new_id

NOTHING: Mapping[str, LiteralString] = {}


@dataclass(frozen=True)
class Cause:
    """Who changes something and on what occasion: goes with every journal entry.

    `member_id` is what predicates of sight compare with; `key` makes the change answer once.
    """

    actor: str
    member_id: UUID | None = None
    request_id: str | None = None
    traceparent: str | None = None
    imported: bool = False
    key: Key | None = None


@dataclass(frozen=True)
class Along:
    """What else the statement of a change writes, if it changes anything: see `services.kit.sets`.

    `text` is SQL: further members of its WITH list, which may read `shown` and `entry`; `values` are its parameters.
    """

    text: LiteralString
    values: Mapping[str, Any]


ALONE = Along("", {})


def _value(name: str, column: Column[Any]) -> sql.Composed:
    kind = cast("LiteralString", column.type.compile(dialect=postgresql.dialect()))
    return sql.SQL("{}::" + kind).format(sql.Placeholder(name))


def _patched(name: str, column: Column[Any]) -> sql.Composed:
    if column.info.get("merged"):
        return sql.SQL("jsonb_strip_nulls(r.{} || {})").format(sql.Identifier(name), _value(name, column))
    return _value(name, column)


_ENTRY = sql.SQL("""INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, request_id,
                       traceparent, imported, changed, state, state_version)
  SELECT {type}, {name}, id, version, partition_key, %(_actor)s::text, %(_request_id)s::text, %(_traceparent)s::text,
         %(_imported)s::boolean, {changed}, {state}, {state_version}
  FROM {source}
  RETURNING id, recorded_at""")


def entry(
    aggregate: Aggregate,
    source: LiteralString,
    *,
    fact: LiteralString,
    state: LiteralString,
    changed: LiteralString = "changed",
) -> sql.Composed:
    """What enters rows of a step of a statement into the journal; gives their `id` and `recorded_at`.

    `fact`, `state` and `changed` are SQL over `source`, whose rows have `id`, `version` and `partition_key`. The
    parameters are those of `told`.
    """
    return _ENTRY.format(
        type=sql.SQL("{} || " + fact).format(sql.Literal(f"{aggregate.name}.")),
        name=sql.Literal(aggregate.name),
        changed=sql.SQL(changed),
        state=sql.SQL(state),
        state_version=sql.Literal(aggregate.state_version),
        source=sql.SQL(source),
    )


_RECORDED = sql.SQL("""
shown AS (
  SELECT r.id, r.version, r.partition_key, {json} AS answer, {beside} AS beside, {changed} AS changed FROM {source} r
), entry AS (
  {entry}
), queued AS (
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry
), keyed AS (
  INSERT INTO idempotency_key (caller, key, fingerprint, status, version, answer)
  SELECT %(_caller)s::text, %(_key)s::text, %(_fingerprint)s::bytea, %(_status)s::smallint, {answer}
  FROM shown WHERE %(_key)s::text IS NOT NULL
){along}
SELECT id, version, answer::text FROM shown""")


def _recorded(
    aggregate: Aggregate,
    source: LiteralString,
    *,
    changed: sql.Composable,
    answered: bool,
    along: LiteralString,
) -> sql.Composed:
    return _RECORDED.format(
        json=aggregate.json(),
        beside=aggregate.beside(),
        changed=changed,
        source=sql.SQL(source),
        entry=entry(aggregate, "shown", fact="%(_fact)s::text", state="answer::jsonb || beside"),
        answer=sql.SQL("version, answer::text") if answered else sql.SQL("NULL, NULL"),
        along=sql.SQL(along),
    )


@lru_cache(maxsize=512)
def _create_statement(
    aggregate: Aggregate,
    names: tuple[str, ...],
    filled: tuple[tuple[str, LiteralString], ...],
    guard: LiteralString,
    along: LiteralString,
) -> LiteralString:
    columns = aggregate.columns
    found = {name: sql.SQL("(" + text + ")") for name, text in filled}
    text = sql.SQL("""WITH born AS (
  INSERT INTO {relation} AS r (id, version, partition_key, created_at, created_by, updated_at, updated_by{columns})
  SELECT %(id)s::uuid, 1, coalesce({partition_key}, %(id)s::uuid),
         now(), %(_actor)s::text, now(), %(_actor)s::text{values}
  WHERE {guard}
  RETURNING r.*
), {recorded}""").format(
        relation=aggregate.relation,
        columns=sql.Composed([sql.SQL(", {}").format(sql.Identifier(name)) for name in names]),
        values=sql.Composed(
            [sql.SQL(", {}").format(found.get(name) or _value(name, columns[name])) for name in names]
        ),
        partition_key=found.get("partition_key") or sql.SQL("%(partition_key)s::uuid"),
        guard=sql.SQL(guard),
        recorded=_recorded(aggregate, "born", changed=sql.SQL("NULL::jsonb"), answered=True, along=along),
    )
    return literal(text)


@lru_cache(maxsize=1024)
def _update_statement(
    aggregate: Aggregate,
    names: tuple[str, ...],
    allowed: LiteralString,
    answered: bool,
    along: LiteralString,
) -> LiteralString:
    columns = aggregate.columns
    wanted = [(sql.Identifier(name), _patched(name, columns[name])) for name in names]
    sets = [sql.SQL("{} = {}").format(*each) for each in wanted]
    moved = [sql.SQL("r.{} IS DISTINCT FROM {}").format(*each) for each in wanted]
    text = sql.SQL("""WITH hit AS (
  UPDATE {relation} AS r
  SET {sets}, version = r.version + 1, updated_at = now(), updated_by = %(_actor)s::text
  WHERE r.id = %(id)s::uuid AND (r.version = %(expected)s::integer OR %(expected)s::integer IS NULL)
    AND ({moved}) AND {alive} AND ({allowed})
  RETURNING r.*{was}
), {recorded}""").format(
        relation=aggregate.relation,
        sets=sql.SQL(", ").join(sets),
        moved=sql.SQL(" OR ").join(moved),
        alive=sql.SQL("true" if "deleted_at" in names else "r.deleted_at IS NULL"),
        allowed=sql.SQL(allowed),
        was=aggregate.was(names),
        recorded=_recorded(
            aggregate, "hit", changed=aggregate.changed(names), answered=answered, along=along
        ),
    )
    return literal(text)


def told(cause: Cause) -> dict[str, Any]:
    """The parameters of every entry in the journal: who, and on what occasion."""
    return {
        "_actor": cause.actor,
        "_request_id": cause.request_id,
        "_traceparent": cause.traceparent,
        "_imported": cause.imported,
    }


def _occasion(cause: Cause, fact: str, status: int) -> dict[str, Any]:
    """What goes with every change, apart from the columns: an activity has a type and a status of its own."""
    kept = {f"_{name}": value for name, value in parameters(cause.key).items()}
    return told(cause) | kept | {"_fact": fact, "_status": status, "viewer": cause.member_id}


async def create(
    session: Session,
    aggregate: Aggregate,
    values: Mapping[str, Any],
    cause: Cause,
    *,
    id: UUID | None = None,
    partition_key: UUID | None = None,
    fact: str = "created",
    filled: Mapping[str, LiteralString] = NOTHING,
    guard: LiteralString = "true",
    given: Mapping[str, Any] | None = None,
    along: Along = ALONE,
    status: int = 201,
) -> Shown | None:
    """Writes a new row and what goes with it. None when `guard` does not hold: nothing was written.

    `partition_key` is the row's for ever: its account's id, else its own. `filled` are columns, `partition_key` among
    them, that SQL finds; it and `guard` are over `values` and `given`. Raises psycopg.errors.UniqueViolation and the
    like where the table's constraints do.
    """
    statement = _create_statement(aggregate, tuple(values), tuple(filled.items()), guard, along.text)
    parameters_ = (
        sent(aggregate, values)
        | _occasion(cause, fact, status)
        | {"id": id or new_id(), "partition_key": partition_key, **along.values, **(given or {})}
    )
    row = await one(session, statement, parameters_)
    return None if row is None else Shown(row[0], row[1], row[2])


async def update(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    values: Mapping[str, Any],
    cause: Cause,
    *,
    expected: Expected = None,
    fact: str = "updated",
    allowed: LiteralString = "true",
    given: Mapping[str, Any] | None = None,
    along: Along = ALONE,
    status: int = 200,
) -> Shown | None:
    """Changes the row if it stands at `expected` (None: any version), `allowed` holds and a value really differs.

    None otherwise: nothing was written, and `current.miss` says why. `allowed` is SQL over the row `r` and `given`.
    A deleted row is changed only by setting its `deleted_at`. A change that answers 204 keeps no answer text. The
    values of a merged column are members of its object; those that are None go.
    """
    if not values:
        return None
    statement = _update_statement(aggregate, tuple(values), allowed, status != 204, along.text)
    meant = {"id": id, "expected": expected, **along.values, **(given or {})}
    row = await one(session, statement, sent(aggregate, values) | _occasion(cause, fact, status) | meant)
    return None if row is None else Shown(row[0], row[1], row[2])


async def remove(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    cause: Cause,
    *,
    at: datetime,
    expected: Expected = None,
    allowed: LiteralString = "true",
    given: Mapping[str, Any] | None = None,
    along: Along = ALONE,
) -> Shown | None:
    """Marks the row deleted, as `update` would."""
    return await update(
        session, aggregate, id, {"deleted_at": at}, cause, expected=expected, fact="deleted",
        allowed="r.deleted_at IS NULL AND (" + allowed + ")", given=given, along=along, status=204,
    )  # fmt: skip


async def change(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    values: Mapping[str, Any],
    cause: Cause,
    *,
    expected: Expected,
    sight: LiteralString,
    may: LiteralString = "true",
    fact: str = "updated",
    given: Mapping[str, Any] | None = None,
    along: Along = ALONE,
) -> Shown:
    """Changes the row on behalf of the cause's member; gives it as it stands then, also when nothing was new.

    `sight` and `may` are SQL over the row `r` and `given`: whether the member sees it, and may change it. Raises what
    `miss` does.
    """
    allowed: LiteralString = "(" + sight + ") AND (" + may + ")"
    row = await update(
        session, aggregate, id, values, cause,
        expected=expected, fact=fact, allowed=allowed, given=given, along=along,
    )  # fmt: skip
    if row is None:
        row = await current.miss(
            session, aggregate, id,
            viewer=cause.member_id, sight=sight, may=may, expected=expected, given=given,
        )  # fmt: skip
        await keep(session, cause.key, status=200, answer=row.json, version=row.version)
    return row
