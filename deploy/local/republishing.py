"""`foothold events republish`, `rebuild` and `new-epoch`: asking for them, and waiting until they have come about.

The workers do the work; whoever stops waiting stops nothing.
"""

import getpass
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from uuid import UUID

from kafka import TopicPartition
from kafka.errors import KafkaError

from deploy.local.databases import Addresses, using
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, service_of
from services.kit import epochs, rebuilding
from services.kit import republish as republishing
from services.kit.db import Database
from services.kit.epochs import Epoch
from services.kit.events import topic_of
from services.kit.ids import new_id
from services.kit.journal import Cause
from services.kit.kafka import last_records, ranges
from services.kit.republish import Progress

Say = Callable[[str], None]

_LOOK_SECONDS = 0.5
_LAST = 200  # Records of a partition among which one is an event of ours.


def republish(addresses: Addresses, service: str, aggregate: str | None, say: Say) -> None:
    """Has the service tell all that it has once more, or the rows of one aggregate, and waits for the end of it."""
    _require(service, SERVICES, "There is no service")
    aggregates = [each.name for each in service_of(service).aggregates]
    if aggregate is not None:
        _require(aggregate, aggregates, f"{service} has no")
    _follow(addresses[service], _ask(addresses, service, [aggregate] if aggregate else []), say)


def rebuild(addresses: Addresses, bootstrap_servers: str, service: str, producer: str, say: Say) -> None:
    """Has the service make its copies of the producer's rows anew, and waits until what is gone was swept."""
    _require(service, SERVICES, "There is no service")
    _require(producer, service_of(service).consumes, f"{service} keeps no copies of")
    topic, id = topic_of(producer), new_id()
    offsets = _offsets(bootstrap_servers, topic)

    async def find_places(db: Database) -> int:
        async with db.transaction() as tx:
            return len(await rebuilding.find_places(tx, service, offsets))

    with _asked_to_rebuild(addresses, [service], producer, id):
        if lost := using(addresses[service], find_places):
            say(
                f"{service} had lost its place in {lost} partitions of {topic}, and goes on at what they still hold."
            )
        _ask(addresses, producer, id=id)
    _follow(addresses[producer], id, say)
    say(f"Copies that were not told of: {_wait_for_sweep(addresses[service], service, topic, id)}.")


def new_epoch(addresses: Addresses, bootstrap_servers: str, service: str, say: Say) -> None:
    """Lets the service's positions go on above all that were ever told, and has all copies of its rows made anew."""
    _require(service, SERVICES, "There is no service")
    above = _highest(addresses, bootstrap_servers, service)

    id = new_id()

    async def begin(db: Database) -> Epoch:
        async with db.transaction() as tx:
            epoch = await epochs.begin(tx, above=above)
            await republishing.submit(tx, _cause(), id=id)
            return epoch

    readers = [reader for reader in SERVICES if service in service_of(reader).consumes]
    with _asked_to_rebuild(addresses, readers, service, id):
        epoch = using(addresses[service], begin)
    say(
        f"Epoch {epoch.number} of {service} begins at position {epoch.first_position}; its worker republishes now."
    )


@contextmanager
def _asked_to_rebuild(
    addresses: Addresses, readers: Collection[str], producer: str, republish: UUID
) -> Generator[None]:
    """Has the readers rebuild what they keep of the producer's by the republish that the block asks for, or not at all.

    They are asked first: who is asked behind the start mark would wait for ever for it.
    """
    try:
        for reader in readers:
            _ask_to_rebuild(addresses[reader], reader, producer, republish)
        yield
    except BaseException:
        for reader in readers:
            with suppress(StackProblem):
                _withdraw(addresses[reader], reader, producer, republish)
        raise


def _withdraw(url: str, service: str, producer: str, republish: UUID) -> None:
    async def withdraw(db: Database) -> None:
        async with db.transaction() as tx:
            await rebuilding.withdraw(tx, service, topic_of(producer), republish)

    using(url, withdraw)


def _ask_to_rebuild(url: str, service: str, producer: str, republish: UUID) -> None:
    """Has the service rebuild what it keeps of the producer's; waits for the batch that it is in the middle of."""
    handlers = service_of(service).handlers
    told = [each.name for each in service_of(producer).aggregates]

    async def ask(db: Database) -> None:
        async with db.transaction() as tx:
            await rebuilding.ask(tx, service, topic_of(producer), republish, handlers, told)

    using(url, ask)


def _require(name: str, known: Collection[str], problem: str) -> None:
    if name not in known:
        raise StackProblem(f"{problem} {name[:100]}; there is: {', '.join(known) or 'none'}.")


def _cause() -> Cause:
    return Cause(actor=f"operator:{getpass.getuser()}")


def _ask(
    addresses: Addresses, service: str, aggregates: Collection[str] = (), *, id: UUID | None = None
) -> UUID:
    async def ask(db: Database) -> UUID:
        async with db.transaction() as tx:
            return await republishing.submit(tx, _cause(), list(aggregates), id=id)

    return using(addresses[service], ask)


def _follow(url: str, id: UUID, say: Say) -> None:
    """Waits until the republish has ended, telling how it comes on."""

    async def look(db: Database) -> Progress:
        async with db.connect() as session:
            return await republishing.progress(session, id)

    told = -1
    while (found := using(url, look)).state in ("QUEUED", "RUNNING"):
        if found.told != told:
            told = found.told
            say(f"{found.state.lower()}: {found.done} of {found.total} kinds, {told} rows told")
        time.sleep(_LOOK_SECONDS)
    if found.state != "DONE":
        raise StackProblem(f"The republish failed: {found.error}")
    say(f"Republished {found.told} rows.")


def _wait_for_sweep(url: str, service: str, topic: str, id: UUID) -> int:
    async def look(db: Database) -> int | None:
        async with db.connect() as session:
            return await rebuilding.swept(session, service, topic, id)

    while (swept := using(url, look)) is None:
        time.sleep(_LOOK_SECONDS)
    return swept


def _offsets(bootstrap_servers: str, topic: str) -> Mapping[TopicPartition, tuple[int, int]]:
    try:
        return ranges(bootstrap_servers, [topic])
    except KafkaError as error:
        raise StackProblem(f"No Kafka broker answers at {bootstrap_servers}.") from error


def _highest(addresses: Addresses, bootstrap_servers: str, service: str) -> int:
    """The highest position of the service that anybody may know: on its topic, or handled by a consumer of ours."""
    topic = topic_of(service)

    async def consumed(db: Database) -> int:
        async with db.connect() as session:
            return await epochs.consumed(session, topic)

    try:
        records = last_records(bootstrap_servers, topic, _LAST)
    except KafkaError as error:
        raise StackProblem(f"No Kafka broker answers at {bootstrap_servers}.") from error
    told = [int(raw) for record in records for name, raw in record.headers if name == "ce_position" and raw]
    return max([*told, *(using(url, consumed) for url in addresses.values())])
