"""Sabotage: mistakes that others have made, planted into forked processes, so that checkers are seen to find them.

No line of production code knows of it: a function of the kit is replaced in the child before its main runs, and nowhere
else. Windows in which a kill does damage are microseconds wide in life; here they are widened by a sleep. Each mistake
names the faults that bring it out.
"""

import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from deploy.local.stack import service_of
from services.kit import changes, consumer, idempotency, journal, numbering, publishing
from services.kit.aggregates import Aggregate
from services.kit.current import Shown
from services.kit.db import Database, Session
from services.kit.delivery import Delivery, Outcome
from services.kit.envelope import Encoder
from services.kit.feeds import Walked
from services.kit.journal import Cause
from services.kit.kafka import NotAcknowledged, RoundProducer
from services.kit.parking import Parking
from services.kit.publishing import Publisher
from services.kit.settings import Settings
from services.kit.sorting import Place, Polled, Slice, Sorted

_WINDOW = 0.3
_LATE = 1.0
_WORKERS: Mapping[str, float] = {"kill worker": 1.0}
_APIS: Mapping[str, float] = {"kill api": 1.0}
_STORES: Mapping[str, float] = {"kill postgres": 1.0, "kill api": 2.0}


@dataclass(frozen=True)
class Mistake:
    """A mistake: who makes it, how it is planted, and how many faults of which kinds show it."""

    role: str
    plant: Callable[[], None]
    weights: Mapping[str, float]
    kills: int = 8


def plant(mistake: str, role: str) -> None:
    """Plants the mistake into this process, if it is one of those who make it."""
    meant = MISTAKES[mistake]
    if meant.role in (role, "everybody"):
        meant.plant()


def _put(where: ModuleType | type, name: str, by: object) -> Any:
    """Replaces what the kit has under the name; gives what that was. There must be something, or nothing is planted."""
    was = getattr(where, name)
    setattr(where, name, by)
    return was


def _publish_before_commit() -> None:
    """A request numbers and publishes what it has written, and commits it afterwards."""
    name = sys.argv[0].split(".")[1]
    encoder = Encoder(name, service_of(name).public)
    was: Callable[[Database], AbstractAsyncContextManager[Session]] = Database.transaction

    @asynccontextmanager
    async def telling(self: Database) -> AsyncGenerator[Session]:
        async with was(self) as session:
            yield session
            await session.execute("SELECT FROM journal_head FOR UPDATE")
            rows, head = await _numbered(session, _NUMBER)
            if rows:
                await _tell(session, head - rows, encoder)
                await asyncio.sleep(_WINDOW)

    _put(Database, "transaction", telling)


async def _tell(tx: Session, cursor: int, encoder: Encoder) -> None:
    read = getattr(publishing, "_read")  # noqa: B009  # private, and meant to be
    records = [record for row in await read(tx, cursor) if (record := encoder.encode(row))]
    producer = await asyncio.to_thread(
        RoundProducer, Settings().kafka_bootstrap_servers, client_id="sabotage", connect_seconds=2
    )
    try:
        await asyncio.to_thread(producer.send, records, timeout=3)
    except NotAcknowledged:
        return  # It is told again by the relay, should it be committed.
    finally:
        await asyncio.to_thread(producer.abandon)


def _commit_slowly() -> None:
    """Not a mistake: transactions overlap and commit in another order than they began, as under any load."""
    was: Callable[[Database], AbstractAsyncContextManager[Session]] = Database.transaction

    @asynccontextmanager
    async def slowly(self: Database) -> AsyncGenerator[Session]:
        async with was(self) as session:
            yield session
            await asyncio.sleep(random.random() * _WINDOW)  # noqa: S311  # spreads commits

    _put(Database, "transaction", slowly)


def _number_beyond_the_last() -> None:
    """Numbering reads on from the last id that it has numbered."""
    if sys.argv[1] == "api":
        _commit_slowly()
        return
    _put(numbering, "_NUMBER", _replaced(_NUMBER, "FROM journal_queue ORDER BY id", _BEYOND))


def _number_without_lock() -> None:
    """Numbering goes without the lock of the head, and passes over what two numberers put in the same place."""
    careless = _replaced(_NUMBER, _PLACED, _PLACED + " ON CONFLICT DO NOTHING")

    async def number(db: Database) -> tuple[int, int]:
        async with db.transaction() as tx:
            numbered = await _numbered(tx, careless)
            await asyncio.sleep(_WINDOW)
        return numbered

    _put(numbering, "number", number)


def _replaced(statement: str, part: str, by: str) -> str:
    """The statement with another part. Raises ValueError where the part is not there any more."""
    if part not in statement:
        raise ValueError(f"the kit's statement has no {part!r} any more; this mistake cannot be planted")
    return statement.replace(part, by)


async def _numbered(tx: Session, statement: str) -> tuple[int, int]:
    row = await (await tx.execute(statement.encode(), {"batch": numbering.BATCH})).fetchone()
    assert row is not None
    return row[0], row[1]


def _move_before_handling() -> None:
    """The place of a consumer moves in a transaction of its own, before the events are handled."""

    async def apart(self: Any, slices: Sequence[Slice], handle: Callable[..., Any]) -> Outcome:
        received = [one for slice_ in slices for one in slice_.received]
        async with self._db.transaction() as tx:
            await self._move(tx, slices)
        await asyncio.sleep(_WINDOW)
        async with self._db.transaction() as tx:
            parking = Parking(self._consumer, tx)
            await parking.look_up(received)
            await handle(tx, received, parking)
        return Outcome(len(received) - parking.parked, parking.parked)

    _put(Delivery, "_in_transaction", apart)


def _handle_duplicates() -> None:
    """A consumer does not look at positions; and relays tell each round twice, as one does that dies in between."""
    sort, sent = consumer.sort, getattr(Publisher, "_sent")  # noqa: B009  # private, and meant to be

    def forgetful(polled: Polled, places: Mapping[Any, Place], handlers: Any) -> Sorted:
        return sort(polled, {tp: Place(place.next_offset, 0) for tp, place in places.items()}, handlers)

    async def twice(self: Any, records: Any, stop: asyncio.Event) -> bool:
        return await sent(self, records, stop) and await sent(self, records, stop)

    _put(consumer, "sort", forgetful)
    _put(Publisher, "_sent", twice)


def _move_cursor_first() -> None:
    """The relay moves its cursor and then sends."""
    move = getattr(publishing, "_move")  # noqa: B009  # private, and meant to be

    async def early(self: Any, session: Session, cursor: int, rows: Any, stop: Any, backoff: Any) -> int:
        records, upto = self._round(rows)
        await move(session, cursor, upto)
        await asyncio.sleep(_WINDOW)
        if not await self._sent(records, stop):
            await backoff.wait(stop)
        return upto

    _put(Publisher, "_tell", early)


def _answer_before_commit() -> None:
    """The answer goes out while the commit is still to come."""
    late: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def early(self: Database) -> AsyncGenerator[Session]:
        lease = self.connect()
        session = await lease.__aenter__()
        try:
            await session.execute("BEGIN")
            yield session
        except BaseException:
            with suppress(psycopg.Error):
                await session.execute("ROLLBACK")
            await lease.__aexit__(None, None, None)
            raise
        task = asyncio.create_task(_commit_late(lease, session))
        late.add(task)
        task.add_done_callback(late.discard)

    _put(Database, "transaction", early)


async def _commit_late(lease: AbstractAsyncContextManager[Session], session: Session) -> None:
    await asyncio.sleep(_LATE)
    with suppress(psycopg.Error):  # What was answered is lost then, which is the point.
        await session.execute("COMMIT")
    await lease.__aexit__(None, None, None)


def _keep_keys_apart() -> None:
    """The answer is kept under its key after the effect, in a transaction of its own."""
    create: Any = journal.create
    update: Any = journal.update

    async def created(
        session: Session, aggregate: Aggregate, values: Mapping[str, Any], cause: Cause, **given: Any
    ) -> Shown | None:
        row = await create(session, aggregate, values, _without_key(session, cause), **given)
        await _keep_afterwards(session, cause, row, given.get("status", 201))
        return row

    async def updated(
        session: Session, aggregate: Aggregate, id: Any, values: Any, cause: Cause, **given: Any
    ) -> Shown | None:
        row = await update(session, aggregate, id, values, _without_key(session, cause), **given)
        await _keep_afterwards(session, cause, row, given.get("status", 200))
        return row

    _put(journal, "create", created)
    _put(journal, "update", updated)


def _alone(session: Session) -> bool:
    return session.info.transaction_status == TransactionStatus.IDLE


def _without_key(session: Session, cause: Cause) -> Cause:
    return replace(cause, key=None) if _alone(session) else cause


async def _keep_afterwards(session: Session, cause: Cause, row: Shown | None, status: int) -> None:
    if row is not None and _alone(session):
        await asyncio.sleep(_WINDOW)
        await idempotency.keep(session, cause.key, status=status, answer=row.json, version=row.version)


def _skip_the_rest() -> None:
    """The feed's token is that of the head, though the page was full and there is more."""
    walk: Any = changes.walk

    async def walked(*given: Any) -> Walked:
        found = await walk(*given)
        return found._replace(reached=found.head)

    _put(changes, "walk", walked)


_NUMBER: Final[str] = getattr(numbering, "_NUMBER")  # noqa: B009  # private, and meant to be
_PLACED = "t.recorded_at FROM taken t, journal_head h"
_BEYOND = "FROM journal_queue WHERE id > (SELECT coalesce(max(journal_id), 0) FROM journal_order) ORDER BY id"

MISTAKES: Final[Mapping[str, Mistake]] = {
    "publish-before-commit": Mistake("api", _publish_before_commit, _STORES, kills=12),
    "number-by-id-greater-than-last": Mistake("everybody", _number_beyond_the_last, _APIS, kills=4),
    "number-without-head-lock": Mistake("worker", _number_without_lock, _WORKERS),
    "next-offset-before-handler-commit": Mistake("worker", _move_before_handling, _WORKERS),
    "duplicates-not-skipped": Mistake("worker", _handle_duplicates, _WORKERS),
    "cursor-before-acknowledgement": Mistake("worker", _move_cursor_first, _WORKERS),
    "answer-before-commit": Mistake("api", _answer_before_commit, {"kill postgres": 1.0}, kills=4),
    "idempotency-key-in-its-own-transaction": Mistake("api", _keep_keys_apart, _STORES, kills=12),
    "token-beyond-its-page": Mistake("api", _skip_the_rest, _APIS, kills=4),
}
"""What can be planted, by the name that `--sabotage` takes."""
