"""Lists: one page of any of them, found and rendered by one SQL statement.

A resource describes its list by a `Listing` (`kit/grammar.py`), `parse` reads a request (`kit/asking.py`), and `page`
answers it. Sort keys are never null in SQL (nulls are mapped behind all values), so a deep page costs what the first
one costs.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from services.kit import opaque
from services.kit.access import FEW, Way
from services.kit.asking import Asked, Over
from services.kit.db import Session, execute, literal
from services.kit.grammar import Listing, Order, Within
from services.kit.identity import Viewer
from services.kit.problems import Invalid, NotFound, invalid


def _opened(cursor: str, mark: str, keys: int) -> tuple[list[str], UUID]:
    try:
        told, *after, id_ = opaque.opened(cursor)
        id = UUID(id_)
    except (ValueError, TypeError, AttributeError):
        raise _not_a_cursor() from None
    if told != mark:
        raise invalid("cursor", "cursor", "belongs to another list, filter or sort; start again without it")
    if len(after) != keys:
        raise _not_a_cursor()
    return [str(key) for key in after], id


def _not_a_cursor() -> Invalid:
    return invalid("cursor", "cursor", "is not a cursor of this list; start again without it")


def _of_list(mark: str, given: Mapping[str, Any]) -> str:
    """The mark of the very list that `given` makes of the listing."""
    told = mark + "".join(f" {name} {value}" for name, value in sorted(given.items()))
    return hashlib.blake2b(told.encode(), digest_size=9).hexdigest()


def _closed(mark: str, keys: Iterable[str], id_: UUID) -> str:
    return opaque.closed([mark, *keys, str(id_)])


# The keys of a sort as columns of what is between the table and the page.
_KEYS: tuple[LiteralString, ...] = ("k0", "k1")
_PAGE = sql.SQL("""{reach}SELECT
  coalesce(string_agg(r.json, ',' ORDER BY r.n) FILTER (WHERE r.n <= %(limit)s), ''),
  ARRAY[{last}],
  (array_agg(r.id) FILTER (WHERE r.n = %(limit)s))[1],
  count(*) > %(limit)s,
  {total},
  {within}
FROM (
  SELECT r.id, {r_keys}, {json} AS json, row_number() OVER (ORDER BY {r_order}) AS n FROM ({rows}) r
) r""")
_LAST = sql.SQL("max(r.{}::text) FILTER (WHERE r.n = %(limit)s)")
_BRANCH = sql.SQL("""(SELECT {columns}, {keys} FROM {relation} r
    WHERE {where} ORDER BY {unknown}{order} LIMIT %(limit)s + 1)""")
# From each account in view, each person below, or each value asked for, the first rows of the page; of them all, the
# first again.
_FROM_EACH = sql.SQL("""(SELECT w.id, {w_keys} FROM ({ways}) w
    ORDER BY {w_order} LIMIT %(limit)s + 1)""")
_WHOLE = sql.SQL("(SELECT r.*, {w_keys} FROM {found} w JOIN {relation} r ON r.id = w.id)")
_WAY = sql.SQL("""SELECT w.id, {w_keys} FROM {start} s CROSS JOIN LATERAL (
      SELECT r.id, {keys} FROM {rows} r
      WHERE {joins} AND {where} ORDER BY {order} LIMIT %(limit)s + 1) w
    WHERE {gate}""")
# Where no index gives the rows of one account or person in the order asked for, they are all read and sorted. The
# planner, who knows how many these have on average, would walk the whole list for someone who has less.
_ALL_OF_ONE = sql.SQL("(SELECT * FROM {relation} r WHERE {joins} AND r.deleted_at IS NULL OFFSET 0)")
_FROM_VIEWER: LiteralString = "s.viewer_id = %(viewer)s::uuid AND (SELECT few FROM reach)"
_REACH = sql.SQL("WITH reach AS MATERIALIZED (SELECT /* sight */ {probes} AS few) ")
_PROBE = sql.SQL("""(SELECT count(*) <= {few} FROM (
  SELECT FROM {start} s WHERE s.viewer_id = %(viewer)s::uuid LIMIT {few} + 1) probe)""")


async def page(
    session: Session, listing: Listing, asked: Asked, viewer: Viewer, given: Mapping[str, Any] | None = None
) -> str:
    """One page of the list as JSON text: `{"items": [...], "next_cursor": ..., "total"?}`. One statement.

    `given` are the values that the listing's `where` wants. Raises Invalid (a cursor that is not of this list) and
    NotFound (the row is not seen that the list lies within).
    """
    mark = _of_list(asked.mark, given or {})
    values = {**asked.values, **(given or {}), "viewer": viewer.member_id, "limit": asked.limit}
    if asked.cursor is not None:
        keys, values["after_id"] = _opened(asked.cursor, mark, len(listing.orders[asked.sort].keys))
        values |= dict(zip(_KEYS, keys, strict=False))
    items, keys, id_, more, total, within = await _read(session, listing, asked, viewer, values)
    if within is None and listing.within is not None:
        raise NotFound(listing.within.what)
    cursor = orjson.dumps(_closed(mark, keys, id_)).decode() if more else "null"
    counted = f',"total":{total}' if asked.count else ""
    return f'{{"items":[{items}],"next_cursor":{cursor}{counted}}}'


async def _read(
    session: Session, listing: Listing, asked: Asked, viewer: Viewer, values: Mapping[str, Any]
) -> TupleRow:
    statement = _statement(listing, _shape(listing, asked, viewer))
    # A pattern decides which index is good, so a statement that holds one is planned for its values.
    prepare = False if asked.patterned else None
    try:
        row = await (await execute(session, statement, values, prepare=prepare)).fetchone()
    except (psycopg.DataError, UnicodeEncodeError) as error:
        if asked.cursor is None:
            raise
        # All other values have been read already; whoever made this cursor knew how, but not what goes into it.
        raise _not_a_cursor() from error
    assert row is not None
    return row


def matching(listing: Listing, asked: Asked, viewer: Viewer) -> LiteralString:
    """Which rows `r` the viewer sees of those asked for, in SQL over `asked.values` and `viewer`.

    For statements that look at all of them, such as sums; `page` is for reading them in order.
    """
    where = _all_of(listing.where, *asked.all_conditions)
    if listing.sight is None:
        return where
    if listing.sight.everything(viewer) or asked.selective:
        return where + " AND " + listing.sight.at(asked.pinned).visible(viewer)
    return where + " AND r.id IN (" + listing.sight.reach(listing.relation) + ")"


@dataclass(frozen=True)
class _Shape:
    """All that a page's statement depends on; its values are bound when it runs."""

    conditions: tuple[LiteralString, ...]
    all_conditions: tuple[LiteralString, ...]
    over: Over | None
    unknown: LiteralString | None
    patterned: bool
    sort: str
    fields: tuple[str, ...]
    count: bool
    continued: bool
    matching: LiteralString
    visible: LiteralString
    knows: LiteralString
    within: LiteralString
    ways: tuple[Way, ...]

    @property
    def of_ids(self) -> bool:
        """Whether branches give ids alone: several are planned sooner so, where each request is planned anew."""
        return self.patterned and bool(self.ways)


def _shape(listing: Listing, asked: Asked, viewer: Viewer) -> _Shape:
    sight = listing.sight
    direct = sight is None or sight.everything(viewer) or asked.selective
    return _Shape(
        asked.conditions,
        asked.all_conditions,
        asked.over,
        asked.unknown,
        asked.patterned,
        asked.sort,
        asked.fields,
        asked.count,
        asked.cursor is not None,
        matching(listing, asked, viewer) if asked.count else "true",
        sight.at(_pinned(asked)).visible(viewer) if sight else "true",
        listing.knows(viewer),
        _within(listing.within, viewer),
        () if direct or sight is None else tuple(sight.ways()),
    )


def _pinned(asked: Asked) -> Mapping[LiteralString, LiteralString]:
    """The columns of which a walk knows the value: what is asked of it is asked once, and not of every row."""
    return asked.pinned if asked.over is None else {**asked.pinned, asked.over.column: "s.value"}


@lru_cache(maxsize=1024)
def _statement(listing: Listing, shape: _Shape) -> LiteralString:
    order = listing.orders[shape.sort]
    names = _KEYS[: len(order.keys)]
    keys: list[LiteralString] = ["r." + name for name in names]
    total = sql.SQL("(SELECT count(*) FROM {} r WHERE {})").format(
        sql.SQL(listing.relation), sql.SQL(shape.matching)
    )
    return literal(
        _PAGE.format(
            reach=_reach(shape.ways),
            last=sql.SQL(", ").join(_LAST.format(sql.SQL(name)) for name in names),
            total=total if shape.count else sql.SQL("NULL::bigint"),
            within=sql.SQL(shape.within),
            r_keys=sql.SQL(", ".join(keys)),
            r_order=_ordered([*keys, "r.id"], down=order.down),
            json=listing.aggregate.text(shape.fields, shape.knows),
            rows=_rows_of_page(listing, shape, order),
        )
    )


def _within(within: Within | None, viewer: Viewer) -> LiteralString:
    if within is None:
        return "true"
    return (
        "(SELECT true FROM " + within.relation + " r WHERE r.id = %(" + within.key + ")s::uuid"
        " AND r.deleted_at IS NULL AND " + within.sight.visible(viewer) + ")"
    )  # fmt: skip


def _reach(ways: tuple[Way, ...]) -> sql.Composable:
    probes = [_PROBE.format(few=sql.SQL(FEW), start=sql.SQL(way.start)) for way in ways]
    return _REACH.format(probes=sql.SQL(" AND ").join(probes)) if ways else sql.SQL("")


def _rows_of_page(listing: Listing, shape: _Shape, order: Order) -> sql.Composed:
    """The rows of the page and one more, with the keys of its order."""
    said = _said(listing, order, columns="r.id" if shape.of_ids else "r.*")
    branches = sql.SQL(" UNION ALL ").join(_branches(listing, shape, order, said))
    return _WHOLE.format(found=sql.SQL("({})").format(branches), **said) if shape.of_ids else branches


def _branches(
    listing: Listing, shape: _Shape, order: Order, said: Mapping[str, sql.Composable]
) -> list[sql.Composed]:
    """The walk of the list's own index; where few ways lead to it, a walk of those, and one of the two is run."""
    after = _after(order) if shape.continued else "true"
    wide = _wide(shape, said, after, listing.where)
    if not shape.ways:
        return [wide]
    where = sql.SQL(_all_of(listing.where, *shape.all_conditions, after))
    gate = sql.SQL(_FROM_VIEWER)
    ways = [
        _WAY.format(
            start=sql.SQL(way.start),
            joins=sql.SQL(way.joins),
            rows=_rows(listing, shape, way),
            where=where,
            gate=gate,
            **said,
        )
        for way in shape.ways
    ]
    return [_from_each(shape, sql.SQL(" UNION ").join(ways), said), wide]


def _from_each(shape: _Shape, ways: sql.Composed, said: Mapping[str, sql.Composable]) -> sql.Composed:
    found = _FROM_EACH.format(ways=ways, **said)
    return found if shape.of_ids else _WHOLE.format(found=found, **said)


def _rows(listing: Listing, shape: _Shape, way: Way) -> sql.Composable:
    """Where the rows of one account or person come from: the table, or what is theirs of it."""
    relation = sql.SQL(listing.relation)
    if listing.in_order(way.column, shape.sort):
        return relation
    return _ALL_OF_ONE.format(relation=relation, joins=sql.SQL(way.joins))


def _wide(
    shape: _Shape, said: Mapping[str, sql.Composable], after: LiteralString, where: LiteralString
) -> sql.Composed:
    """The walk of the list's own index, or of that of each value asked for; of those few lead to, not at all."""
    gate: LiteralString = "NOT (SELECT few FROM reach)" if shape.ways else "true"
    rest = _all_of(where, *shape.conditions, after, shape.visible)
    if shape.over is None:
        unknown: LiteralString = (
            shape.unknown + " " + _UNKNOWN[shape.sort[:1] == "-"] if shape.unknown else ""
        )
        return _BRANCH.format(where=sql.SQL(_all_of(rest, gate)), unknown=sql.SQL(unknown), **said)
    way = _WAY.format(
        start=sql.SQL("(SELECT DISTINCT unnest(" + shape.over.values + ") AS value)"),
        rows=said["relation"],
        joins=sql.SQL(shape.over.column + " = s.value"),
        where=sql.SQL(rest),
        gate=sql.SQL(gate),
        **said,
    )
    return _from_each(shape, way, said)


# An index that begins with what is not known gives its rows in the order of the rest: said as it would be of values.
_UNKNOWN: tuple[LiteralString, LiteralString] = ("ASC, ", "DESC, ")


def _said(listing: Listing, order: Order, *, columns: LiteralString) -> dict[str, sql.Composable]:
    """What every branch of the page says alike; `columns` are what it gives of a row."""
    names = _KEYS[: len(order.keys)]
    keys: list[LiteralString] = [key.sql + " AS " + name for key, name in zip(order.keys, names, strict=True)]
    found: list[LiteralString] = ["w." + name for name in names]
    return {
        "columns": sql.SQL(columns),
        "keys": sql.SQL(", ".join(keys)),
        "w_keys": sql.SQL(", ".join(found)),
        "order": _ordered([*(key.sql for key in order.keys), "r.id"], down=order.down),
        "w_order": _ordered([*found, "w.id"], down=order.down),
        "relation": sql.SQL(listing.relation),
    }


def _ordered(columns: Iterable[LiteralString], *, down: bool) -> sql.SQL:
    direction: LiteralString = " DESC" if down else " ASC"
    return sql.SQL(", ".join(column + direction for column in columns))


def _after(order: Order) -> LiteralString:
    """What comes after the cursor's row."""
    names = _KEYS[: len(order.keys)]
    left = ", ".join(key.sql for key in order.keys)
    right = ", ".join("%(" + name + ")s::" + key.type for key, name in zip(order.keys, names, strict=True))
    compared: LiteralString = " < " if order.down else " > "
    return "(" + left + ", r.id)" + compared + "(" + right + ", %(after_id)s::uuid)"


def _all_of(*conditions: LiteralString) -> LiteralString:
    return " AND ".join(conditions)
