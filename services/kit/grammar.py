"""What a list may be asked: its filters, its sorts, and which of them go together because an index finds their rows.

A resource describes its list by a `Listing`. The same description says in OpenAPI what there is, reads requests
(`kit/asking.py`) and makes the statement of a page (`kit/listing.py`); a test holds every pair in it to its index.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, LiteralString

from services.kit.access import Sight, everybody
from services.kit.aggregates import Aggregate
from services.kit.fields import VISIBLE
from services.kit.filters import OPS, Filter, Key, Sort, schema_of
from services.kit.identity import Viewer

MAX_LIMIT, DEFAULT_LIMIT = 200, 50
LONGEST_SEARCH: Final = 100


@dataclass(frozen=True, eq=False)
class Within:
    """What a list lies within: the row of `relation` whose id is the parameter named `key`, seen through `sight`."""

    what: str
    relation: LiteralString
    key: LiteralString
    sight: Sight


@dataclass(frozen=True)
class Pair:
    """With which sorts an index finds the rows of one value of a filter in order; each as a request writes it.

    Without any, one value has so few rows that they are sorted as they are found, in whatever order is asked for. A
    `sparse` index leaves those out of which the value is not known.
    """

    sorts: tuple[str, ...] = ()
    sparse: bool = False

    def serves(self, sort: str) -> bool:
        """Whether the index is good for that sort."""
        return not self.sorts or sort in self.sorts


@dataclass(frozen=True)
class Order:
    """The order of a list: keys that are compared one after the other, then the id, all of them up or all down."""

    keys: tuple[Key, ...]
    down: bool


@dataclass(frozen=True, eq=False)
class Listing:
    """What a list may filter, sort and search by. `relation` is the table; `where` holds for every row of the list.

    `knows` gives SQL that says whether the viewer knows what is confided of a row.
    A list `within` a row that the viewer does not see is not there. `together` are sorts by two keys, as requests write
    them. `pairs` are the indexed pairs of filter and sort, by filter: what is filtered goes through one of them, or
    through the sort's own column, or through the search; a `small` list is read in whole where need be.
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
    knows: Callable[[Viewer], LiteralString] = everybody
    together: Mapping[str, tuple[Key, Key]] = field(default_factory=dict[str, tuple[Key, Key]])
    pairs: Mapping[str, Pair] = field(default_factory=dict[str, Pair])
    small: bool = False

    @cached_property
    def orders(self) -> Mapping[str, Order]:
        """Every order that may be asked for, as a request writes it."""
        single = {
            sign + name: Order((sort.down if sign else sort.up,), bool(sign))
            for name, sort in self.sorts.items()
            for sign in ("", "-")
        }
        return single | {text: Order(keys, down=False) for text, keys in self.together.items()}

    @property
    def fields(self) -> tuple[str, ...]:
        """What can be shown of a row."""
        return self.aggregate.fields

    def welcome(self, sort: str) -> list[str]:
        """By what a request of this sort may be filtered alone; more may come along."""
        first = self.orders[sort].keys[0]
        names = {name for name, pair in self.pairs.items() if pair.serves(sort)}
        names |= {name for name, known in self.filters.items() if known.sql == first.column}
        return [name for name in self.filters if name in names] + (["q"] if self.search else [])

    def parameters(self) -> list[dict[str, Any]]:
        """The query parameters as OpenAPI describes them."""
        told = [
            *paging("Rows a page.", "`next_cursor` of the page before, under the same filters and sort."),
            _parameter("count", {"type": "boolean", "default": False}, "Adds `total`."),
            _parameter("sort", _some_of([*self._singles], most=2 if self.together else 1), self._said_sort()),
            _parameter("fields", _some_of([*self.fields]), self._said_fields()),
        ]
        if self.search:
            told.append(
                _parameter(
                    "q",
                    {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": LONGEST_SEARCH,
                        "pattern": rf"^[^\u0000]*{VISIBLE}[^\u0000]*$",
                    },
                    "Search by part of the name; goes with every sort.",
                )
            )
        return [*told, *(each for name in self.filters for each in self._operators(name))]

    @property
    def _singles(self) -> list[str]:
        return [text for text in self.orders if text not in self.together]

    def _said_sort(self) -> str:
        said = f"Descending with `-` before it; what is unknown comes last either way. Default `{self.default_sort}`."
        if self.together:
            said += " Two keys only as in " + _quoted(self.together) + "."
        return said

    def _said_fields(self) -> str:
        always = " `id` is always among them." if "id" in self.fields else ""
        return "Show only these fields of each row." + always

    def _operators(self, name: str) -> list[dict[str, Any]]:
        kind = self.filters[name].kind
        told = [_parameter(name, schema_of(kind, "eq"), f"Equal to. {self._said_pair(name, 'eq')}")]
        return told + [
            _parameter(f"{name}[{op}]", schema_of(kind, op), f"{OPS[op].said}. {self._said_pair(name, op)}")
            for op in kind.ops
        ]

    def _said_pair(self, name: str, op: str) -> str:
        if self.small or self.searched(name, op):
            return "Goes with every sort."
        sorts = [text for text in self.orders if self.finds(name, op, text)]
        if not sorts:
            return "Only beside a filter that is indexed with the sort."
        others = (
            ""
            if len(sorts) == len(self.orders)
            else "; with others beside a filter that is indexed with them"
        )
        return f"Indexed with `sort` {_quoted(sorts)}{others}."

    def searched(self, name: str, op: str) -> bool:
        """Whether the operator is found by the index of the search."""
        return op in ("contains", "prefix") and self.filters[name].sql == self.search

    def finds(self, name: str, op: str, sort: str, *, known: bool = False) -> bool:
        """Whether an index finds what the operator leaves of the filter's rows, in that order.

        `known` is of `null` whether it asks for what is known: that is most of the rows.
        """
        key = self.orders[sort].keys[0]
        if self.filters[name].sql == key.column and key.takes(op):
            return True
        pair = self.pairs.get(name)
        if pair is None or not pair.serves(sort):
            return False
        return op in ("eq", "in") or (op == "null" and not known and not pair.sparse)

    def in_order(self, column: LiteralString, sort: str) -> bool:
        """Whether an index gives the rows of one value of the column in that order."""
        pairs = (pair for name, pair in self.pairs.items() if self.filters[name].sql == column)
        return any(sort in pair.sorts for pair in pairs)


def paging(limit: str, cursor: str) -> list[dict[str, Any]]:
    """The query parameters of whatever comes in pages, so described."""
    pages = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
    return [_parameter("limit", pages, limit), _parameter("cursor", {"type": "string"}, cursor)]


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    told = {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
    return told | ({"style": "form", "explode": False} if schema.get("type") == "array" else {})


def _some_of(names: list[str], most: int | None = None) -> dict[str, Any]:
    schema = {
        "type": "array",
        "items": {"type": "string", "enum": names},
        "minItems": 1,
        "uniqueItems": True,
    }
    return schema | ({"maxItems": most} if most else {})


def _quoted(names: Mapping[str, Any] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
