"""Filters and sorts: the grammar that every list shares, as small frozen descriptions over a row `r`.

A filter's kind says which operators it takes, how their text is read and what OpenAPI says of it. A sort key is never
null in SQL: nulls are mapped behind all values, in both directions, so that keyset pages need not ask.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, LiteralString

from services.kit.clock import in_utc, read_instant
from services.kit.ids import AN_ID, read_id

Schema = Mapping[str, Any]

MOST_VALUES: Final = 100
LONGEST_TEXT: Final = 500


@dataclass(frozen=True, eq=False)
class Kind:
    """A type of filter value: its SQL type, how its text is read, which operators it takes beside equality.

    `schema` is what OpenAPI says of one value; `said` says the same to people.
    """

    sql: LiteralString
    parse: Callable[[str], Any]
    ops: tuple[str, ...]
    said: str
    schema: Schema


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _integer(text: str) -> int:
    # The least of all has no opposite, and a sort may want it.
    if not re.fullmatch("-?[0-9]{1,19}", text) or not -(2**63) < int(text) < 2**63:
        raise ValueError
    return int(text)


def _day(text: str) -> date:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError
    return date.fromisoformat(text)


def _instant(text: str) -> datetime:
    return _within_years(read_instant(text))


_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def _within_years(moment: datetime) -> datetime:
    """The same moment, or the first or last that there is; PostgreSQL reads no offset of 16 hours or more."""
    try:
        return in_utc(moment)
    except ValueError:
        return _FIRST if moment.year == 1 else _LAST


def _text(text: str) -> str:
    if not 0 < len(text) <= LONGEST_TEXT or "\x00" in text:
        raise ValueError
    return text


_RANGE = ("ne", "in", "lt", "lte", "gt", "gte", "null")
_WORDS: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT, "pattern": r"^[^\u0000]*$"}
_WHOLE: Schema = {"type": "integer", "format": "int64", "minimum": 1 - 2**63, "maximum": 2**63 - 1}
_TRUTH: Schema = {"type": "boolean"}

IDENTIFIER = Kind("uuid", read_id, ("ne", "in", "null"), AN_ID, {"type": "string", "format": "uuid"})
TEXT = Kind(
    "text", _text, ("ne", "in", "contains", "prefix", "null"), f"1 to {LONGEST_TEXT} characters", _WORDS
)
INTEGER = Kind("bigint", _integer, _RANGE, "a whole number of at most 64 bits", _WHOLE)
EMAIL = Kind("text", lambda text: _text(text).lower(), TEXT.ops, TEXT.said, _WORDS)
DAY = Kind("date", _day, _RANGE, "a day as in 2026-11-30", {"type": "string", "format": "date"})
INSTANT = Kind(
    "timestamptz",
    _instant,
    _RANGE,
    "an instant as in 2026-11-30T08:00:00Z",
    {"type": "string", "format": "date-time"},
)
BOOLEAN = Kind("boolean", _boolean, ("null",), "true or false", _TRUTH)


def code(values: Iterable[str]) -> Kind:
    """The kind of an enumeration's codes."""
    codes = tuple(str(value) for value in values)
    return Kind(
        "text",
        lambda text: codes[codes.index(text)],
        ("ne", "in", "null"),
        "one of " + ", ".join(codes),
        {"type": "string", "enum": list(codes)},
    )


@dataclass(frozen=True)
class Filter:
    """A filter over row `r`. A selective one (an owner's rows, an account's) is walked by its own index."""

    sql: LiteralString
    kind: Kind
    selective: bool = False


@dataclass(frozen=True)
class Key:
    """What rows are compared by, and what the index holds: SQL over row `r` that is never null.

    `column` is what it is made of. `value` is a value of that column as the key has it, `{v}` standing for it; a
    `falling` key grows as the column's values shrink. `last` stands for null, behind all that is `known`, which is a
    comparison with the key.
    """

    sql: LiteralString
    type: LiteralString
    column: LiteralString
    value: LiteralString = "{v}"
    falling: bool = False
    last: LiteralString | None = None
    known: LiteralString = ""

    def narrowed(self, op: str, bound: LiteralString) -> LiteralString:
        """What a filter on the key's column says, said of the key, so that an index finds where its rows begin and end.

        `bound` is the filter's value, of `null` the text true or false. It is for keys of what may be null.
        """
        assert self.last is not None
        known: LiteralString = self.sql + self.known
        if op == "null":
            return self.sql + " = " + self.last if bound == "true" else known
        if op == "in":
            return self.sql + " = ANY (" + bound + "[]) AND " + known
        sign = _FALLING[op] if self.falling else _SIGNS[op]
        return self.sql + sign + self.value.replace("{v}", bound) + " AND " + known

    def takes(self, op: str) -> bool:
        """Whether a filter on the key's column narrows the key."""
        return op in _SIGNS or op == "null" or (op == "in" and not self.falling)


_SIGNS: Mapping[str, LiteralString] = {"eq": " = ", "lt": " < ", "lte": " <= ", "gt": " > ", "gte": " >= "}
_FALLING: Mapping[str, LiteralString] = {
    "eq": " = ",
    "lt": " > ",
    "lte": " >= ",
    "gt": " < ",
    "gte": " <= ",
}


@dataclass(frozen=True)
class Sort:
    """A sort in both directions, by keys of which each is what an index holds."""

    up: Key
    down: Key


def plain(column: LiteralString, type_: LiteralString) -> Sort:
    """A sort by a column that is never null."""
    key = Key(column, type_, column)
    return Sort(key, key)


def day(column: LiteralString) -> Sort:
    """A sort by a date that may be null, nulls last."""
    first, last = "'-infinity'::date", "'infinity'::date"
    # Of how many days lie before infinity the planner has no idea, but it has of those before the last day.
    return Sort(
        Key(f"coalesce({column}, {last})", "date", column, last=last, known=" <= '9999-12-31'::date"),
        Key(f"coalesce({column}, {first})", "date", column, last=first, known=" >= '0001-01-01'::date"),
    )


def number(column: LiteralString) -> Sort:
    """A sort by a bigint that may be null, nulls last."""
    return Sort(
        Key(f"coalesce({column}, {_MOST})", "bigint", column, last=_MOST, known=" < " + _MOST),
        Key(f"coalesce({column}, {_LEAST})", "bigint", column, last=_LEAST, known=" > " + _LEAST),
    )


def greatest_first(column: LiteralString) -> Key:
    """A bigint that may be null, the greatest first, as one of two keys that both are compared upwards."""
    return Key(
        f"coalesce(-{column}, {_MOST})",
        "bigint",
        column,
        "-{v}",
        falling=True,
        last=_MOST,
        known=" < " + _MOST,
    )


_MOST: LiteralString = "9223372036854775807"
_LEAST: LiteralString = "'-9223372036854775808'::bigint"


@dataclass(frozen=True)
class Op:
    """An operator: SQL around a column and a bound value."""

    sql: LiteralString
    said: str


OPS: Mapping[str, Op] = {
    "eq": Op("{c} = {v}", "Equal to"),
    "ne": Op("{c} IS DISTINCT FROM {v}", "Not equal to, unknown ones included"),
    "in": Op("{c} = ANY ({v}[])", f"One of up to {MOST_VALUES} values, separated by commas"),
    "lt": Op("{c} < {v}", "Below"),
    "lte": Op("{c} <= {v}", "Not above"),
    "gt": Op("{c} > {v}", "Above"),
    "gte": Op("{c} >= {v}", "Not below"),
    "contains": Op("{c} ILIKE {v}", "Contains, upper and lower case alike"),
    "prefix": Op("{c} ILIKE {v}", "Begins with, upper and lower case alike"),
    "null": Op("{c} IS {v}", "true: unknown; false: known"),
}


def operand(kind: Kind, op: str, text: str) -> Any:
    """The value that the operator compares with. Raises ValueError or KeyError for a text of another kind."""
    if op == "null":
        return _boolean(text)
    if op == "in":
        parts = text.split(",")
        if len(parts) > MOST_VALUES:
            raise ValueError
        return [kind.parse(part) for part in parts]
    if op == "contains":
        return "%" + escaped(kind.parse(text)) + "%"
    if op == "prefix":
        return escaped(kind.parse(text)) + "%"
    return kind.parse(text)


def wanted(kind: Kind, op: str) -> str:
    """What the operator takes, in the words of a refusal."""
    if op == "null":
        return "must be true or false"
    if op == "in":
        return f"must be 1 to {MOST_VALUES} values separated by commas, each {kind.said}"
    return "must be " + kind.said


def schema_of(kind: Kind, op: str) -> dict[str, Any]:
    """What the operator takes, as OpenAPI says it."""
    if op == "null":
        return dict(_TRUTH)
    if op != "in":
        return dict(kind.schema)
    # A comma parts values, so none can hold one.
    each = dict(kind.schema) | ({"pattern": r"^[^,\u0000]*$"} if "pattern" in kind.schema else {})
    return {"type": "array", "items": each, "minItems": 1, "maxItems": MOST_VALUES}


def escaped(text: str) -> str:
    """The text as it stands inside a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
