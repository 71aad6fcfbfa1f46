"""Where a word stands in a database: every column of every table is searched, as the database itself lists them."""

import psycopg
from psycopg import sql

_COLUMNS = """
SELECT c.relname, a.attname, a.atttypid = 'bytea'::regtype
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
  AND NOT a.attisdropped
ORDER BY 1, 2"""
_STANDS = sql.SQL("EXISTS (SELECT FROM {table} t WHERE position({word} IN lower({text})) > 0)")
_TEXT = sql.SQL("t.{column}::text")
_BYTES = sql.SQL("encode(t.{column}, 'escape')")


async def places(url: str, word: str) -> set[str]:
    """Every column in which the word, in lower case, stands, as `table.column`; in whatever type."""
    async with await psycopg.AsyncConnection.connect(url) as session:
        columns = await (await session.execute(_COLUMNS)).fetchall()
        assert len(columns) > 150
        found: set[str] = set()
        for table, column, binary in columns:
            text = (_BYTES if binary else _TEXT).format(column=sql.Identifier(column))
            asked = _STANDS.format(table=sql.Identifier(table), word=sql.Literal(word), text=text)
            row = await (await session.execute(sql.SQL("SELECT {}").format(asked))).fetchone()
            assert row is not None
            if row[0]:
                found.add(f"{table}.{column}")
        return found
