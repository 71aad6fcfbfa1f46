"""Filters and sorts: the grammar that every list shares, as small frozen descriptions over a row `r`.

A filter's kind says which operators it takes and how their text is read. A sort key is never null in SQL: nulls are
mapped behind all values, in both directions, so that keyset pages need not ask.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, LiteralString
from uuid import UUID


@dataclass(frozen=True)
class Kind:
    """A type of filter value: its SQL type, how its text is read, and which operators it takes beside equality."""

    sql: LiteralString
    parse: Callable[[str], Any]
    ops: tuple[str, ...]
    said: str


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text]


def _integer(text: str) -> int:
    if not re.fullmatch("-?[0-9]{1,19}", text) or not -(2**63) < int(text) < 2**63:
        raise ValueError
    return int(text)


def _day(text: str) -> date:
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError
    return date.fromisoformat(text)


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or not re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}T", text):
        raise ValueError
    return moment


def _text(text: str) -> str:
    if not 0 < len(text) <= 500 or "\x00" in text:
        raise ValueError
    return text


_RANGE = ("ne", "in", "lt", "lte", "gt", "gte", "null")
IDENTIFIER = Kind("uuid", UUID, ("ne", "in", "null"), "an id")
TEXT = Kind("text", _text, ("ne", "in", "contains", "prefix", "null"), "1 to 500 characters")
INTEGER = Kind("bigint", _integer, _RANGE, "a whole number")
EMAIL = Kind("text", lambda text: _text(text).lower(), TEXT.ops, TEXT.said)
DAY = Kind("date", _day, _RANGE, "a day as in 2026-11-30")
INSTANT = Kind("timestamptz", _instant, _RANGE, "an instant as in 2026-11-30T08:00:00Z")
BOOLEAN = Kind("boolean", _boolean, ("null",), "true or false")


def code(values: Iterable[str]) -> Kind:
    """The kind of an enumeration's codes."""
    codes = tuple(str(value) for value in values)
    return Kind(
        "text", lambda text: codes[codes.index(text)], ("ne", "in", "null"), "one of " + ", ".join(codes)
    )


@dataclass(frozen=True)
class Filter:
    """A filter over row `r`. A selective one (an owner's rows, an account's) is walked by its own index."""

    sql: LiteralString
    kind: Kind
    selective: bool = False


@dataclass(frozen=True)
class Sort:
    """A sort key over row `r` in both directions; each expression is never null and is what the index holds."""

    up: LiteralString
    down: LiteralString
    type: LiteralString


def plain(column: LiteralString, type_: LiteralString) -> Sort:
    """A sort by a column that is never null."""
    return Sort(column, column, type_)


def day(column: LiteralString) -> Sort:
    """A sort by a date that may be null, nulls last."""
    return Sort(f"coalesce({column}, 'infinity'::date)", f"coalesce({column}, '-infinity'::date)", "date")


def number(column: LiteralString) -> Sort:
    """A sort by a bigint that may be null, nulls last."""
    return Sort(
        f"coalesce({column}, 9223372036854775807)",
        f"coalesce({column}, '-9223372036854775808'::bigint)",
        "bigint",
    )


@dataclass(frozen=True)
class Op:
    """An operator: SQL around a column and a bound value."""

    sql: LiteralString
    said: str


OPS: Mapping[str, Op] = {
    "eq": Op("{c} = {v}", "Equal to."),
    "ne": Op("{c} IS DISTINCT FROM {v}", "Not equal to; unknown values included."),
    "in": Op("{c} = ANY ({v}[])", "One of up to 100 values, separated by commas."),
    "lt": Op("{c} < {v}", "Below."),
    "lte": Op("{c} <= {v}", "Not above."),
    "gt": Op("{c} > {v}", "Above."),
    "gte": Op("{c} >= {v}", "Not below."),
    "contains": Op("{c} ILIKE {v}", "Contains, upper and lower case alike."),
    "prefix": Op("{c} ILIKE {v}", "Begins with, upper and lower case alike."),
    "null": Op("({c} IS NULL) = {v}", "true: unknown; false: known."),
}


def operand(kind: Kind, op: str, text: str) -> Any:
    """The value that the operator compares with. Raises ValueError or KeyError for a text of another kind."""
    if op == "null":
        return _boolean(text)
    if op == "in":
        parts = text.split(",")
        if len(parts) > 100:
            raise ValueError
        return [kind.parse(part) for part in parts]
    if op == "contains":
        return "%" + escaped(kind.parse(text)) + "%"
    if op == "prefix":
        return escaped(kind.parse(text)) + "%"
    return kind.parse(text)


def escaped(text: str) -> str:
    """The text as it stands inside a LIKE pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
