"""The staged rows of an import: surveyed once as a whole, then read piece by piece.

The survey finds what one row alone does not show: the same identity twice, and references among the rows that lead
nowhere. It is a few statements over the staging table; no row of the service's own is touched or locked.
"""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

import orjson

from services.kit.db import Session, one
from services.kit.imports_reading import Staged
from services.kit.profiles import Import, Profile


async def survey(tx: Session, importing: Import, profile: Profile, job: UUID) -> int:
    """Marks rows that cannot be taken, stages what walks read apart; returns how many rows all walks will read."""
    given: dict[str, Any] = {"job": job, "main": profile.main}
    identity = profile.walks[profile.main].identity
    # The statistics of a table that was just filled say that it is empty; a plan made for that would never end.
    await tx.execute("SET LOCAL enable_nestloop = off")
    await tx.execute(_TWICE, given | {"place": profile.places[identity], "field": identity})
    for number, walk in enumerate(profile.walks):
        if walk.once:
            await tx.execute(_ONCE, given | {"walk": number, "place": profile.places[walk.identity]})
    for walk in profile.walks:
        for reference in walk.references.values():
            if reference.own:
                await _mark_lost(tx, importing, profile, reference.column, given | {"what": reference.what})
    return sum([await _count(tx, job, profile.staged(number)) for number in range(len(profile.walks))])


async def _mark_lost(
    tx: Session, importing: Import, profile: Profile, column: str, given: dict[str, Any]
) -> None:
    """Refuses rows that name a row of their own noun which is neither in the file nor known here."""
    identities = [
        {"walk": profile.staged(number), "place": profile.places[walk.identity]}
        for number, walk in enumerate(profile.walks)
    ]
    await tx.execute(
        _LOST,
        given
        | {
            "place": profile.places[column],
            "field": column,
            "noun": importing.table,
            "source": profile.name,
            "identities": orjson.dumps(identities).decode(),
        },
    )


async def _count(tx: Session, job: UUID, walk: int) -> int:
    row = await one(
        tx,
        "SELECT count(*) FROM import_row WHERE job_id = %(job)s AND walk = %(walk)s",
        {"job": job, "walk": walk},
    )
    return row[0] if row else 0


async def staged(session: Session, job: UUID, walk: int, *, after: int, most: int) -> Sequence[Staged]:
    """The next rows that a walk reads, in the file's order."""
    found = await session.execute(_PIECE, {"job": job, "walk": walk, "after": after, "most": most})
    return [
        Staged(row, orjson.loads(cells), orjson.loads(refused) if refused else None)
        for row, cells, refused in await found.fetchall()
    ]


async def clear(tx: Session, job: UUID) -> None:
    """Removes the job's rows."""
    await tx.execute("DELETE FROM import_row WHERE job_id = %(job)s", {"job": job})


_TWICE: LiteralString = """
WITH seen AS (
  SELECT row, min(row) OVER (PARTITION BY cells ->> %(place)s::integer) AS first
  FROM import_row
  WHERE job_id = %(job)s AND walk = %(main)s AND refused IS NULL AND cells ->> %(place)s::integer <> ''
)
UPDATE import_row r SET refused = json_build_array(json_build_object(
  'field', %(field)s::text, 'code', 'duplicate',
  'message', 'is the same as in row ' || s.first || '; leave one of the two out'))
FROM seen s
WHERE s.row > s.first AND r.job_id = %(job)s AND r.walk = %(main)s AND r.row = s.row
"""
_ONCE: LiteralString = """
INSERT INTO import_row (job_id, walk, row, cells)
SELECT %(job)s, %(walk)s, row, cells FROM (
  SELECT DISTINCT ON (cells ->> %(place)s::integer) row, cells FROM import_row
  WHERE job_id = %(job)s AND walk = %(main)s AND refused IS NULL AND cells ->> %(place)s::integer <> ''
  ORDER BY cells ->> %(place)s::integer, row
) firsts
"""
_LOST: LiteralString = """
WITH lost AS MATERIALIZED (
  SELECT cells ->> %(place)s::integer AS key FROM import_row
    WHERE job_id = %(job)s AND walk = %(main)s AND refused IS NULL AND cells ->> %(place)s::integer <> ''
  EXCEPT
  SELECT r.cells ->> i.place
    FROM json_to_recordset(%(identities)s::json) AS i(walk smallint, place integer)
    JOIN import_row r ON r.job_id = %(job)s AND r.walk = i.walk AND r.refused IS NULL
  EXCEPT
  SELECT external_id FROM external_id WHERE noun = %(noun)s AND source = %(source)s
)
UPDATE import_row r SET refused = json_build_array(json_build_object(
  'field', %(field)s::text, 'code', 'unknown',
  'message', '''' || left(l.key, 60) || ''' is no ' || %(what)s::text || ', neither in the file nor here'))
FROM lost l
WHERE r.job_id = %(job)s AND r.walk = %(main)s AND r.refused IS NULL AND r.cells ->> %(place)s::integer = l.key
"""
_PIECE: LiteralString = """
SELECT row, cells::text, refused::text FROM import_row
WHERE job_id = %(job)s AND walk = %(walk)s AND row > %(after)s ORDER BY row LIMIT %(most)s
"""
