"""Tables of any size, filled in seconds from what a list says of itself: every code, every filter's values, some nulls.

Nothing checks these rows but the tables' own constraints. Of the viewers that are made with them `few` sees five
accounts and what is FEW's own, `many` every fourth account and what belongs to a quarter of our people.
"""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Date, DateTime, Integer, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.kit.grammar import Listing
from services.kit.identity import Viewer

ACCOUNTS, PEOPLE, WORDS = 2_000, 20, 20
"""How many accounts, people of ours and values of a word there are among the rows."""

FEW, MANY = UUID(int=0xFE0), UUID(int=0xFE1)
VIEWERS: Mapping[str, Viewer] = {
    "few": Viewer("few", "x", member_id=FEW, roles=frozenset({"rep"})),
    "many": Viewer("many", "x", member_id=MANY, roles=frozenset({"rep"})),
    "executive": Viewer("executive", "x", roles=frozenset({"executive"})),
}

# A number that tells nothing of its row's place in the table.
_SOME: LiteralString = "(hashint4(n + {salt}) & 2147483647)"
_NUMBERED: LiteralString = """CREATE FUNCTION numbered(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql
RETURN ('00000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid"""
_INDEXES: LiteralString = """
SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = %(table)s::regclass AND NOT i.indisprimary
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid)"""
_SIGHT: LiteralString = """
INSERT INTO account_view (viewer_id, account_id)
SELECT %(few)s, numbered(n) FROM unnest(ARRAY[3, 403, 803, 1203, 1603]) n
UNION ALL SELECT %(many)s, numbered(n) FROM generate_series(0, %(rows)s, 4) n;
INSERT INTO person_up (viewer_id, member_id)
SELECT %(few)s, %(few)s
UNION ALL SELECT %(many)s, numbered(n) FROM generate_series(0, 1200, 4) n"""


def fill(url: str, listings: Sequence[Listing], rows: int, given: Mapping[str, Mapping[str, str]]) -> None:
    """Fills the lists' tables; `given` are SQL expressions over the number `n` of a row, by table and column."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_NUMBERED)
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '256MB'")
        for listing in listings:
            indexes = connection.execute(_INDEXES, {"table": listing.relation}).fetchall()
            # An index that is built at once takes a small part of the time of one that grows.
            for name, _ in indexes:
                connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
            connection.execute(_insert(listing, rows, given.get(listing.relation, {})))
            for _, text in indexes:
                connection.execute(text.encode())
        sight = psycopg.ClientCursor(connection)
        sight.execute(_SIGHT, {"few": FEW, "many": MANY, "rows": rows})
        connection.execute("VACUUM ANALYZE")


def _insert(listing: Listing, rows: int, given: Mapping[str, str]) -> sql.Composed:
    columns = {name: column for name, column in listing.aggregate.columns.items() if column.computed is None}
    codes = {
        known.sql.removeprefix("r."): known.kind.schema.get("enum") for known in listing.filters.values()
    }
    told = {
        name: given.get(name) or _expression(column, codes.get(name), salt)
        for salt, (name, column) in enumerate(columns.items())
    }
    return sql.SQL("INSERT INTO {} ({}) SELECT {} FROM generate_series(1, {}) n").format(
        sql.Identifier(listing.relation),
        sql.SQL(", ").join(map(sql.Identifier, told)),
        sql.SQL(cast("LiteralString", ", ".join(told.values()))),
        sql.Literal(rows),
    )


def _expression(column: Column[Any], codes: Sequence[str] | None, salt: int) -> str:
    some = _SOME.replace("{salt}", str(salt * 7919))
    if column.name == "deleted_at":
        return f"CASE WHEN {some} % 50 = 0 THEN now() END"
    told = _value(column, codes, some)
    unknown = column.nullable and column.name != "id"
    return f"CASE WHEN n % 5 <> {salt % 5} THEN {told} END" if unknown else told


def _value(column: Column[Any], codes: Sequence[str] | None, some: str) -> str:
    if column.primary_key or column.name == "partition_key":
        return "numbered(n)"
    if codes:
        listed = ", ".join(f"'{code}'" for code in codes)
        return f"(ARRAY[{listed}])[1 + {some} % {len(codes)}]"
    match column.type:
        case Uuid():
            return _reference(column.name, some)
        case Boolean():
            return f"{some} % 2 = 0"
        case Date():
            return f"date '2026-01-01' + {some} % 1000"
        case DateTime():
            return "timestamptz '2026-01-01' + n * interval '1 s'"
        case BigInteger() | Integer():
            return f"1 + {some} % 1000"
        case JSONB() | ARRAY():
            return "'{}'"
        case _:
            return "md5(n::text)" if column.name in ("name", "email") else f"'word ' || {some} % {WORDS}"


def _reference(name: str, some: str) -> str:
    """One of few people of ours, FEW among them with few rows; or one of many of whatever else."""
    if name in ("owner_id", "member_id", "manager_id", "product_id"):
        return f"CASE WHEN n % 2000 = 7 THEN '{FEW}'::uuid ELSE numbered({some} % {PEOPLE}) END"
    return f"numbered({some} % {ACCOUNTS})"
