"""Deleting a row softly, with what follows it, and restoring both.

What follows a row is deleted at the same instant as the row, and by that instant it is known again: what was deleted
before by itself stays deleted when the row comes back. A row is locked against all that is about to refer to it
(`FOR UPDATE`) before anybody looks what does.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

import orjson
from psycopg import sql

from services.kit import current, journal
from services.kit.access import SHOWN
from services.kit.aggregates import Aggregate
from services.kit.calls import Call
from services.kit.clock import instant, now
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session, literal, one
from services.kit.dependants import Deletable, Dependant, Meaning
from services.kit.fields import Read
from services.kit.idempotency import keep
from services.kit.identity import Viewer
from services.kit.journal import Cause, entry
from services.kit.problems import Conflict, FieldError, Forbidden, NotFound

NAMED: LiteralString = "5"
"""How many of the rows that refuse a delete are named."""


class DependantRead(Read):
    """What hangs on a deleted row and what has become of it; `count` is null where this service does not know it."""

    noun: str
    meaning: Meaning
    count: int | None
    said: str


class Deleted(Read):
    """A row that was deleted: until when it can be restored (null: for ever), and what went along."""

    id: UUID
    version: int
    deleted_at: datetime
    restorable_until_at: datetime | None
    dependants: list[DependantRead]


async def delete(
    tx: Session,
    call: Call,
    deletable: Deletable,
    id: UUID,
    expected: Expected,
    *,
    sight: LiteralString,
    may: LiteralString,
) -> Shown:
    """Deletes the row with what follows it, in a transaction; the JSON is that of `Deleted`.

    `sight` and `may` are SQL over the row `r`: whether the caller sees it, and may delete it. Raises NotFound,
    Forbidden, PreconditionFailed, Conflict (has_dependants) naming what refuses.
    """
    aggregate, cause = deletable.aggregate, replace(call.cause, key=None)
    await current.hold(tx, aggregate, id, viewer=call.member_id, sight=sight, may=may, expected=expected)
    await _refuse(tx, call.viewer, deletable, id)
    at = now()
    row = await journal.remove(tx, aggregate, id, cause, at=at, allowed=SHOWN)
    assert row is not None
    counts = {
        each.noun: await _follow(tx, each, id, cause, at, back=False) for each in deletable.of(Meaning.FOLLOW)
    }
    days = call.settings.deleted_days
    told = {
        "id": row.id,
        "version": row.version,
        "deleted_at": instant(at),
        "restorable_until_at": instant(at + timedelta(days=days)) if days else None,
        "dependants": [_told(each, counts.get(each.noun)) for each in deletable.dependants],
    }
    answer = orjson.dumps(told).decode()
    await keep(tx, call.cause.key, status=200, answer=answer, version=row.version)
    return Shown(row.id, row.version, answer)


async def restore(
    tx: Session,
    call: Call,
    deletable: Deletable,
    id: UUID,
    *,
    sight: LiteralString,
    may: LiteralString,
    knows: LiteralString = "true",
    given: Mapping[str, Any] | None = None,
) -> Shown:
    """Restores the row with what followed it, in a transaction, and gives it; a row that is not deleted as it stands.

    `sight` and `may` are as in `delete`, as if the row were there, and over `given` as well; `knows` says whether the
    caller knows what is confided of the row. What is to be purged is no longer found. Raises NotFound, Forbidden,
    Conflict (what it needs to come back is not there).
    """
    aggregate, cause = deletable.aggregate, replace(call.cause, key=None)
    asked = {"id": id, "viewer": call.member_id, "days": call.settings.deleted_days, **(given or {})}
    found = await one(tx, _gone(deletable, sight, may, knows), asked)
    if found is None:
        raise NotFound(aggregate.name.replace("_", " "))
    version, at, answer, allowed, known, *needs = found
    if not allowed:
        raise Forbidden("not_yours_to_edit", "You may see this, but only its owner may change it.")
    row: Shown | None = Shown(id, version, answer)
    if at is not None:
        for need, holds in zip(deletable.needs, needs, strict=True):
            if not holds:
                raise Conflict(need.code, need.said)
        row = await journal.update(
            tx, aggregate, id, {"deleted_at": None}, cause, fact="restored", allowed=SHOWN
        )
        assert row is not None
        for each in deletable.of(Meaning.FOLLOW):
            await _follow(tx, each, id, cause, at, back=True)
        if not known:
            row = await current.read(tx, aggregate, id, viewer=call.member_id, sight=SHOWN, knows="false")
    await keep(tx, call.cause.key, status=200, answer=row.json, version=row.version)
    return row


def _told(each: Dependant, count: int | None) -> Mapping[str, Any]:
    refused = 0 if each.meaning is Meaning.REFUSE else None
    return {
        "noun": each.noun,
        "meaning": each.meaning,
        "count": refused if count is None else count,
        "said": each.said,
    }


_GONE = sql.SQL("""SELECT r.version, r.deleted_at, {json}::text, {may}, {knows}{needs} FROM {relation} r
WHERE r.id = %(id)s::uuid AND ({sight})
  AND (r.deleted_at IS NULL OR %(days)s::integer = 0
       OR r.deleted_at >= now() - make_interval(days => %(days)s::integer))
FOR UPDATE OF r""")


@lru_cache(maxsize=64)
def _gone(
    deletable: Deletable, sight: LiteralString, may: LiteralString, knows: LiteralString
) -> LiteralString:
    aggregate = deletable.aggregate
    text = _GONE.format(
        json=aggregate.json(knows),
        may=sql.SQL(may),
        knows=sql.SQL(knows),
        needs=sql.SQL("").join(sql.SQL(", (" + need.where + ")") for need in deletable.needs),
        relation=aggregate.relation,
        sight=sql.SQL(sight),
    )
    return literal(text)


async def _refuse(tx: Session, viewer: Viewer, deletable: Deletable, id: UUID) -> None:
    refusing = deletable.of(Meaning.REFUSE)
    if not refusing:
        return
    statement = _refusing(tuple((each, _seen(each, viewer)) for each in refusing))
    row = await one(tx, statement, {"id": id, "viewer": viewer.member_id})
    assert row is not None
    counts, named = row[0::2], row[1::2]
    errors = [
        FieldError(each.noun, "has_dependants", f"{count} {each.said}{_by_name(ids)}")
        for each, count, ids in zip(refusing, counts, named, strict=True)
        if count
    ]
    if errors:
        what = ", ".join(error.field for error in errors)
        raise Conflict(
            "has_dependants", f"Deleting this is refused as long as there are {what}.", errors=errors
        )


def _by_name(ids: list[UUID]) -> str:
    return " (" + ", ".join(map(str, ids)) + ")" if ids else ""


def _seen(each: Dependant, viewer: Viewer) -> LiteralString:
    return each.sight.visible(viewer) if each.sight else "true"


@lru_cache(maxsize=64)
def _refusing(refusing: tuple[tuple[Dependant, LiteralString], ...]) -> LiteralString:
    parts: list[LiteralString] = []
    for each, seen in refusing:
        rows: LiteralString = (
            " FROM " + each.relation + " r WHERE r.deleted_at IS NULL AND (" + _where(each) + ")"
        )
        parts.append("(SELECT count(*)" + rows + ")")
        parts.append("ARRAY(SELECT r.id" + rows + " AND " + seen + " ORDER BY r.id LIMIT " + NAMED + ")")
    return "SELECT " + ", ".join(parts) + " /* sight */"


def _where(each: Dependant) -> LiteralString:
    return each.where.replace("{root}", "%(id)s::uuid")


_FOLLOWING = sql.SQL("""WITH held AS MATERIALIZED (
  SELECT r.id FROM {relation} r WHERE ({where}) AND {standing} ORDER BY r.id FOR UPDATE
), hit AS (
  UPDATE {relation} AS r
  SET deleted_at = {to}, version = r.version + 1, updated_at = now(), updated_by = %(_actor)s::text
  FROM held h WHERE r.id = h.id
  RETURNING r.*
), shown AS (
  SELECT r.id, r.version, r.partition_key, {json} AS answer, {beside} AS beside FROM hit r
), entry AS (
  {entry}
), queued AS (
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry
)
SELECT count(*) FROM shown /* sight */""")


async def _follow(tx: Session, each: Dependant, id: UUID, cause: Cause, at: datetime, *, back: bool) -> int:
    """Deletes what follows the row, or restores what was deleted with it at that instant; gives how many."""
    assert each.aggregate is not None
    statement = _following(each.aggregate, _where(each), each.whole, back)
    row = await one(tx, statement, journal.told(cause) | {"id": id, "at": at})
    return row[0] if row else 0


@lru_cache(maxsize=64)
def _following(aggregate: Aggregate, where: LiteralString, whole: LiteralString, back: bool) -> LiteralString:
    standing: LiteralString = (
        "r.deleted_at = %(at)s::timestamptz AND " + whole if back else "r.deleted_at IS NULL"
    )
    text = _FOLLOWING.format(
        relation=aggregate.relation,
        where=sql.SQL(where),
        standing=sql.SQL(standing),
        to=sql.SQL("NULL" if back else "%(at)s::timestamptz"),
        json=aggregate.json(),
        beside=aggregate.beside(),
        entry=entry(
            aggregate,
            "shown ORDER BY id",
            fact="'restored'" if back else "'deleted'",
            state="answer::jsonb || beside",
            changed="'{}'::jsonb",
        ),
    )
    return literal(text)
