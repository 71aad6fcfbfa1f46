"""The work of an import: its walks over the staged rows, piece by piece, each piece one transaction with its point.

While one piece is being written the next is prepared. A dry run does the same and rolls every piece's rows back.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, LiteralString

import orjson

from services.kit.db import Database, Session
from services.kit.imports_pieces import Piece, Pieces
from services.kit.imports_reading import Finding, mended
from services.kit.imports_resolving import Patience, circles, hold_hierarchies
from services.kit.imports_staging import clear, survey
from services.kit.imports_writing import Effect, Writer
from services.kit.jobs import Claim, GivenUp, Job, Kind
from services.kit.journal import Cause
from services.kit.profiles import Import, Profile, Walk
from services.kit.settings import Settings

KIND: Final = "import"
PIECE: Final = 2_000
"""Rows that one transaction takes at the most."""

WAIT: Final = 15.0
"""Seconds for which a job waits for references that have not arrived."""

COUNTS: Final = ("read", "created", "updated", "unchanged", "refused")


def kind(imports: Iterable[Import], settings: Settings, *, rows: int = PIECE, wait: float = WAIT) -> Kind:
    """The kind of job that imports into these nouns."""
    nouns = {importing.noun: importing for importing in imports}

    async def work(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        argument = claim.job.argument
        try:
            importing = nouns[argument["noun"]]
            profile = importing.profile(argument["profile"])
        except KeyError as error:
            raise GivenUp(f"This program knows no import of {error} any more; send the file again.") from None
        return await _Work(claim, db, importing, profile, settings, rows, wait).run(stop)

    async def clear_job(tx: Session, job: Job) -> None:
        await clear(tx, job.id)

    return Kind(KIND, work, clear_job)


async def sweep(db: Database, days: int) -> int:
    """Deletes imports that ended so many days ago with their reports, one at a time; gives how many.

    Reports hold what files say of people, so none outlives the purge of somebody who was deleted after it.
    """
    swept = 0
    while True:
        async with db.connect() as session:
            if not (await session.execute(_SWEEP, {"kind": KIND, "days": days})).rowcount:
                return swept
        swept += 1


class _Work:
    def __init__(
        self,
        claim: Claim,
        db: Database,
        importing: Import,
        profile: Profile,
        settings: Settings,
        rows: int,
        wait: float,
    ) -> None:
        self._claim, self._db = claim, db
        self._importing, self._profile = importing, profile
        self._settings, self._rows = settings, rows
        self._patience = Patience(wait)
        self._dry = bool(claim.job.argument["dry_run"])
        cause = claim.job.cause
        self._cause = Cause(cause.actor, None, cause.request_id, cause.traceparent, imported=True)
        self._done, self._total = claim.job.done, claim.job.total
        self._counts = dict.fromkeys(COUNTS, 0) | dict(claim.job.counts)

    async def run(self, stop: asyncio.Event) -> bool:
        """Goes on from the job's point to the end, or to where `stop` is set."""
        point = self._claim.job.point or await self._survey()
        for number in range(point["walk"], len(self._profile.walks)):
            await self._walk(number, point["row"] if number == point["walk"] else 0, stop)
            if stop.is_set():
                return False
        return True

    async def _survey(self) -> Mapping[str, int]:
        point = {"walk": 0, "row": 0}
        async with self._db.transaction() as tx:
            await self._claim.hold(tx)
            self._total = await survey(tx, self._importing, self._profile, self._claim.job.id)
            await self._reach(tx, point)
        return point

    async def _walk(self, number: int, after: int, stop: asyncio.Event) -> None:
        walk = self._profile.walks[number]
        writer = Writer(self._importing, self._profile, walk, self._cause, self._settings)
        pieces = self._pieces(number)
        preparing = asyncio.create_task(pieces.after(after, stop))
        try:
            while (piece := await preparing) is not None and not stop.is_set():
                preparing = asyncio.create_task(pieces.after(piece.last, stop))
                await self._apply(walk, piece, writer, {"walk": number, "row": piece.last})
        finally:
            preparing.cancel()
            await asyncio.gather(preparing, return_exceptions=True)

    def _pieces(self, number: int) -> Pieces:
        return Pieces(
            self._db,
            self._importing,
            self._profile,
            number,
            job=self._claim.job.id,
            actor=self._cause.actor,
            dry=self._dry,
            most=self._rows,
            patience=self._patience,
        )

    async def _apply(self, walk: Walk, piece: Piece, writer: Writer, point: Mapping[str, int]) -> None:
        async with self._db.transaction() as tx:
            await self._claim.hold(tx)
            async with tx.transaction(force_rollback=self._dry):
                await self._keep_hierarchies(tx, walk, piece)
                effect = await writer.write(tx, piece.changes)
            self._count(effect, piece, links=walk.links)
            await _report(tx, self._claim.job, piece)
            self._done += piece.rows
            await self._reach(tx, point)
        if not self._dry:
            async with self._db.connect() as session:
                await session.execute("NOTIFY journal")

    async def _keep_hierarchies(self, tx: Session, walk: Walk, piece: Piece) -> None:
        await hold_hierarchies(tx, walk, piece.changes)
        for name, reference in walk.references.items():
            if reference.own:
                for change in await circles(tx, self._importing.aggregate, name, piece.changes):
                    change.leave(walk.key(reference.column), name)
                    message = "would put the row below itself; it stays where it is"
                    change.record.mended.append(Finding(reference.column, "cycle", message))

    def _count(self, effect: Effect, piece: Piece, *, links: bool) -> None:
        for record, finding in effect.refused:
            piece.refuse(record, [finding])
        piece.lines += [mended(r.row, r.external_id, r.mended) for r in piece.taken if r.mended]
        if links:
            return
        updated = effect.updated + piece.later
        told = {
            "read": piece.read,
            "created": effect.created,
            "updated": updated,
            "refused": piece.refused,
            "unchanged": piece.read - effect.created - updated - piece.refused,
        }
        self._counts = {name: self._counts[name] + told[name] for name in COUNTS}

    async def _reach(self, tx: Session, point: Mapping[str, int]) -> None:
        await self._claim.reach(tx, point, done=self._done, total=self._total, counts=self._counts)


async def _report(tx: Session, job: Job, piece: Piece) -> None:
    if piece.lines:
        told = [
            {
                "row": line.row,
                "external_id": line.external_id,
                "outcome": line.outcome,
                "message": "; ".join(_sentence(finding) for finding in line.findings),
                "findings": [finding.told() for finding in line.findings],
            }
            for line in sorted(piece.lines, key=lambda line: line.row)
        ]
        await tx.execute(_REPORT, {"job": job.id, "lines": orjson.dumps(told).decode()})


def _sentence(finding: Finding) -> str:
    return f"{finding.column}: {finding.message}" if finding.column else finding.message


_REPORT: LiteralString = """
INSERT INTO import_report (job_id, row, external_id, outcome, message, findings)
SELECT %(job)s, l.row, l.external_id, l.outcome, l.message, l.findings
FROM json_to_recordset(%(lines)s::json) AS l(row bigint, external_id text, outcome text, message text, findings jsonb)
"""
_SWEEP: LiteralString = """
DELETE FROM job WHERE id = (
  SELECT id FROM job WHERE kind = %(kind)s AND finished_at < now() - make_interval(days => %(days)s::integer)
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)"""
