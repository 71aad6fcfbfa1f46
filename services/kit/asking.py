"""Requests for lists, read: what of the grammar was asked, checked and put into SQL, every wrong parameter named."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, LiteralString, NamedTuple

import orjson

from services.kit.fields import VISIBLE
from services.kit.filters import OPS, Filter, escaped, operand, wanted
from services.kit.grammar import DEFAULT_LIMIT, LONGEST_SEARCH, MAX_LIMIT, Listing, Order
from services.kit.problems import FieldError, Invalid, invalid

_RESERVED = frozenset({"limit", "cursor", "count", "sort", "fields", "q"})
_NAMES: tuple[LiteralString, ...] = (
    "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11",
)  # fmt: skip


@dataclass(frozen=True)
class Over:
    """The rows of each of some values, one after the other: their column, and how the array of them is bound."""

    column: LiteralString
    values: LiteralString


@dataclass(frozen=True)
class Asked:
    """A request's list parameters, checked: SQL conditions with their bound values, sort, fields and page.

    `pinned` are the columns that equal one value, and how that is bound. Where the index that finds the rows begins
    with a column of several values or of none, these are `over`, whose condition is not among the others, and
    `unknown`.
    """

    conditions: tuple[LiteralString, ...]
    values: Mapping[str, Any]
    sort: str
    fields: tuple[str, ...]
    limit: int
    count: bool
    cursor: str | None
    pinned: Mapping[LiteralString, LiteralString]
    selective: bool
    patterned: bool
    over: Over | None
    unknown: LiteralString | None
    mark: str = field(compare=False)

    @property
    def all_conditions(self) -> tuple[LiteralString, ...]:
        """Every condition, that of `over` among them."""
        if self.over is None:
            return self.conditions
        return (*self.conditions, self.over.column + " = ANY (" + self.over.values + ")")


@dataclass(frozen=True, eq=False)
class _Given:
    """One filter of a request but its value: as it was written, what it is, how its value is bound.

    `null` is the value of that operator: whether what is asked for is not known. Others have None.
    """

    full: str
    name: str
    op: str
    filter: Filter
    bound: LiteralString
    null: bool | None

    def condition(self, order: Order) -> LiteralString:
        """What it says in SQL: of the order's first key, where that is made of its column and is not the column."""
        key = order.keys[0]
        if self.filter.sql == key.column and key.last is not None and key.takes(self.op):
            told: LiteralString = ("true" if self.null else "false") if self.op == "null" else self.bound
            return key.narrowed(self.op, told)
        # Whether a value is known is no value: the index is chosen by it.
        value: LiteralString = self.bound if self.op != "null" else ("NULL" if self.null else "NOT NULL")
        return OPS[self.op].sql.replace("{c}", self.filter.sql).replace("{v}", value)


class _Shape(NamedTuple):
    """What requests of the same parameters have in common, whatever their values."""

    conditions: tuple[LiteralString, ...]
    pinned: Mapping[LiteralString, LiteralString]
    selective: bool
    patterned: bool
    over: Over | None
    unknown: LiteralString | None


def parse(listing: Listing, query: Iterable[tuple[str, str]], *, whole: bool = False) -> Asked:
    """Checks the query parameters against the listing. Raises Invalid naming each wrong parameter.

    `whole` is for statements that read all that matches, and so need no index that finds the first rows of it.
    """
    errors: list[FieldError] = []
    given = once(query, errors)
    filters = {name: text for name, text in given.items() if name not in _RESERVED}
    found, values = _filters(listing, filters, errors)
    if "q" in given:
        _search(listing, given["q"], values, errors)
    sort = _sort(listing, given.get("sort", listing.default_sort), errors)
    fields = _fields(listing, given.get("fields"), errors)
    limit = limit_of(given.get("limit"), errors)
    count = _count(given.get("count"), errors)
    if errors:
        raise Invalid(errors)
    shape = _shape(listing, found, sort, searched="q" in given, whole=whole)
    mark = _mark(listing, filters, given.get("q"), sort)
    return Asked(
        values=values,
        sort=sort,
        fields=fields,
        limit=limit,
        count=count,
        cursor=given.get("cursor"),
        mark=mark,
        **shape._asdict(),
    )


@lru_cache(maxsize=2048)
def _shape(listing: Listing, found: tuple[_Given, ...], sort: str, *, searched: bool, whole: bool) -> _Shape:
    """The shape of such requests. Raises Invalid where no index finds what they ask for."""
    leading = None if whole else _leading(listing, found, sort, searched=searched)
    over, unknown = _walked(listing, leading, sort)
    order = listing.orders[sort]
    said: list[LiteralString] = [one.condition(order) for one in found if over is None or one is not leading]
    if searched and listing.search is not None:
        said.insert(0, listing.search + " ILIKE %(q)s::text")
    return _Shape(
        conditions=tuple(said),
        pinned={one.filter.sql: one.bound for one in found if one.op == "eq"},
        selective=any(one.filter.selective and one.op in ("eq", "in") for one in found),
        patterned=searched or any(one.op in ("contains", "prefix") for one in found),
        over=over,
        unknown=unknown,
    )


def known_once(
    query: Iterable[tuple[str, str]], known: Collection[str], said: str, errors: list[FieldError]
) -> dict[str, str]:
    """The query parameters by name; what is given twice or is not known, as is `said` of it, joins the errors."""
    given = once(query, errors)
    errors += [FieldError(name[:100], "unknown_parameter", said) for name in given if name not in known]
    return given


def once(query: Iterable[tuple[str, str]], errors: list[FieldError]) -> dict[str, str]:
    """The query parameters by name; what is given twice joins the errors."""
    given: dict[str, str] = {}
    for name, text in query:
        if name in given:
            errors.append(FieldError(name[:100], "duplicate", "is given twice; give it once"))
        given[name] = text
    return given


def _filters(
    listing: Listing, filters: Mapping[str, str], errors: list[FieldError]
) -> tuple[tuple[_Given, ...], dict[str, Any]]:
    """The filters, and their values by the names under which they are bound."""
    found: list[_Given] = []
    values: dict[str, Any] = {}
    for full, text in filters.items():
        name, op = _named(full)
        known = listing.filters.get(name)
        if known is None or (op != "eq" and op not in known.kind.ops):
            errors.append(FieldError(full[:100], "unknown_parameter", _known_parameters(listing, known)))
        elif len(found) == len(_NAMES):
            errors.append(FieldError(full, "too_many", f"is too many; a list takes {len(_NAMES)} filters"))
        else:
            try:
                value = operand(known.kind, op, text)
            except (ValueError, KeyError):
                errors.append(FieldError(full, "value", wanted(known.kind, op)))
            else:
                values[_NAMES[len(found)]] = value
                found.append(_given(listing, full, len(found), null=value if op == "null" else None))
    return tuple(found), values


@lru_cache(maxsize=2048)
def _given(listing: Listing, full: str, number: int, *, null: bool | None) -> _Given:
    """The filter of that name among those of a request; the same one each time, so that a shape is known by it."""
    name, op = _named(full)
    known = listing.filters[name]
    return _Given(full, name, op, known, "%(" + _NAMES[number] + ")s::" + known.kind.sql, null)


_FILTER = re.compile(r"([a-z0-9_]+)(?:\[([a-z]+)\])?")


def _named(full: str) -> tuple[str, str]:
    """Field and operator of a parameter; no operator is equality, which has no name in requests."""
    found = _FILTER.fullmatch(full)
    if found is None or found[2] == "eq":
        return found[1] if found else "", ""
    return found[1], found[2] or "eq"


def _known_parameters(listing: Listing, known: Filter | None) -> str:
    if known is not None:
        return "is not an operator of this field; it takes " + ", ".join(known.kind.ops)
    reserved = _RESERVED if listing.search else _RESERVED - {"q"}
    return "is not known here; known are " + ", ".join([*sorted(listing.filters), *sorted(reserved)])


def _search(
    listing: Listing,
    text: str,
    values: dict[str, Any],
    errors: list[FieldError],
) -> None:
    if listing.search is None:
        errors.append(FieldError("q", "unknown_parameter", "is not known here; this list has no search"))
    elif len(text.strip()) > LONGEST_SEARCH or "\x00" in text or not re.search(VISIBLE, text):
        message = f"must be 1 to {LONGEST_SEARCH} characters, one of them at least to be seen"
        errors.append(FieldError("q", "value", message))
    else:
        values["q"] = "%" + escaped(text.strip()) + "%"


def _sort(listing: Listing, text: str, errors: list[FieldError]) -> str:
    if text in listing.orders:
        return text
    said = "must be one of " + ", ".join(listing.sorts) + ", with - before it for descending"
    if listing.together:
        said += ", or two keys as in " + " or ".join(listing.together)
    errors.append(FieldError("sort", "unknown", said))
    return listing.default_sort


def _fields(listing: Listing, text: str | None, errors: list[FieldError]) -> tuple[str, ...]:
    """The fields to show, in the order in which a row shows them."""
    if text is None:
        return listing.fields
    named = text.split(",")
    if not set(named) <= set(listing.fields):
        errors.append(FieldError("fields", "unknown", "must be some of " + ", ".join(listing.fields)))
    elif len(set(named)) != len(named):
        errors.append(FieldError("fields", "duplicate", "names a field twice; name each once"))
    return tuple(name for name in listing.fields if name in named or name == "id")


def limit_of(text: str | None, errors: list[FieldError]) -> int:
    """How many rows a page shall have; what is wrong with the text joins the errors."""
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


def _leading(listing: Listing, found: Sequence[_Given], sort: str, *, searched: bool) -> _Given | None:
    """The filter by whose index the rows are found: best one of a single value. None where there is no need of one.

    Raises Invalid where there is need and none.
    """
    leading = [one for one in found if _leads(listing, one, sort)]
    if leading:
        return min(leading, key=lambda one: _PREFERRED.index(one.op) if one.op in _PREFERRED else 1)
    if found and not (searched or listing.small):
        raise invalid(found[0].full, "not_indexed", _unindexed(listing, found[0], sort))
    return None


# One value, a part of the sort's own, none, several.
_PREFERRED = ("eq", "range", "null", "in")


def _leads(listing: Listing, one: _Given, sort: str) -> bool:
    known = one.op == "null" and not one.null
    return listing.searched(one.name, one.op) or listing.finds(one.name, one.op, sort, known=known)


def _unindexed(listing: Listing, one: _Given, sort: str) -> str:
    """What would be right instead: an indexed filter beside it, or a sort that is indexed with it."""
    others = [name for name in listing.welcome(sort) if name != one.name]
    said = f"is not indexed with sort={sort}; "
    if others:
        said += "filter by one of " + ", ".join(others) + " as well"
    sorts = [text for text in listing.orders if _leads(listing, one, text)]
    if sorts:
        said += ", or " if others else ""
        said += "sort by " + " or ".join(sorts)
    return said


def _walked(listing: Listing, leading: _Given | None, sort: str) -> tuple[Over | None, LiteralString | None]:
    """How the rows of a leading filter are walked that is not of one value: over several, or over those of none."""
    if leading is None or leading.filter.sql == listing.orders[sort].keys[0].column:
        return None, None
    pair = listing.pairs.get(leading.name)
    if pair is None or not pair.sorts:
        return None, None
    if leading.op == "in":
        return Over(leading.filter.sql, leading.bound + "[]"), None
    return None, leading.filter.sql if leading.op == "null" else None


def _mark(listing: Listing, filters: Mapping[str, str], q: str | None, sort: str) -> str:
    told = orjson.dumps([listing.aggregate.plural, listing.relation, sorted(filters.items()), q, sort])
    return hashlib.blake2b(told, digest_size=9).hexdigest()
