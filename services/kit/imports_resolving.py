"""References of imported rows: external ids to rows of this service's own tables and copies, never guessed.

Copies of what other services own arrive within moments of their import; so an unknown reference is waited for, for
some seconds a job, before the rows that name it are refused. Own references are a hierarchy, which must stay one.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final
from uuid import UUID

import orjson

from services.kit import imports_statements as statements
from services.kit.aggregates import Aggregate
from services.kit.backoff import pause
from services.kit.db import Database, Session
from services.kit.imports_reading import Finding
from services.kit.imports_writing import Change
from services.kit.profiles import Import, Profile, Reference, Walk

LOOK: Final = 0.25
"""Seconds between two looks for what has not arrived."""

REMEMBERED: Final = 100_000
"""Resolved references that a walk remembers, at the most, of each kind."""


@dataclass
class Patience:
    """How long a job will still wait for what has not arrived, in seconds."""

    seconds: float


class Resolver:
    """Resolves the references of one walk's changes."""

    def __init__(
        self, db: Database, importing: Import, profile: Profile, walk: Walk, patience: Patience
    ) -> None:
        self._db = db
        self._aggregate, self._noun = importing.aggregate, importing.table
        self._source = profile.name
        self._references = walk.references
        self._patience = patience
        self._found: dict[str, dict[str, UUID]] = {name: {} for name in walk.references}

    async def resolve(self, changes: Sequence[Change], stop: asyncio.Event) -> list[tuple[Change, str]]:
        """Fills in the fields of the references; returns those that name nothing, as change and field."""
        lost: list[tuple[Change, str]] = []
        for name, reference in self._references.items():
            asked = [
                change
                for change in changes
                if name in change.record.keys and reference.column in change.columns
            ]
            await self._find(name, reference, {change.record.keys[name] for change in asked}, stop)
            for change in asked:
                id = self._found[name].get(change.record.keys[name])
                if id is None:
                    lost.append((change, name))
                else:
                    change.fields[name] = id
        return lost

    async def _find(self, name: str, reference: Reference, keys: Iterable[str], stop: asyncio.Event) -> None:
        found = self._found[name]
        if len(found) > REMEMBERED:
            found.clear()
        wanted = {key for key in keys if key not in found}
        while wanted:
            found |= await self._look(reference, wanted)
            wanted -= found.keys()
            if not wanted or reference.own or self._patience.seconds <= 0 or stop.is_set():
                return
            begun = monotonic()
            await pause(stop, LOOK)
            self._patience.seconds -= monotonic() - begun

    async def _look(self, reference: Reference, keys: Iterable[str]) -> Mapping[str, UUID]:
        statement = statements.own(self._aggregate, self._noun) if reference.find is None else reference.find
        async with self._db.connect() as session:
            found = await session.execute(statement, {"source": self._source, "keys": list(keys)})
            return dict(await found.fetchall())


def unresolved(reference: Reference, key: str) -> Finding:
    """What is wrong with a row whose reference names nothing."""
    return Finding(reference.column, "unknown", f"'{key[:60]}' is no {reference.what}")


async def hold_hierarchies(tx: Session, walk: Walk, changes: Iterable[Change]) -> None:
    """Takes the locks under which the walk's own references of existing rows change, until the transaction ends."""
    moved = {name for change in changes if not change.new for name in change.fields}
    for name, reference in walk.references.items():
        if reference.lock is not None and name in moved:
            await tx.execute(reference.lock)


async def circles(tx: Session, aggregate: Aggregate, field: str, changes: Sequence[Change]) -> list[Change]:
    """Those of the changes that would put a row below itself; what is left of them would not."""
    asked = [change for change in changes if not change.new and change.fields.get(field) is not None]
    circular: list[Change] = []
    while asked:
        edges = [{"id": change.id, "above": change.fields[field]} for change in asked]
        given = {"edges": orjson.dumps(edges).decode()}
        found = await tx.execute(statements.circles(aggregate, field), given)
        ids = {row[0] for row in await found.fetchall()}
        if not ids:
            break
        circular += [change for change in asked if change.id in ids]
        asked = [change for change in asked if change.id not in ids]
    return circular
