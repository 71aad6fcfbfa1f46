"""Lists: one grammar of filters, sort, search and keyset pages for every resource, in one SQL statement.

A resource describes its list by a `Listing`; `page` answers a request. Filters are `field=value` and `field[op]=value`;
sort keys are never null in SQL (nulls are mapped behind all values), so a deep page costs what the first one costs.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

import orjson
import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from services.kit.access import FEW, Sight, Way
from services.kit.db import Session, execute, literal
from services.kit.filters import OPS, Filter, Kind, Sort, escaped, operand
from services.kit.identity import Viewer
from services.kit.journal import Aggregate
from services.kit.problems import FieldError, Invalid, NotFound, invalid

MAX_LIMIT, DEFAULT_LIMIT = 200, 50
_RESERVED = frozenset({"limit", "cursor", "count", "sort", "q"})
_NAMES: tuple[LiteralString, ...] = (
    "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Within:
    """What a list lies within: the row of `relation` whose id is the parameter named `key`, seen through `sight`."""

    what: str
    relation: LiteralString
    key: LiteralString
    sight: Sight


@dataclass(frozen=True, eq=False)
class Listing:
    """What a list may filter, sort and search by. `relation` is the table; `where` holds for every row of the list.

    A list `within` a row that the viewer does not see is not there.
    """

    aggregate: Aggregate
    relation: LiteralString
    sight: Sight | None
    filters: Mapping[str, Filter]
    sorts: Mapping[str, Sort]
    default_sort: str
    search: LiteralString | None = None
    where: LiteralString = "r.deleted_at IS NULL"
    within: Within | None = None

    def parameters(self) -> list[dict[str, Any]]:
        """The query parameters as OpenAPI describes them."""
        told = [
            _parameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
                "Rows a page.",
            ),
            _parameter(
                "cursor",
                {"type": "string"},
                "`next_cursor` of the page before, under the same filters and sort.",
            ),
            _parameter("count", {"type": "boolean", "default": False}, "Adds `total`."),
            _parameter(
                "sort", {"type": "string", "enum": self._sort_names()}, f"Default `{self.default_sort}`."
            ),
        ]
        if self.search:
            told.append(
                _parameter(
                    "q", {"type": "string", "minLength": 1, "maxLength": 100}, "Search by part of the name."
                )
            )
        return told + [one_ for name, known in self.filters.items() for one_ in _operators(name, known.kind)]

    def _sort_names(self) -> list[str]:
        return [sign + name for name in self.sorts for sign in ("", "-")]


@dataclass(frozen=True)
class Asked:
    """A request's list parameters, checked: SQL conditions with their bound values, sort and page.

    `pinned` are the columns that equal one value, and how that is bound.
    """

    conditions: tuple[LiteralString, ...]
    values: Mapping[str, Any]
    sort: str
    limit: int
    count: bool
    cursor: str | None
    pinned: Mapping[LiteralString, LiteralString]
    selective: bool
    patterned: bool
    mark: str = field(compare=False)


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _operators(name: str, kind: Kind) -> list[dict[str, Any]]:
    equal = _parameter(name, {"type": "string"}, f"Equal to: {kind.said}.")
    return [equal, *(_parameter(f"{name}[{op}]", {"type": "string"}, OPS[op].said) for op in kind.ops)]


def parse(listing: Listing, query: Iterable[tuple[str, str]]) -> Asked:
    """Checks the query parameters against the listing. Raises Invalid naming each wrong parameter."""
    errors: list[FieldError] = []
    given: dict[str, str] = {}
    for name, text in query:
        if name in given:
            errors.append(FieldError(name[:100], "duplicate", "is given twice; give it once"))
        given[name] = text
    filters = {n: t for n, t in given.items() if n not in _RESERVED}
    conditions, values, pinned, selective = _conditions(listing, filters, errors)
    if "q" in given:
        _search(listing, given["q"], conditions, values, errors)
    sort = given.get("sort", listing.default_sort)
    if sort.removeprefix("-") not in listing.sorts:
        errors.append(
            FieldError(
                "sort", "unknown", "must be one of " + ", ".join(listing.sorts) + ", with - for descending"
            )
        )
    limit = _limit(given.get("limit"), errors)
    count = _count(given.get("count"), errors)
    if errors:
        raise Invalid(errors)
    mark = _mark(listing, filters, given.get("q"), sort)
    patterned = any(" ILIKE " in condition for condition in conditions)
    return Asked(
        tuple(conditions), values, sort, limit, count, given.get("cursor"), pinned, selective, patterned, mark
    )


def _conditions(
    listing: Listing, filters: Mapping[str, str], errors: list[FieldError]
) -> tuple[list[LiteralString], dict[str, Any], dict[LiteralString, LiteralString], bool]:
    conditions: list[LiteralString] = []
    values: dict[str, Any] = {}
    pinned: dict[LiteralString, LiteralString] = {}
    selective = False
    for full, text in filters.items():
        name, op = _named(full)
        known = listing.filters.get(name)
        if known is None or (op and op not in known.kind.ops):
            errors.append(FieldError(full[:100], "unknown_parameter", _known_parameters(listing, known)))
            continue
        if len(conditions) == len(_NAMES):
            errors.append(FieldError(full, "too_many", f"is too many; a list takes {len(_NAMES)} filters"))
            continue
        slot = _NAMES[len(conditions)]
        try:
            values[slot] = operand(known.kind, op, text)
        except (ValueError, KeyError):
            errors.append(
                FieldError(full, "value", "must be " + ("true or false" if op == "null" else known.kind.said))
            )
            continue
        type_: LiteralString = "boolean" if op == "null" else known.kind.sql
        bound: LiteralString = "%(" + slot + ")s::" + type_
        conditions.append(OPS[op or "eq"].sql.replace("{c}", known.sql).replace("{v}", bound))
        selective = selective or (known.selective and op in ("", "in"))
        if not op:
            pinned[known.sql] = bound
    return conditions, values, pinned, selective


_FILTER = re.compile(r"([a-z0-9_]+)(?:\[([a-z]+)\])?")


def _named(full: str) -> tuple[str, str]:
    """Field and operator of a parameter; no operator is equality."""
    found = _FILTER.fullmatch(full)
    return (found[1], found[2] or "") if found else ("", "")


def _known_parameters(listing: Listing, known: Filter | None) -> str:
    if known is not None:
        return "is not an operator of this field; it takes " + ", ".join(known.kind.ops)
    reserved = _RESERVED if listing.search else _RESERVED - {"q"}
    return "is not known here; known are " + ", ".join([*sorted(listing.filters), *sorted(reserved)])


def _search(
    listing: Listing,
    text: str,
    conditions: list[LiteralString],
    values: dict[str, Any],
    errors: list[FieldError],
) -> None:
    if listing.search is None:
        errors.append(FieldError("q", "unknown_parameter", "is not known here; this list has no search"))
    elif not 0 < len(text.strip()) <= 100 or "\x00" in text:
        errors.append(FieldError("q", "value", "must be 1 to 100 characters"))
    else:
        conditions.append(listing.search + " ILIKE %(q)s::text")
        values["q"] = "%" + escaped(text.strip()) + "%"


def _limit(text: str | None, errors: list[FieldError]) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch("[1-9][0-9]{0,2}", text) or int(text) > MAX_LIMIT:
        errors.append(FieldError("limit", "range", f"must be a whole number from 1 to {MAX_LIMIT}"))
        return DEFAULT_LIMIT
    return int(text)


def _count(text: str | None, errors: list[FieldError]) -> bool:
    if text not in (None, "true", "false"):
        errors.append(FieldError("count", "value", "must be true or false"))
    return text == "true"


def _mark(listing: Listing, filters: Mapping[str, str], q: str | None, sort: str) -> str:
    told = orjson.dumps([listing.aggregate.plural, listing.relation, sorted(filters.items()), q, sort])
    return hashlib.blake2b(told, digest_size=9).hexdigest()


def _opened(cursor: str, mark: str) -> tuple[str, UUID]:
    try:
        told, key, id_ = orjson.loads(base64.urlsafe_b64decode(cursor.encode()))
        after = (str(key), UUID(id_))
    except (ValueError, TypeError, AttributeError):
        raise _not_a_cursor() from None
    if told != mark:
        raise invalid("cursor", "cursor", "belongs to another list, filter or sort; start again without it")
    return after


def _not_a_cursor() -> Invalid:
    return invalid("cursor", "cursor", "is not a cursor of this list; start again without it")


def _of_list(mark: str, given: Mapping[str, Any]) -> str:
    """The mark of the very list that `given` makes of the listing."""
    told = mark + "".join(f" {name} {value}" for name, value in sorted(given.items()))
    return hashlib.blake2b(told.encode(), digest_size=9).hexdigest()


def _closed(mark: str, key: str, id_: UUID) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([mark, key, str(id_)])).decode()


_PAGE = sql.SQL("""{reach}SELECT
  coalesce(string_agg(r.json, ',' ORDER BY r.n) FILTER (WHERE r.n <= %(limit)s), ''),
  max(r.sort_key::text) FILTER (WHERE r.n = %(limit)s),
  (array_agg(r.id) FILTER (WHERE r.n = %(limit)s))[1],
  count(*) > %(limit)s,
  {total},
  {within}
FROM (
  SELECT p.*, row_number() OVER (ORDER BY p.sort_key {direction}, p.id {direction}) AS n FROM ({branches}) p
) r""")
_BRANCH = sql.SQL("""(SELECT r.id, {key} AS sort_key, {json} AS json FROM {relation} r
    WHERE {where} ORDER BY {key} {direction}, r.id {direction} LIMIT %(limit)s + 1)""")
# From each account in view, and each person below, the first rows of the page; of them all, the first again.
_FROM_EACH = sql.SQL("""(SELECT r.id, w.sort_key, {json} AS json FROM (
    SELECT w.id, w.sort_key FROM ({ways}) w
    ORDER BY w.sort_key {direction}, w.id {direction} LIMIT %(limit)s + 1) w JOIN {relation} r ON r.id = w.id)""")
_WAY = sql.SQL("""SELECT w.id, w.sort_key FROM {start} s CROSS JOIN LATERAL (
      SELECT r.id, {key} AS sort_key FROM {relation} r
      WHERE {joins} AND {where} ORDER BY {key} {direction}, r.id {direction} LIMIT %(limit)s + 1) w
    WHERE s.viewer_id = %(viewer)s::uuid AND (SELECT few FROM reach)""")
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
        values["after"], values["after_id"] = _opened(asked.cursor, mark)
    items, key, id_, more, total, within = await _read(session, listing, asked, viewer, values)
    if within is None and listing.within is not None:
        raise NotFound(listing.within.what)
    cursor = orjson.dumps(_closed(mark, key, id_)).decode() if more else "null"
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
    where = listing.where + "".join(" AND " + c for c in asked.conditions)
    if listing.sight is None:
        return where
    if listing.sight.everything(viewer) or asked.selective:
        return where + " AND " + listing.sight.at(asked.pinned).visible(viewer)
    return where + " AND r.id IN (" + listing.sight.reach(listing.relation) + ")"


@dataclass(frozen=True)
class _Shape:
    """All that a page's statement depends on; its values are bound when it runs."""

    conditions: tuple[LiteralString, ...]
    sort: str
    count: bool
    continued: bool
    matching: LiteralString
    visible: LiteralString
    within: LiteralString
    ways: tuple[Way, ...]


def _shape(listing: Listing, asked: Asked, viewer: Viewer) -> _Shape:
    sight = listing.sight
    direct = sight is None or sight.everything(viewer) or asked.selective
    return _Shape(
        asked.conditions,
        asked.sort,
        asked.count,
        asked.cursor is not None,
        matching(listing, asked, viewer),
        sight.at(asked.pinned).visible(viewer) if sight else "true",
        _within(listing.within, viewer),
        () if direct or sight is None else tuple(sight.ways()),
    )


@lru_cache(maxsize=1024)
def _statement(listing: Listing, shape: _Shape) -> LiteralString:
    down = shape.sort.startswith("-")
    sort = listing.sorts[shape.sort.removeprefix("-")]
    direction = sql.SQL("DESC" if down else "ASC")
    total = sql.SQL("(SELECT count(*) FROM {} r WHERE {})").format(
        sql.SQL(listing.relation), sql.SQL(shape.matching)
    )
    return literal(
        _PAGE.format(
            reach=_reach(shape.ways),
            total=total if shape.count else sql.SQL("NULL::bigint"),
            within=sql.SQL(shape.within),
            direction=direction,
            branches=sql.SQL(" UNION ALL ").join(_branches(listing, shape, sort, down=down)),
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


def _branches(listing: Listing, shape: _Shape, sort: Sort, *, down: bool) -> list[sql.Composed]:
    """The walk of the list's own index; where few ways lead to it, a walk of those, and one of the two is run."""
    key: LiteralString = sort.down if down else sort.up
    after = _after(key, sort.type, down=down) if shape.continued else "true"
    where = _all_of(listing.where, *shape.conditions, after)
    said = {
        "key": sql.SQL(key),
        "relation": sql.SQL(listing.relation),
        "json": listing.aggregate.text(),
        "direction": sql.SQL("DESC" if down else "ASC"),
    }
    if not shape.ways:
        return [_BRANCH.format(where=sql.SQL(_all_of(where, shape.visible)), **said)]
    ways = [
        _WAY.format(start=sql.SQL(way.start), joins=sql.SQL(way.joins), where=sql.SQL(where), **said)
        for way in shape.ways
    ]
    wide = _all_of(where, shape.visible, "NOT (SELECT few FROM reach)")
    return [
        _FROM_EACH.format(ways=sql.SQL(" UNION ").join(ways), **said),
        _BRANCH.format(where=sql.SQL(wide), **said),
    ]


def _after(key: LiteralString, type_: LiteralString, *, down: bool) -> LiteralString:
    compared: LiteralString = " < " if down else " > "
    return "(" + key + ", r.id)" + compared + "(%(after)s::" + type_ + ", %(after_id)s::uuid)"


def _all_of(*conditions: LiteralString) -> LiteralString:
    return " AND ".join(conditions)
