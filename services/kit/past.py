"""The past of rows: whose past is shown to whom, and a row as it stood at an instant, read from the journal.

Today's rules decide: whoever sees the row now sees its past, and of old states the fields that rows have today.
Instants are those at which the journal recorded a change: what a history (`services.kit.history`) shows as
`recorded_at`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Annotated, Any, LiteralString, TypeAlias
from uuid import UUID

from fastapi import Query
from psycopg import sql
from pydantic import BeforeValidator, WithJsonSchema

from services.kit import current
from services.kit.access import Sight, everybody
from services.kit.aggregates import Aggregate
from services.kit.clock import instant
from services.kit.current import Shown
from services.kit.db import Session, literal, one
from services.kit.events import SNAPSHOT
from services.kit.filters import INSTANT
from services.kit.identity import Viewer
from services.kit.problems import Gone, NotFound, Problem, invalid
from services.kit.rows import STAMPS

# What every change moves, and what none does.
_UNTOLD = frozenset({"id", "version", *STAMPS})


@dataclass(frozen=True, eq=False)
class Names:
    """The names of rows to which a past may refer; `relation` has `id`, `name` and `deleted_at`."""

    relation: LiteralString
    sight: Sight | None = None

    def among(self, viewer: Viewer) -> LiteralString:
        """Gives id and name of those of the rows `mentioned` that the viewer sees: SQL."""
        seen = self.sight.visible(viewer) if self.sight else "true"
        return (
            "SELECT r.id, r.name FROM " + self.relation + " r"
            " WHERE r.id = ANY ((SELECT ids FROM mentioned)::uuid[]) AND r.deleted_at IS NULL AND " + seen
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Past:
    """The past of an aggregate's rows.

    `row` is SQL that finds the row `r` by the path's parameters, `seen` gives SQL that says whether the viewer sees it,
    `knows` whether the viewer knows what is confided of it. `names` are of rows to which it refers. `same` says of
    lists of objects by which member an object is the same before and after.
    """

    aggregate: Aggregate
    seen: Callable[[Viewer], LiteralString]
    row: LiteralString = "r.id = %(id)s::uuid"
    names: tuple[Names, ...] = ()
    knows: Callable[[Viewer], LiteralString] = everybody
    same: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def what(self) -> str:
        """What a row is called in refusals."""
        return self.aggregate.name.replace("_", " ")

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields whose changes are told, in order; those that are computed from others say nothing new."""
        columns = self.aggregate.columns
        told = (name for name in self.aggregate.fields if name not in _UNTOLD)
        return tuple(name for name in told if columns[name].computed is None)

    @cached_property
    def snapshot(self) -> sql.Literal:
        """The type of the entries that only repeat what a version was."""
        return sql.Literal(f"{self.aggregate.name}.{SNAPSHOT}")

    def found(self, seen: LiteralString, knows: LiteralString) -> sql.Composed:
        """The step `seen` of a statement: the row today, if the viewer sees it."""
        return _FOUND.format(
            relation=self.aggregate.relation, row=sql.SQL(self.row), seen=sql.SQL(seen), knows=sql.SQL(knows)
        )

    def entries(self) -> sql.Composed:
        """Whether the entry `j` of the journal is one of the row in `seen`."""
        return _ENTRIES.format(name=sql.Literal(self.aggregate.name))


_FOUND = sql.SQL("""seen AS MATERIALIZED (
  SELECT r.id, r.version, r.created_at, {knows} AS knows
  FROM {relation} r WHERE {row} AND r.deleted_at IS NULL AND {seen}
)""")
# Another aggregate may share the id, and have many more versions: the row's own version keeps away from those.
_ENTRIES = sql.SQL("""j.aggregate_id = (SELECT id FROM seen) AND j.version <= (SELECT version FROM seen)
    AND j.aggregate = {name}""")


class NotThen(Problem):
    """A row that the caller sees was not there at that instant."""

    status, title = 404, "Not found"

    def __init__(self, detail: str) -> None:
        super().__init__("not_there_then", detail)


def _moment(text: Any) -> Any:
    try:
        return INSTANT.parse(text)
    except ValueError:
        raise ValueError(f"must be {INSTANT.said}") from None


AsOf: TypeAlias = Annotated[
    datetime | None,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Query(description="Shows the row as it stood at this instant, which has to be past."),
]
"""The query parameter of routes that show a row."""


async def at(
    session: Session, past: Past, as_of: datetime, viewer: Viewer, given: Mapping[str, UUID]
) -> Shown:
    """The row as it stood at the instant, with the fields of today. One statement.

    `given` are the path's parameters. Raises NotFound (not seen today), Invalid (an instant to come), NotThen (the row
    was not born yet, or was deleted), Gone (the journal does not go so far back).
    """
    statement = _statement(past, past.seen(viewer), past.knows(viewer))
    row = await one(session, statement, {**given, "viewer": viewer.member_id, "as_of": as_of})
    if row is None:
        raise NotFound(past.what)
    id, future, version, event, json, born = row
    if future:
        raise invalid("as_of", "future", "lies in the future; ask for an instant that is past")
    if version is None and as_of < born:
        raise NotThen(f"The {past.what} was not there yet; it is there since {instant(born)}.")
    if version is None:
        raise Gone("too_old", "What was then is not kept any more; ask for a later instant.")
    if event in _ENDS:
        raise NotThen(f"The {past.what} was deleted at that instant.")
    return Shown(id, version, json)


async def show(session: Session, past: Past, id: UUID, as_of: datetime | None, viewer: Viewer) -> Shown:
    """The row as it stands or, where an instant is given, as it stood then. One statement.

    Raises NotFound, and what `at` does.
    """
    if as_of is not None:
        return await at(session, past, as_of, viewer, {"id": id})
    sight, knows = past.seen(viewer), past.knows(viewer)
    return await current.read(session, past.aggregate, id, viewer=viewer.member_id, sight=sight, knows=knows)


_ENDS = frozenset({"deleted", "erased"})
# Where the change that made a version is forgotten, a snapshot says what the version was.
_AT = sql.SQL("""WITH {found}, made AS MATERIALIZED (
  SELECT j.version, split_part(j.type, '.', 2) AS event, j.state
  FROM journal j WHERE {entries} AND j.recorded_at <= %(as_of)s::timestamptz AND j.type <> {snapshot}
  ORDER BY j.version DESC LIMIT 1
), stood AS MATERIALIZED (
  SELECT * FROM made
  UNION ALL (
    SELECT j.version, split_part(j.type, '.', 2), j.state
    FROM journal j WHERE {entries} AND j.recorded_at <= %(as_of)s::timestamptz AND NOT EXISTS (SELECT FROM made)
    ORDER BY j.version DESC, j.recorded_at DESC LIMIT 1
  )
)
SELECT s.id, %(as_of)s::timestamptz > clock_timestamp(), t.version, t.event,
       (SELECT row_to_json(s)::text FROM (SELECT {fields}) s),
       CASE WHEN t.version IS NULL THEN coalesce((
         SELECT min(j.recorded_at) FROM journal j WHERE {entries} AND j.version = 1 AND j.type <> {snapshot}
       ), s.created_at) END
FROM seen s LEFT JOIN stood t ON true""")


@lru_cache(maxsize=256)
def _statement(past: Past, seen: LiteralString, knows: LiteralString) -> LiteralString:
    return literal(
        _AT.format(
            found=past.found(seen, knows),
            entries=past.entries(),
            fields=sql.SQL(", ").join(_stood(past, name) for name in past.aggregate.fields),
            snapshot=past.snapshot,
        )
    )


def _stood(past: Past, name: str) -> sql.Composed:
    value = sql.SQL("t.version" if name == "version" else "t.state -> {}").format(sql.Literal(name))
    if name in past.aggregate.confided:
        value = sql.SQL("CASE WHEN (SELECT knows FROM seen) THEN {} END").format(value)
    return sql.SQL("{} AS {}").format(value, sql.Identifier(name))
