"""The work of an import: its walks over the staged rows, piece by piece, each piece one transaction with its point.

A piece is read and its references are found before its transaction opens, so that locks are held for as long as the
writing takes and no longer. A dry run does the same and rolls every piece's rows back.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, LiteralString

import orjson

from services.kit.db import Database, Session
from services.kit.imports_reading import Finding, Line, Reader, Record, mended, refused
from services.kit.imports_resolving import Patience, Resolver, circles, hold_hierarchies, unresolved
from services.kit.imports_staging import clear, piece, survey
from services.kit.imports_writing import DELETED, TRIED, Change, Effect, Known, Writer, change_of, known
from services.kit.jobs import Claim, GivenUp, Job, Kind
from services.kit.journal import Cause
from services.kit.profiles import Import, Profile
from services.kit.settings import Settings

KIND: Final = "import"
PIECE: Final = 1_000
"""Rows that one transaction takes at the most."""

WAIT: Final = 15.0
"""Seconds for which a job waits for references that have not arrived."""

COUNTS: Final = ("read", "created", "updated", "unchanged", "refused")


def kind(imports: Iterable[Import], settings: Settings, *, rows: int = PIECE, wait: float = WAIT) -> Kind:
    """The kind of job that imports into these nouns."""
    known_nouns = {importing.noun: importing for importing in imports}

    async def work(claim: Claim, db: Database, stop: asyncio.Event) -> bool:
        argument = claim.job.argument
        try:
            importing = known_nouns[argument["noun"]]
            profile = importing.profile(argument["profile"])
        except KeyError as error:
            raise GivenUp(f"This program knows no import of {error} any more; send the file again.") from None
        return await _Work(claim, db, importing, profile, settings, rows, wait).run(stop)

    async def clear_job(tx: Session, job: Job) -> None:
        await clear(tx, job.id)

    return Kind(KIND, work, clear_job)


@dataclass
class _Piece:
    """One piece on its way: what is to be written, and what is to be told."""

    changes: list[Change]
    lines: list[Line]
    read: int
    refused: int = 0
    later: int = 0
    """Known rows of which only a later walk has something to write."""
    mends: list[Record] = field(default_factory=list[Record])

    def refuse(self, record: Record, findings: Iterable[Finding]) -> None:
        self.refused += 1
        self.lines.append(refused(record.row, record.external_id, *findings))
        record.mended = []


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
            after = point["row"] if number == point["walk"] else 0
            if not await self._walk(number, after, stop):
                return False
        return True

    async def _survey(self) -> Mapping[str, int]:
        point = {"walk": 0, "row": 0}
        async with self._db.transaction() as tx:
            await self._claim.hold(tx)
            self._total = await survey(tx, self._importing, self._profile, self._claim.job.id)
            await self._reach(tx, point)
        return point

    async def _walk(self, number: int, after: int, stop: asyncio.Event) -> bool:
        walk = self._profile.walks[number]
        reader = Reader(self._profile, number, self._cause.actor)
        resolver = Resolver(self._db, self._importing, self._profile, walk, self._patience)
        writer = Writer(self._importing, self._profile, walk, self._cause, self._settings)
        while not stop.is_set():
            async with self._db.connect() as session:
                rows = await piece(
                    session, self._claim.job.id, self._profile.staged(number), after=after, most=self._rows
                )
            if not rows:
                return True
            records, lines = await asyncio.to_thread(reader.read, rows)
            one = await self._prepared(number, records, lines)
            lost = await resolver.resolve(one.changes, stop)
            if stop.is_set() and lost:
                return False  # They may have arrived when the job goes on.
            self._settle(number, one, lost)
            after = rows[-1].row
            await self._apply(number, one, writer, {"walk": number, "row": after}, len(rows))
        return False

    async def _prepared(self, number: int, records: Sequence[Record], lines: list[Line]) -> _Piece:
        """What the records come to, beside the rows that are here already."""
        walk = self._profile.walks[number]
        ids = [record.external_id for record in records]
        async with self._db.connect() as session:
            rows = await known(session, self._importing, self._profile.name, ids)
        one = _Piece([], lines, len(records) + len(lines), len(lines))
        for record in records:
            row = rows.get(record.external_id)
            if walk.links and (row is None or row.deleted):
                continue  # Refused before.
            if row is not None and row.deleted:
                one.refuse(record, [DELETED])
                continue
            one.mends.append(record)
            change = change_of(walk, record, row)
            if change is not None:
                one.changes.append(change)
            elif row is not None and _differs(record, row):
                one.later += 1
        return one

    def _settle(self, number: int, one: _Piece, lost: Iterable[tuple[Change, str]]) -> None:
        """Decides about changes whose references name nothing."""
        walk = self._profile.walks[number]
        refusals: dict[int, tuple[Change, list[Finding]]] = {}
        for change, name in lost:
            reference = walk.references[name]
            finding = unresolved(reference, change.record.keys[name])
            if reference.own and self._dry:
                change.leave(reference.column, name)
            elif walk.links:
                change.leave(reference.column, name)
                change.record.mended.append(_left(finding))
            else:
                refusals.setdefault(id(change), (change, []))[1].append(finding)
        for change, findings in refusals.values():
            one.refuse(change.record, findings)
        one.changes = [change for change in one.changes if id(change) not in refusals]

    async def _apply(
        self, number: int, one: _Piece, writer: Writer, point: Mapping[str, int], rows: int
    ) -> None:
        walk = self._profile.walks[number]
        async with self._db.transaction() as tx:
            await self._claim.hold(tx)
            async with tx.transaction(force_rollback=self._dry):
                await self._keep_hierarchies(tx, number, one)
                effect = await writer.write(tx, one.changes)
            self._count(effect, one, links=walk.links)
            await _report(tx, self._claim.job, one)
            self._done += rows
            await self._reach(tx, point)
        if not self._dry:
            async with self._db.connect() as session:
                await session.execute("NOTIFY journal")

    async def _keep_hierarchies(self, tx: Session, number: int, one: _Piece) -> None:
        walk = self._profile.walks[number]
        await hold_hierarchies(tx, walk, one.changes)
        for name, reference in walk.references.items():
            if reference.own:
                for change in await circles(tx, self._importing.aggregate, name, one.changes):
                    change.leave(reference.column, name)
                    finding = Finding(
                        reference.column, "cycle", "would put the row below itself; it stays where it is"
                    )
                    change.record.mended.append(finding)

    def _count(self, effect: Effect, one: _Piece, *, links: bool) -> None:
        for record, finding in effect.refused:
            one.refuse(record, [finding])
        one.lines += [mended(r.row, r.external_id, r.mended) for r in one.mends if r.mended]
        if links:
            return
        updated = effect.updated + one.later
        told = {
            "read": one.read,
            "created": effect.created,
            "updated": updated,
            "refused": one.refused,
            "unchanged": one.read - effect.created - updated - one.refused,
        }
        self._counts = {name: self._counts[name] + told[name] for name in COUNTS}

    async def _reach(self, tx: Session, point: Mapping[str, int]) -> None:
        await self._claim.reach(tx, point, done=self._done, total=self._total, counts=self._counts)


def _left(finding: Finding) -> Finding:
    return Finding(
        finding.column, "left_empty", finding.message + " that was taken; the row is written without it"
    )


def _differs(record: Record, row: Known) -> bool:
    return any(row.hashes.get(name, "").removeprefix(TRIED) != hash_ for name, hash_ in record.later.items())


async def _report(tx: Session, job: Job, one: _Piece) -> None:
    if one.lines:
        told = [
            {
                "row": line.row,
                "external_id": line.external_id,
                "outcome": line.outcome,
                "message": "; ".join(_sentence(finding) for finding in line.findings),
                "findings": [finding.told() for finding in line.findings],
            }
            for line in sorted(one.lines, key=lambda line: line.row)
        ]
        await tx.execute(_REPORT, {"job": job.id, "lines": orjson.dumps(told).decode()})


def _sentence(finding: Finding) -> str:
    return f"{finding.column}: {finding.message}" if finding.column else finding.message


_REPORT: LiteralString = """
INSERT INTO import_report (job_id, row, external_id, outcome, message, findings)
SELECT %(job)s, l.row, l.external_id, l.outcome, l.message, l.findings
FROM json_to_recordset(%(lines)s::json) AS l(row bigint, external_id text, outcome text, message text, findings jsonb)
"""
