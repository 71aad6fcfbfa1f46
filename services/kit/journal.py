"""The journal: every change of a row writes the row, what happened, and the answer to give, in one statement.

`create`, `update` and `remove` each execute a single statement: the row itself, its journal entry (outbox, history and
change feed at once), the entry's place in the numbering queue, and the idempotency key with the answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property, lru_cache
from typing import Any, Final, LiteralString, cast
from uuid import UUID

from psycopg import sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb
from sqlalchemy import Column, DateTime, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from services.kit.conditional import Expected
from services.kit.db import Session, literal, one
from services.kit.idempotency import Key, keep, parameters
from services.kit.ids import new_id
from services.kit.problems import Forbidden, NotFound, PreconditionFailed

NOTHING: Mapping[str, LiteralString] = {}
WAS: Final = "was_"
# A function takes a hundred arguments at most.
_ARGUMENTS: Final = 90


@dataclass(frozen=True, eq=False)
class Aggregate:
    """What is journaled as one thing, and how its row is shown.

    `fields` are the columns of the projection, in order: it serves GET, lists, panels and the journal's state alike.
    `kept` are columns that only the journal keeps. `confided` are fields that not everybody may know who sees the row:
    what shows them takes SQL over the row `r` that says whether the viewer `knows`, and they are null where not.
    """

    name: str
    plural: str
    table: type[SQLModel]
    fields: tuple[str, ...]
    kept: tuple[str, ...] = ()
    confided: tuple[str, ...] = ()
    state_version: int = 1

    @property
    def _table(self) -> Table:
        return cast("Table", getattr(self.table, "__table__"))  # noqa: B009  # SQLModel sets it on table classes only

    @property
    def relation(self) -> sql.Identifier:
        """The table's name, quoted."""
        return sql.Identifier(self._table.name)

    @property
    def table_name(self) -> str:
        """The table's name: what `external_id` calls the noun."""
        return self._table.name

    @cached_property
    def columns(self) -> Mapping[str, Column[Any]]:
        """The table's columns by name."""
        return dict(self._table.c)

    @cached_property
    def json_columns(self) -> frozenset[str]:
        """The names of the columns that hold JSON."""
        return frozenset(name for name, column in self.columns.items() if isinstance(column.type, JSONB))

    def projection(self, *, kept: bool = False, knows: LiteralString = "true") -> sql.Composed:
        """The select list that shows row `r`."""
        names = self.fields + (self.kept if kept else ())
        shown = [sql.SQL("{} AS {}").format(self._known(name, knows), sql.Identifier(name)) for name in names]
        return sql.SQL(", ").join(shown)

    def json(self, knows: LiteralString = "true") -> sql.Composed:
        """Row `r` as JSON, in the order of the fields."""
        return sql.SQL("(SELECT row_to_json(s) FROM (SELECT {}) s)").format(self.projection(knows=knows))

    def text(self, names: Sequence[str], knows: LiteralString = "true") -> sql.Composed:
        """These fields of row `r` as the text of such JSON: two thirds of the time for many rows, longer for one."""
        members = [
            _member(name, self.columns[name], self._known(name, knows), "," if number else "{")
            for number, name in enumerate(names)
        ]
        parts = [members[start : start + _ARGUMENTS] for start in range(0, len(members), _ARGUMENTS)]
        joined = [sql.SQL("concat({})").format(sql.SQL(", ").join(part)) for part in parts]
        return sql.SQL("concat({}, '}}')").format(sql.SQL(", ").join(joined))

    def _known(self, name: str, knows: LiteralString) -> sql.Composed:
        """The field of row `r` as JSON shall show it, to who knows what is confided."""
        value = _told_of(name, self.columns[name])
        if name not in self.confided:
            return value
        return sql.SQL("CASE WHEN {} THEN {} END").format(sql.SQL(knows), value)

    def beside(self) -> sql.Composed:
        """What the journal keeps of row `r` beside what is shown, as JSON."""
        kept = [
            sql.SQL("{}, {}").format(sql.Literal(name), _told_of(name, self.columns[name]))
            for name in self.kept
        ]
        return sql.SQL("jsonb_build_object({})").format(sql.SQL(", ").join(kept))

    def was(self, names: Iterable[str]) -> sql.Composed:
        """What an UPDATE gives back of these columns' old values, for `changed` to compare with."""
        return sql.SQL("").join(
            sql.SQL(", old.{} AS {}").format(sql.Identifier(name), sql.Identifier(WAS + name))
            for name in self._journaled(names)
        )

    def changed(self, names: Iterable[str]) -> sql.Composed:
        """In which of these columns row `r` differs from what it was: `{field: {"from": ..., "to": ...}}`."""
        told = [_change(name, self.columns[name]) for name in self._journaled(names)]
        return sql.SQL("({})").format(sql.SQL(" || ").join([sql.SQL("'{{}}'::jsonb").format(), *told]))

    def _journaled(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name in self.fields or name in self.kept]


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


@dataclass(frozen=True)
class Shown:
    """A row as it stands after a change: its id, version and JSON text."""

    id: UUID
    version: int
    json: str


def _told_of(name: str, column: Column[Any]) -> sql.Composed:
    """The column of row `r` as JSON shall show it."""
    form: LiteralString = "instant(r.{})" if isinstance(column.type, DateTime) else "r.{}"
    return sql.SQL(form).format(sql.Identifier(name))


def _change(name: str, column: Column[Any]) -> sql.Composed:
    text = sql.SQL("""CASE WHEN r.{new} IS DISTINCT FROM r.{old}
      THEN jsonb_build_object({name}, jsonb_build_object('from', {before}, 'to', {after})) ELSE '{{}}' END""")
    return text.format(
        new=sql.Identifier(name),
        old=sql.Identifier(WAS + name),
        name=sql.Literal(name),
        before=_told_of(WAS + name, column),
        after=_told_of(name, column),
    )


def _member(name: str, column: Column[Any], value: sql.Composed, before: str) -> sql.Composed:
    """The value of a column as the text of a member of a JSON object."""
    form: LiteralString = "JSON_SCALAR({})::text"
    if isinstance(column.type, JSONB):
        form = "{}::text"
    elif isinstance(column.type, postgresql.ARRAY):
        form = "to_json({})::text"
    named = f'{before}"{name}":'
    text = sql.SQL(form).format(value)
    return sql.SQL("coalesce({} || {}, {})").format(sql.Literal(named), text, sql.Literal(named + "null"))


def _value(name: str, column: Column[Any]) -> sql.Composed:
    kind = cast("LiteralString", column.type.compile(dialect=postgresql.dialect()))
    return sql.SQL("{}::" + kind).format(sql.Placeholder(name))


def _patched(name: str, column: Column[Any]) -> sql.Composed:
    if column.info.get("merged"):
        return sql.SQL("jsonb_strip_nulls(r.{} || {})").format(sql.Identifier(name), _value(name, column))
    return _value(name, column)


def sent(aggregate: Aggregate, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the driver takes them: JSON columns wrapped, enumerations as their codes."""
    return {name: _sent(value, json=name in aggregate.json_columns) for name, value in values.items()}


def _sent(value: Any, *, json: bool) -> Any:
    if value is None:
        return None
    if json:
        return Jsonb(value)
    return value.value if isinstance(value, Enum) else value


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

    None otherwise: nothing was written, and `miss` says why. `allowed` is SQL over the row `r` and `given`.
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
        row = await miss(
            session, aggregate, id,
            viewer=cause.member_id, sight=sight, may=may, expected=expected, given=given,
        )  # fmt: skip
        await keep(session, cause.key, status=200, answer=row.json, version=row.version)
    return row


@lru_cache(maxsize=256)
def _read_statement(
    aggregate: Aggregate,
    sight: LiteralString,
    may: LiteralString,
    knows: LiteralString = "true",
    lock: LiteralString = "",
) -> LiteralString:
    text = sql.SQL(
        "SELECT r.id, r.version, {json}::text, {may} FROM {relation} r"
        " WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND ({sight}){lock}"
    ).format(
        json=aggregate.json(knows),
        may=sql.SQL(may),
        relation=aggregate.relation,
        sight=sql.SQL(sight),
        lock=sql.SQL(lock),
    )
    return literal(text)


async def read(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    *,
    viewer: UUID | None,
    sight: LiteralString,
    knows: LiteralString = "true",
    given: Mapping[str, Any] | None = None,
) -> Shown:
    """The row as it stands. Raises NotFound when there is none or the viewer may not see it.

    `sight` and `knows` are SQL over the row `r` and `given`.
    """
    parameters_ = {"id": id, "viewer": viewer, **(given or {})}
    row = await one(session, _read_statement(aggregate, sight, "true", knows), parameters_)
    if row is None:
        raise NotFound(aggregate.name.replace("_", " "))
    return Shown(row[0], row[1], row[2])


async def miss(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    *,
    viewer: UUID | None,
    sight: LiteralString,
    may: LiteralString = "true",
    knows: LiteralString = "true",
    expected: Expected = None,
    given: Mapping[str, Any] | None = None,
) -> Shown:
    """Why a change wrote nothing: the row as it stands when the change said nothing new.

    `sight`, `may` and `knows` are SQL over the row `r` and `given`. Raises NotFound, Forbidden (seen, but not the
    viewer's to edit), PreconditionFailed (another version).
    """
    parameters_ = {"id": id, "viewer": viewer, **(given or {})}
    statement = _read_statement(aggregate, sight, may, knows)
    return _judged(aggregate, await one(session, statement, parameters_), expected)


async def hold(
    session: Session,
    aggregate: Aggregate,
    id: UUID,
    *,
    viewer: UUID | None,
    sight: LiteralString,
    may: LiteralString,
    expected: Expected,
) -> Shown:
    """The row as it stands, locked until the transaction ends against changes and against all that would refer to it.

    Raises what `miss` does.
    """
    statement = _read_statement(aggregate, sight, may, lock=" FOR UPDATE OF r")
    return _judged(aggregate, await one(session, statement, {"id": id, "viewer": viewer}), expected)


def _judged(aggregate: Aggregate, row: TupleRow | None, expected: Expected) -> Shown:
    if row is None:
        raise NotFound(aggregate.name.replace("_", " "))
    if not row[3]:
        raise Forbidden("not_yours_to_edit", "You may see this, but only its owner may change it.")
    if expected is not None and row[1] != expected:
        raise PreconditionFailed(str(row[2]).encode(), row[1])
    return Shown(row[0], row[1], row[2])
