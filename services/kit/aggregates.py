"""Aggregates: what is journaled as one thing, and the SQL by which a row of it is shown, told and compared."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Final, LiteralString, cast

from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Boolean, Column, Date, DateTime, Integer, Table, Uuid
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

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
    text, quote = _as_json(column)
    named = f'{before}"{name}":'
    told = [sql.Literal(named + quote), sql.SQL(text).format(value)]
    if quote:
        told.append(sql.Literal(quote))
    return sql.SQL("coalesce({}, {})").format(sql.SQL(" || ").join(told), sql.Literal(named + "null"))


def _as_json(column: Column[Any]) -> tuple[LiteralString, str]:
    """How a value of the column becomes JSON, and what stands around it. What needs no escapes is spared the look."""
    match column.type:
        case JSONB() | Integer() | Boolean():
            return "{}::text", ""
        case Uuid() | Date() | DateTime():
            return "{}::text", '"'
        case postgresql.ARRAY():
            return "to_json({})::text", ""
        case _:
            return "JSON_SCALAR({})::text", ""


def sent(aggregate: Aggregate, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as the driver takes them: JSON columns wrapped, enumerations as their codes."""
    return {name: _sent(value, json=name in aggregate.json_columns) for name, value in values.items()}


def _sent(value: Any, *, json: bool) -> Any:
    if value is None:
        return None
    if json:
        return Jsonb(value)
    return value.value if isinstance(value, Enum) else value
