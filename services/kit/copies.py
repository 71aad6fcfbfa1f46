"""Copies of what other services own: narrow tables that folds keep, read beside the service's own rows.

A copy's table has `id, version, deleted_at, erased` and the columns that its service wants. Folding sets a copy to a
newer state, never adds to it, so that it can be repeated; a deleted row stays as a tombstone and keeps its version, and
one that was erased stays as it is for ever.

Of some copies what they were called before is kept beside them (`former`), and grows only: by every name that is told,
late or twice too. A rebuild leaves it, and who is erased has none. `known_from_start` says that the first version was
told, so that no name is from before.

To be made anew, copies forget their versions, so that whatever is told next holds; those that have none at the end were
not told of (`services.kit.rebuilding`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from services.kit.db import Session
from services.kit.events import ERASED, SWEPT, Event

GONE = ("deleted", ERASED, SWEPT)

MOST_FORMER: Final = 20
"""Former names that are kept of a copy at the most, so that nobody lets it grow for ever: the oldest go first."""
LONGEST_FORMER: Final = 200
"""Characters of a former name that are kept: as many as names have."""


class Names(NamedTuple):
    """What a copy was and is called, as far as it was told; `from_start` where that is since it was made."""

    said: list[str]
    from_start: bool


@dataclass(frozen=True, eq=False)
class Copy:
    """One kind of copy. `reader` is the service's own tolerant model of the owner's public state: its fields are the
    columns, and `types` their SQL types (text unless named). `told` makes of a copy what its owner would have told,
    where that is something else. With `former` the table also has `former_names text[]` and
    `known_from_start boolean`, beside a column `name`."""

    table: LiteralString
    reader: type[BaseModel]
    types: Mapping[str, LiteralString]
    told: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    former: bool = False

    @property
    def _names(self) -> list[str]:
        return [name for name in self.reader.model_fields if name != "id"]

    @cached_property
    def _statement(self) -> sql.Composed:
        columns = ["version", "deleted_at", "erased", *self._names]
        record = sql.SQL(", ").join(
            sql.SQL("{} " + self.types.get(name, "text")).format(sql.Identifier(name)) for name in self._names
        )
        sets = sql.SQL(", ").join(sql.SQL(self._set).format(sql.Identifier(name)) for name in columns)
        return sql.SQL(_REMEMBER if self.former else _FOLD).format(
            table=sql.Identifier(self.table),
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            record=record,
            sets=sets,
        )

    @property
    def _set(self) -> LiteralString:
        if self.former:
            return "{0} = CASE WHEN c.version <= excluded.version THEN excluded.{0} ELSE c.{0} END"
        return "{0} = excluded.{0}"

    @property
    def by_external_id(self) -> LiteralString:
        """SQL that gives (key, id) of the copies that are called `%(keys)s::text[]` in `%(source)s`, as imports ask.

        OFFSET keeps the lookups what they are, one by one in the index: for a join the planner would compare all with
        all.
        """
        return f"""
SELECT k.key, r.id FROM unnest(%(keys)s::text[]) AS k(key), LATERAL (
  SELECT c.id FROM {self.table} c
  WHERE c.external_ids @> jsonb_build_object(%(source)s::text, k.key) AND c.deleted_at IS NULL OFFSET 0
) r /* sight */"""

    async def fold(self, session: Session, events: Sequence[Event]) -> None:
        """Sets the copies to what the events say, where that is not older.

        Raises ValidationError for a state that lacks a field.
        """
        rows = [
            self._row(e.data, e.version, e.time.isoformat() if e.fact in GONE else None, e.fact == ERASED)
            for e in events
        ]
        await self._write(session, rows, names_told(events) if self.former else {})

    async def keep(self, session: Session, items: Sequence[Mapping[str, Any]]) -> None:
        """Sets the copies to rows that their owner showed; each holds `id` and `version` beside its fields."""
        await self._write(session, [self._row(item, item["version"], None, False) for item in items], {})

    async def forget_versions(self, session: Session, ids: Sequence[UUID] | None = None) -> None:
        """Lets whatever is told of them next hold, older or newer: of these copies, of all when none are named."""
        text = sql.SQL("""UPDATE {} SET version = 0
WHERE version <> 0 AND NOT erased AND (%(ids)s::uuid[] IS NULL OR id = ANY (%(ids)s::uuid[]))""")
        given = {"ids": None if ids is None else list(ids)}
        await session.execute(text.format(sql.Identifier(self.table)), given)

    async def untold(self, session: Session, limit: int) -> list[tuple[UUID, dict[str, Any]]]:
        """At most so many copies that nothing was told of since they forgot their versions: id, and what was told."""
        text = sql.SQL("""SELECT r.id, to_jsonb(r) FROM {} r
WHERE r.version = 0 AND r.deleted_at IS NULL ORDER BY r.id LIMIT %(limit)s /* sight */""")
        found = await session.execute(text.format(sql.Identifier(self.table)), {"limit": limit})
        return [(row[0], self.told(row[1])) async for row in found]

    async def names(self, session: Session, ids: Collection[UUID]) -> dict[UUID, Names]:
        """What these copies were and are called, of those that are known here; for copies with `former`."""
        text = sql.SQL("""SELECT r.id, r.former_names || r.name, r.known_from_start FROM {} r
WHERE r.id = ANY (%(ids)s::uuid[]) /* sight */""")
        found = await session.execute(text.format(sql.Identifier(self.table)), {"ids": list(ids)})
        return {row[0]: Names(row[1], row[2]) async for row in found}

    def _row(
        self, data: Mapping[str, Any], version: int, deleted_at: str | None, erased: bool
    ) -> dict[str, Any]:
        read = self.reader.model_validate(data)
        return read.model_dump(mode="json") | {
            "version": version,
            "deleted_at": deleted_at,
            "erased": erased,
        }

    async def _write(
        self, session: Session, rows: list[dict[str, Any]], names: Mapping[UUID, Sequence[str]]
    ) -> None:
        if rows:
            known = Jsonb({str(id): list(told) for id, told in names.items()})
            bounds = {"most": MOST_FORMER, "longest": LONGEST_FORMER}
            await session.execute(self._statement, {"rows": Jsonb(rows), "names": known} | bounds)


def names_told(events: Sequence[Event]) -> dict[UUID, list[str]]:
    """What the events' subjects are and were called by what is told here, oldest first."""
    names: dict[UUID, list[str]] = {}
    for event in sorted(events, key=lambda event: event.version):
        before = (event.changed or {}).get("name", {}).get("from")
        told = (before, event.data["name"])
        names.setdefault(event.subject_id, []).extend(name for name in told if name)
    return names


_FOLD: LiteralString = """
INSERT INTO {table} AS c (id, {columns})
SELECT DISTINCT ON (id) id, {columns}
FROM jsonb_to_recordset(%(rows)s)
  AS told(id uuid, version integer, deleted_at timestamptz, erased boolean, {record})
ORDER BY id, version DESC
ON CONFLICT (id) DO UPDATE SET {sets}
WHERE c.version <= excluded.version AND NOT c.erased"""


def _former(known: LiteralString, present: LiteralString, erased: LiteralString) -> LiteralString:
    """SQL of the names in a set of rows that are former where the present one is this, each once, oldest first."""
    return f"""CASE WHEN {erased} THEN '{{{{}}}}' ELSE ARRAY(
  SELECT kept.name FROM (
    SELECT left(n.name, %(longest)s::integer) AS name, min(n.at) AS at
    FROM {known} WITH ORDINALITY n(name, at) WHERE btrim(n.name) <> '' AND n.name <> {present}
    GROUP BY 1 ORDER BY 2 DESC LIMIT %(most)s::integer
  ) kept ORDER BY kept.at) END"""


_TOLD_FORMER = _former("jsonb_array_elements_text(%(names)s::jsonb -> r.id::text)", "r.name", "r.erased")
_ALL_FORMER = _former(
    "unnest(c.former_names || c.name || excluded.former_names || excluded.name)",
    "CASE WHEN c.version <= excluded.version THEN excluded.name ELSE c.name END",
    "excluded.erased AND c.version <= excluded.version",
)
_REMEMBER: LiteralString = f"""
INSERT INTO {{table}} AS c (id, {{columns}}, known_from_start, former_names)
SELECT r.*, {_TOLD_FORMER} FROM (
  SELECT DISTINCT ON (id) id, {{columns}}, bool_or(version = 1) OVER (PARTITION BY id)
  FROM jsonb_to_recordset(%(rows)s)
    AS told(id uuid, version integer, deleted_at timestamptz, erased boolean, {{record}})
  ORDER BY id, version DESC
) r
ON CONFLICT (id) DO UPDATE SET {{sets}}, former_names = {_ALL_FORMER},
  known_from_start = c.known_from_start OR excluded.known_from_start
WHERE NOT c.erased AND (c.version <= excluded.version OR excluded.known_from_start > c.known_from_start
  OR NOT (excluded.former_names || excluded.name) <@ (c.former_names || c.name))"""
