"""Erasing: rows that go for good, and what else tells of a person. Nothing of it can be undone.

The journal is never updated but here: of an erased row its entries keep ids, types, times and actors, and lose what
they said. Each function is for the transaction of whoever erases.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

import orjson
from psycopg import sql
from psycopg.types.json import Jsonb

from services.kit import journal, mentions
from services.kit.aggregates import Aggregate
from services.kit.copies import MOST_FORMER, Copy, names_told
from services.kit.db import Session, execute, literal
from services.kit.dependants import Deletable
from services.kit.events import ERASED, SWEPT, Event
from services.kit.journal import Cause, entry
from services.kit.mentions import Erased, FreeText

Blank = Mapping[str, Any]
"""Fields that tell of somebody, each with a value that tells nothing."""


async def scrub(tx: Session, ids: Collection[UUID], blank: Blank) -> None:
    """Lets the journal's entries about these rows say nothing in these fields any more, before and after changes."""
    if ids and blank:
        await tx.execute(_SCRUB, {"ids": list(ids), "blank": Jsonb(dict(blank)), "fields": list(blank)})


async def forget_answers(tx: Session, ids: Collection[UUID], names: Collection[str] = ()) -> None:
    """Lets answers that are kept for callers who ask twice, and that speak of these ids or names, say so and no more.

    A name is looked for as it is written. One that is part of other words takes answers along that are not of the
    person: who asks twice is told less, and what was done stays done.
    """
    words = {*map(str, ids), *(name for name in names if name.strip())}
    quoted = {orjson.dumps(word).decode()[1:-1] for word in words}
    if words:
        await tx.execute(_FORGET_ANSWERS, {"words": sorted(words | quoted)})


async def forget_reports(tx: Session, words: Collection[str]) -> None:
    """Takes these words out of what imports keep: their reports, and rows that are staged."""
    if told := sorted({each for each in words if each.strip()}):
        await tx.execute(_FORGET_REPORTS, {"words": told})
        await tx.execute(_FORGET_STAGED, {"words": told})


async def forget_people(
    tx: Session, people: Copy, texts: tuple[FreeText, ...], events: Sequence[Event]
) -> None:
    """Keeps where texts may name those whom these events erase, and takes them out of kept answers and of what imports
    keep; who took part in what stays, by id. Nothing for those who are purged.

    It is for the time before their copies are blank: all of it is searched for the names.
    """
    asked = {event.subject_id: event for event in events if event.is_erasure}
    if not asked:
        return
    known = await people.names(tx, asked)
    told = names_told([event for event in events if event.subject_id in asked])
    names = {id: sorted({*told[id], *(known[id].said if id in known else ())}) for id in asked}
    everything = {name for each in names.values() for name in each}
    await mentions.keep(tx, texts, [_erased(event, names[id]) for id, event in sorted(asked.items())])
    whole = {id for id, of in known.items() if of.from_start and len(names[id]) <= MOST_FORMER}
    await doubt(tx, asked.keys() - whole)
    await forget_answers(tx, list(asked), everything)
    await forget_reports(tx, everything)


async def doubt(tx: Session, people: Collection[UUID]) -> None:
    """Lets what is left of these people say that other texts may name them: by names that nobody knows any more."""
    if people:
        await tx.execute(_DOUBT, {"people": list(people)})


def unscrubbed(events: Sequence[Event]) -> list[Event]:
    """The events about people that are to be folded. One that was scrubbed before it was told has no name: the erasure
    comes behind it, and is to find the person's copy as it was, to look for the name.
    """
    return [event for event in events if event.data["name"] or event.fact in (ERASED, SWEPT)]


def _erased(event: Event, names: Sequence[str]) -> Erased:
    return Erased(event.subject_id, UUID(event.data["account_id"]), event.time, names)


async def erase(tx: Session, deletable: Deletable, ids: Collection[UUID], cause: Cause) -> None:
    """Removes the rows for good, each with its journal entry `erased`, and frees what they were called elsewhere.

    Answers that are kept are left to whoever erases rows that were there just now.
    """
    if not ids:
        return
    aggregate = deletable.aggregate
    given = {"ids": list(ids), "blank": Jsonb(dict(deletable.blank))}
    await execute(tx, _erase(aggregate), journal.told(cause) | given)
    await scrub(tx, ids, deletable.blank)


_SCRUB: LiteralString = """
UPDATE journal SET state = state || %(blank)s::jsonb, changed = changed - %(fields)s::text[]
WHERE aggregate_id = ANY (%(ids)s::uuid[])"""
_FORGET_ANSWERS: LiteralString = """
UPDATE idempotency_key SET answer = jsonb_build_object('id', answer::jsonb -> 'id', 'erased', true)::text
WHERE EXISTS (SELECT FROM unnest(%(words)s::text[]) w(word) WHERE position(w.word IN answer) > 0)"""
_FORGET_REPORTS: LiteralString = """
UPDATE import_report SET message = 'told of somebody who was erased', findings = '[]', external_id = NULL
WHERE EXISTS (SELECT FROM unnest(%(words)s::text[]) w(word)
  WHERE position(w.word IN concat(message, ' ', findings::text, ' ', external_id)) > 0)"""
# A cell is the word or it is free text, which people read.
_FORGET_STAGED: LiteralString = """
DELETE FROM import_row r WHERE EXISTS (
  SELECT FROM json_array_elements_text(r.cells) c(cell) WHERE c.cell = ANY (%(words)s::text[]))"""
_DOUBT: LiteralString = "UPDATE erasure SET more = true WHERE person_id = ANY (%(people)s::uuid[])"

_ERASE = sql.SQL("""WITH gone AS (
  DELETE FROM {relation} AS r WHERE r.id = ANY (%(ids)s::uuid[]) RETURNING r.*
), freed AS (
  DELETE FROM external_id x USING gone WHERE x.noun = {noun} AND x.row_id = gone.id
), shown AS (
  SELECT r.id, r.version + 1 AS version, r.partition_key,
         {json}::jsonb || {beside} || %(blank)s::jsonb || jsonb_build_object('version', r.version + 1) AS state
  FROM gone r
), entry AS (
  {entry}
)
INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry /* sight */""")


@lru_cache(maxsize=64)
def _erase(aggregate: Aggregate) -> LiteralString:
    text = _ERASE.format(
        relation=aggregate.relation,
        noun=sql.Literal(aggregate.table_name),
        json=aggregate.json(),
        beside=aggregate.beside(),
        entry=entry(aggregate, "shown ORDER BY id", fact="'erased'", state="state", changed="'{}'::jsonb"),
    )
    return literal(text)
