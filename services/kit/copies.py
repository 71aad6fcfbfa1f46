"""Copies of what other services own: narrow tables that folds keep, read beside the service's own rows.

A copy's table has `id, version, deleted_at` and the columns that its service wants. Folding sets a copy to a newer
state, never adds to it, so that it can be repeated; a deleted row stays as a tombstone and keeps its version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, LiteralString

from psycopg import sql
from psycopg.types.json import Jsonb
from pydantic import BaseModel

from services.kit.db import Session
from services.kit.events import Event

GONE = ("deleted", "erased")


@dataclass(frozen=True, eq=False)
class Copy:
    """One kind of copy. `reader` is the service's own tolerant model of the owner's public state: its fields are the
    columns, and `types` their SQL types (text unless named)."""

    table: LiteralString
    reader: type[BaseModel]
    types: Mapping[str, LiteralString]

    @cached_property
    def _statement(self) -> sql.Composed:
        names = [name for name in self.reader.model_fields if name != "id"]
        columns = sql.SQL(", ").join(sql.Identifier(name) for name in names)
        record = sql.SQL(", ").join(
            sql.SQL("{} " + self.types.get(name, "text")).format(sql.Identifier(name)) for name in names
        )
        sets = sql.SQL(", ").join(
            sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in names
        )
        return sql.SQL("""
INSERT INTO {table} AS c (id, version, deleted_at, {columns})
SELECT DISTINCT ON (id) id, version, deleted_at, {columns}
FROM jsonb_to_recordset(%(rows)s) AS told(id uuid, version integer, deleted_at timestamptz, {record})
ORDER BY id, version DESC
ON CONFLICT (id) DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at, {sets}
WHERE c.version <= excluded.version
""").format(table=sql.Identifier(self.table), columns=columns, record=record, sets=sets)

    async def fold(self, session: Session, events: Sequence[Event]) -> None:
        """Sets the copies to what the events say, where that is not older.

        Raises ValidationError for a state that lacks a field.
        """
        rows = [
            self._row(e.data, e.version, e.time.isoformat() if e.type.partition(".")[2] in GONE else None)
            for e in events
        ]
        await self._write(session, rows)

    async def keep(self, session: Session, items: Sequence[Mapping[str, Any]]) -> None:
        """Sets the copies to rows that their owner showed; each holds `id` and `version` beside its fields."""
        await self._write(session, [self._row(item, item["version"], None) for item in items])

    def _row(self, data: Mapping[str, Any], version: int, deleted_at: str | None) -> dict[str, Any]:
        read = self.reader.model_validate(data)
        return read.model_dump(mode="json") | {"version": version, "deleted_at": deleted_at}

    async def _write(self, session: Session, rows: list[dict[str, Any]]) -> None:
        if rows:
            await session.execute(self._statement, {"rows": Jsonb(rows)})
