"""Free text that may name a person: where a name is read in rows of the person's account, for people to look at.

Software cannot tell whether `Li` in a note is this Li. So it tells where the name stands, and never the text. When the
person is erased, and the name with them, that is kept: nobody could find it any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, LiteralString, NamedTuple
from uuid import UUID

import orjson
from psycopg import sql
from psycopg.types.json import Jsonb

from services.kit.db import Session, execute, literal, one
from services.kit.fields import Read
from services.kit.problems import NotFound

MOST: Final = 1000
"""Mentions of one person that a service keeps at the most."""


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


@dataclass(frozen=True)
class Erased:
    """Somebody who is erased: since when, on which ground where that is known here, and what they were called."""

    id: UUID
    account_id: UUID
    at: datetime
    names: Sequence[str]
    reason: str | None = None


class Kept(NamedTuple):
    """What is left of somebody who was erased. `mentions` is a JSON array; `more`: other texts may name them too."""

    account_id: UUID
    at: datetime
    reason: str | None
    mentions: str
    more: bool

    def told(self, service: str) -> dict[str, object]:
        """The mentions as the service's part of an answer, for orjson."""
        return {f"mentions_in_{service}": orjson.Fragment(self.mentions), f"more_in_{service}": self.more}


def mentions(texts: Sequence[FreeText]) -> sql.Composed:
    """The mentions of person `c` as JSON, in SQL over a row `c` with `id`, `account_id` and `names`.

    A text that has several of the names is one mention; a blank name is in none.
    """
    return sql.SQL("""(SELECT coalesce(json_agg(row_to_json(m) ORDER BY m.noun, m.id, m.field), '[]')
  FROM ({}) m)""").format(_found(texts))


async def keep(tx: Session, texts: tuple[FreeText, ...], people: Sequence[Erased]) -> None:
    """Keeps where texts may name these people, in the transaction that erases them. What is kept already stays."""
    rows = [
        {
            "id": str(each.id),
            "account_id": str(each.account_id),
            "erased_at": each.at.isoformat(),
            "reason": each.reason,
            "names": [name for name in each.names if name.strip()],
        }
        for each in people
    ]
    await execute(tx, _keep(texts), {"people": Jsonb(rows), "most": MOST})


async def kept(session: Session, person: UUID) -> Kept:
    """What is left of somebody who was erased. Raises NotFound for who was not, as far as is known here."""
    row = await one(session, _KEPT, {"person": person})
    if row is None:
        raise NotFound("erasure")
    return Kept(*row)


def _found(texts: Sequence[FreeText]) -> sql.Composed:
    return sql.SQL(" UNION ALL ").join(_in(text, name) for text in texts for name in text.fields)


def _in(text: FreeText, field: str) -> sql.Composed:
    return sql.SQL(
        "SELECT {noun} AS noun, r.id, {field} AS field FROM {relation} r"
        " WHERE {where} AND EXISTS (SELECT FROM unnest(c.names) n(name)"
        " WHERE btrim(n.name) <> '' AND position(lower(n.name) IN lower(r.{column}::text)) > 0)"
    ).format(
        noun=sql.Literal(text.noun),
        field=sql.Literal(field),
        relation=sql.SQL(text.relation),
        where=sql.SQL(text.where),
        column=sql.Identifier(field),
    )


_KEEP = sql.SQL("""
INSERT INTO erasure (person_id, account_id, erased_at, reason, mentions, more)
SELECT c.id, c.account_id, c.erased_at, c.reason, listed.mentions, listed.more OR cardinality(c.names) = 0
FROM jsonb_to_recordset(%(people)s)
  AS c(id uuid, account_id uuid, erased_at timestamptz, reason text, names text[]),
  LATERAL (
    SELECT coalesce(array_to_json((array_agg(row_to_json(m) ORDER BY m.noun, m.id, m.field))[:%(most)s::integer]), '[]')
             AS mentions,
           count(*) > %(most)s::integer AS more
    FROM ({found} ORDER BY 1, 2, 3 LIMIT %(most)s::integer + 1) m
  ) listed
ON CONFLICT (person_id) DO NOTHING /* sight */""")
_KEPT: LiteralString = """
SELECT account_id, erased_at, reason, mentions::text, more FROM erasure WHERE person_id = %(person)s::uuid"""


@lru_cache
def _keep(texts: tuple[FreeText, ...]) -> LiteralString:
    return literal(_KEEP.format(found=_found(texts)))
