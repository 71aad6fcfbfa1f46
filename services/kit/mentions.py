"""Free text that may name a person: where a name is read in rows of the person's account, for people to look at.

Software cannot tell whether `Li` in a note is this Li. So it tells where the name stands, and never the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from services.kit.fields import Read


class Mention(Read):
    """A field of a row in which the person's name stands."""

    noun: str
    id: UUID
    field: str


@dataclass(frozen=True)
class FreeText:
    """Columns of a table's rows `r` that hold what people wrote; `where` finds those of the account `c.account_id`."""

    noun: str
    relation: LiteralString
    where: LiteralString
    fields: tuple[str, ...]


def mentions(texts: Sequence[FreeText]) -> sql.Composed:
    """The mentions of person `c` as JSON, in SQL over a row `c` with `name` and `account_id`."""
    found = sql.SQL(" UNION ALL ").join(_in(text, name) for text in texts for name in text.fields)
    return sql.SQL("""(SELECT coalesce(json_agg(row_to_json(m) ORDER BY m.noun, m.id, m.field), '[]')
  FROM ({}) m)""").format(found)


def _in(text: FreeText, field: str) -> sql.Composed:
    return sql.SQL(
        "SELECT {noun} AS noun, r.id, {field} AS field FROM {relation} r"
        " WHERE {where} AND c.name <> '' AND position(lower(c.name) IN lower(r.{column}::text)) > 0"
    ).format(
        noun=sql.Literal(text.noun),
        field=sql.Literal(field),
        relation=sql.SQL(text.relation),
        where=sql.SQL(text.where),
        column=sql.Identifier(field),
    )
