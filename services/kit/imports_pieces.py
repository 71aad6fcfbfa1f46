"""The pieces of an import: some rows of the file on their way from the staging table to what is to be written.

A piece is read, compared with what is here and given its references before the transaction opens that writes it, and
while the piece before it is being written: so locks are held for as long as the writing takes and no longer.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.kit.db import Database
from services.kit.imports_reading import Finding, Line, Reader, Record, refused
from services.kit.imports_resolving import Patience, Resolver, unresolved
from services.kit.imports_staging import staged
from services.kit.imports_writing import DELETED, TRIED, Change, Known, change_of, changed, known
from services.kit.profiles import Import, Profile


@dataclass
class Piece:
    """What is to be written of some rows, and what is to be told of them.

    `last` is the file's row up to which it reaches, `rows` how many it took, `read` how many records they hold. `later`
    counts known rows of which only a later walk has something to write; `taken` are the records that were not refused.
    """

    last: int
    rows: int
    lines: list[Line]
    read: int
    changes: list[Change] = field(default_factory=list[Change])
    taken: list[Record] = field(default_factory=list[Record])
    refused: int = 0
    later: int = 0

    def refuse(self, record: Record, findings: Iterable[Finding]) -> None:
        """Counts the record as refused and tells why."""
        self.refused += 1
        self.lines.append(refused(record.row, record.external_id, *findings))
        record.mended = []


class Pieces:
    """Prepares the pieces of one walk of one job."""

    def __init__(
        self,
        db: Database,
        importing: Import,
        profile: Profile,
        number: int,
        *,
        job: UUID,
        actor: str,
        dry: bool,
        most: int,
        patience: Patience,
    ) -> None:
        self._db, self._importing, self._profile = db, importing, profile
        self._walk, self._staged = profile.walks[number], profile.staged(number)
        self._all = frozenset(self._walk.columns)
        self._job, self._dry, self._most = job, dry, most
        self._reader = Reader(profile, number, actor)
        self._resolver = Resolver(db, importing, profile, self._walk, patience)

    async def after(self, row: int, stop: asyncio.Event) -> Piece | None:
        """The piece that follows the file's row; None at the end, and where `stop` kept it from being complete."""
        async with self._db.connect() as session:
            rows = await staged(session, self._job, self._staged, after=row, most=self._most)
        if not rows:
            return None
        records, lines = await asyncio.to_thread(self._reader.read, rows)
        piece = Piece(rows[-1].row, len(rows), lines, len(records) + len(lines), refused=len(lines))
        async with self._db.connect() as session:
            ids = [record.external_id for record in records]
            here = await known(session, self._importing, self._profile.name, ids)
        await asyncio.to_thread(self._compare, piece, records, here)
        lost = await self._resolver.resolve(piece.changes, stop)
        if lost and stop.is_set():
            return None  # What is missing may have arrived when the job goes on.
        self._settle(piece, lost)
        await asyncio.to_thread(_compose, piece.changes)
        return piece

    def _compare(self, piece: Piece, records: Sequence[Record], here: Mapping[str, Known]) -> None:
        """Finds out what the records come to, beside the rows that are here already."""
        for record in records:
            row = here.get(record.external_id)
            if self._walk.links and (row is None or row.deleted):
                continue  # Refused before.
            columns = self._all if row is None else changed(self._walk, record, row)
            if row is not None and row.deleted:
                piece.refuse(record, [DELETED])
            elif row is not None and not columns:
                piece.taken.append(record)
                piece.later += _differs(record, row)
            elif wrong := self._reader.make(record):
                piece.refuse(record, wrong)
            else:
                piece.taken.append(record)
                piece.changes.append(change_of(self._walk, record, row, columns))

    def _settle(self, piece: Piece, lost: Iterable[tuple[Change, str]]) -> None:
        """Decides about changes whose references name nothing."""
        refusals: dict[UUID, tuple[Change, list[Finding]]] = {}
        for change, name in lost:
            reference = self._walk.references[name]
            finding = unresolved(reference, change.record.keys[name])
            if reference.own and (self._dry or self._walk.links):
                change.leave(self._walk.key(reference.column), name)
                if not self._dry:
                    change.record.mended.append(_left(finding))
            else:
                refusals.setdefault(change.id, (change, []))[1].append(finding)
        for change, findings in refusals.values():
            piece.refuse(change.record, findings)
        piece.changes = [change for change in piece.changes if change.id not in refusals]


def _compose(changes: Iterable[Change]) -> None:
    for change in changes:
        change.compose()


def _left(finding: Finding) -> Finding:
    message = f"{finding.message} that was taken; the row is written without it"
    return Finding(finding.column, "left_empty", message)


def _differs(record: Record, row: Known) -> bool:
    return any(row.hashes.get(name, "").removeprefix(TRIED) != hash_ for name, hash_ in record.later.items())
