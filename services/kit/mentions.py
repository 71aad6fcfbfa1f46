"""Free text that may name a person: where a name is read in what people wrote, for people to look at.

Software cannot tell whether `Li` in a note is this Li. So it tells where the name stands, and never the text. While the
person is there, rows of their account are looked at, as those who ask see them. When the person is erased, and the name
with them, it is looked for in every row of the service, and what is found is kept: nobody could find it any more.
Texts that have been overwritten stand in the journal: those of the account's rows are looked at as well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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

TOGETHER: Final = 20
"""People of one batch who are looked for in every row: each takes time, and whoever folds has to go on."""


class Mention(Read):
    """A field of a row in which the person's name stands."""

    noun: str
    id: UUID
    field: str
    past: bool = False


@dataclass(frozen=True, eq=False)
class FreeText:
    """Columns of a table's rows `r` that hold what people wrote; `where` finds those of the account `c.account_id`,
    `through` what it joins.

    `inside` says of columns that are JSON lists which member of their objects is text. What stands in rows about a
    person themselves, whose ids are `own`, is no mention of that person.
    """

    noun: str
    relation: LiteralString
    where: LiteralString
    fields: tuple[str, ...]
    inside: Mapping[str, str] = field(default_factory=dict[str, str])
    own: LiteralString = "'{}'::uuid[]"
    through: LiteralString = ""


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
    """The mentions of person `c` in rows of their account as JSON, in SQL over a row `c` with `id`, `account_id` and
    `names`.

    A text that has several of the names is one mention; a blank name is in none.
    """
    return _ABOUT.format(patterns=_PATTERNS, said=_said(texts, sql.SQL("")))


async def keep(tx: Session, texts: tuple[FreeText, ...], people: Sequence[Erased]) -> None:
    """Keeps where texts may name these people, in the transaction that erases them. What is kept already stays.

    Of more than `TOGETHER` the others are looked for at their accounts alone, and `more` says that that is not all.
    """
    rows = [
        {
            "id": str(each.id),
            "account_id": str(each.account_id),
            "erased_at": each.at.isoformat(),
            "reason": each.reason,
            "names": [name for name in each.names if name.strip()],
            "everywhere": number < TOGETHER,
        }
        for number, each in enumerate(people)
    ]
    await execute(tx, _keep(texts), {"people": Jsonb(rows), "most": MOST})


async def kept(session: Session, person: UUID) -> Kept:
    """What is left of somebody who was erased. Raises NotFound for who was not, as far as is known here."""
    row = await one(session, _KEPT, {"person": person})
    if row is None:
        raise NotFound("erasure")
    return Kept(*row)


def _said(texts: Sequence[FreeText], people: sql.SQL) -> sql.Composed:
    """What texts of their accounts' rows say, and said, of each `c` of the `people`, or of the one `c` around it."""
    both = (_each(texts, form, people) for form in (_HERE, _PAST))
    return sql.SQL(" UNION ALL ").join(both)


def _each(texts: Sequence[FreeText], form: sql.SQL, people: sql.SQL) -> sql.Composed:
    """The form for each of the texts, one after the other."""
    return sql.SQL(" UNION ALL ").join(
        form.format(
            people=people,
            noun=sql.Literal(text.noun),
            relation=sql.SQL(text.relation),
            through=sql.SQL(text.through),
            where=sql.SQL(text.where),
            own=sql.SQL(text.own),
            present=_values(text, sql.SQL("r.{}::text"), sql.SQL("r.{}"), sql.Identifier),
            told=_values(text, sql.SQL("j.state ->> {}"), sql.SQL("j.state -> {}"), sql.Literal),
        )
        for text in texts
    )


def _values(
    text: FreeText, plain: sql.SQL, nested: sql.SQL, named: Callable[[str], sql.Composable]
) -> sql.Composed:
    """The fields with what stands in them, as the rows of VALUES."""
    rows: list[sql.Composed] = []
    for name in text.fields:
        value = plain.format(named(name))
        if name in text.inside:
            member = sql.Literal(f"$[*].{text.inside[name]}")
            value = _INSIDE.format(list=nested.format(named(name)), member=member)
        rows.append(sql.SQL("({}, {})").format(sql.Literal(name), value))
    return sql.SQL(", ").join(rows)


_INSIDE = sql.SQL(r"(SELECT string_agg(e #>> '{{}}', E'\n') FROM jsonb_path_query({list}, {member}) e)")
# What LIKE finds the names of `c` by, whatever stands in them.
_PATTERNS = sql.SQL(r"""ARRAY(
  SELECT '%%' || regexp_replace(lower(n.name), '([\\%%_])', '\\\1', 'g') || '%%'
  FROM unnest(c.names) n(name) WHERE btrim(n.name) <> '')""")
_EVERYWHERE = sql.SQL("""
  SELECT {noun} AS noun, r.id, f.field, lower(f.text) AS text, {own} AS own
  FROM {relation} r, LATERAL (VALUES {present}) f(field, text)""")
_HERE = sql.SQL("""
  SELECT c.id AS person, {noun} AS noun, r.id, f.field, false AS past
  FROM {people}{relation} r {through}, LATERAL (VALUES {present}) f(field, text)
  WHERE {where} AND c.id <> ALL ({own}) AND lower(f.text) LIKE ANY (c.patterns)""")
_PAST = sql.SQL("""
  SELECT c.id AS person, {noun} AS noun, r.id, f.field, true AS past
  FROM {people}{relation} r {through} JOIN journal j ON j.aggregate_id = r.id, LATERAL (VALUES {told}) f(field, text)
  WHERE {where} AND c.id <> ALL ({own}) AND lower(f.text) LIKE ANY (c.patterns)""")
_ABOUT = sql.SQL("""(
  SELECT coalesce(json_agg(row_to_json(m) ORDER BY m.noun, m.id, m.field), '[]')
  FROM (SELECT c.id, c.account_id, {patterns} AS patterns OFFSET 0) c, LATERAL (
    SELECT s.noun, s.id, s.field, bool_and(s.past) AS past FROM ({said}) s GROUP BY 1, 2, 3) m)""")
# Every row is looked at once for all of the people: no index finds those of an account where deleted ones count.
_KEEP = sql.SQL("""
WITH people AS MATERIALIZED (
  SELECT c.*, {patterns} AS patterns FROM jsonb_to_recordset(%(people)s)
    AS c(id uuid, account_id uuid, erased_at timestamptz, reason text, names text[], everywhere boolean)
), found AS MATERIALIZED (
  SELECT * FROM ({everywhere}) e
  WHERE e.text LIKE ANY (ARRAY(SELECT unnest(p.patterns) FROM people p WHERE p.everywhere))
), said AS (
  SELECT c.id AS person, e.noun, e.id, e.field, false AS past
  FROM people c JOIN found e ON e.text LIKE ANY (c.patterns) AND c.id <> ALL (e.own)
  UNION ALL {said}
), told AS (
  SELECT s.person, s.noun, s.id, s.field, bool_and(s.past) AS past,
         row_number() OVER (PARTITION BY s.person ORDER BY s.noun, s.id, s.field) AS number
  FROM said s GROUP BY s.person, s.noun, s.id, s.field
), listed AS (
  SELECT t.person, max(t.number) > %(most)s::integer AS more,
         json_agg(json_build_object('noun', t.noun, 'id', t.id, 'field', t.field, 'past', t.past) ORDER BY t.number)
           FILTER (WHERE t.number <= %(most)s::integer) AS mentions
  FROM told t GROUP BY t.person
)
INSERT INTO erasure (person_id, account_id, erased_at, reason, mentions, more)
SELECT c.id, c.account_id, c.erased_at, c.reason, coalesce(l.mentions, '[]'),
       coalesce(l.more, false) OR cardinality(c.names) = 0 OR NOT c.everywhere
FROM people c LEFT JOIN listed l ON l.person = c.id
ON CONFLICT (person_id) DO NOTHING /* sight */""")
_KEPT: LiteralString = """
SELECT account_id, erased_at, reason, mentions::text, more FROM erasure WHERE person_id = %(person)s::uuid"""


@lru_cache
def _keep(texts: tuple[FreeText, ...]) -> LiteralString:
    everywhere, said = _each(texts, _EVERYWHERE, sql.SQL("")), _said(texts, sql.SQL("people c, "))
    return literal(_KEEP.format(patterns=_PATTERNS, everywhere=everywhere, said=said))
