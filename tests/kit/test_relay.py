"""The relay: nothing is missed, nothing overtakes, and somebody always carries on."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.local import launch
from deploy.local.kafka import KafkaBroker
from services.kit.db import Database
from services.kit.events import PublicAggregate
from services.kit.numbering import BATCH, dedicated, number
from services.kit.publishing import PUBLISHER_OPTIONS, READ
from services.kit.relay import Relay, backlog
from tests.conftest import DatabaseUrl
from tests.kit.backbone import (
    AccountState,
    Backbone,
    Change,
    fill,
    first_appearances,
    journal,
    positions,
    prepare,
    published,
    running,
    scalar,
    until,
)


async def test_rows_are_read_one_by_one_whatever_the_statistics_say(database_url: DatabaseUrl) -> None:
    url = database_url("journal", prepare)
    db = Database(url, name="tests")
    await db.open()
    await fill(db, 1)
    await number(db)
    async with await dedicated(url, "publisher", *PUBLISHER_OPTIONS) as session:
        await session.execute("ANALYZE")
        read = READ.replace("%(cursor)s", "$1").replace("%(limit)s", "$2")
        await session.execute(f"PREPARE read (bigint, bigint) AS {read}".encode())
        await session.execute("EXECUTE read (0, 1)")
        await fill(db, BATCH)
        await number(db)
        asked = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE read ({BATCH - 100}, {BATCH})"
        row = await (await session.execute(asked.encode())).fetchone()
    await db.close()
    assert row is not None
    plan = row[0][0]["Plan"]
    assert plan["Actual Rows"] == 101
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 10 * 101


async def test_what_was_journaled_is_published_in_order(backbone: Backbone, db: Database) -> None:
    accounts = [uuid4() for _ in range(5)]
    async with db.transaction() as tx:
        await journal(tx, *(Change(id=accounts[n % 5], version=n, name=f"name {n}") for n in range(200)))
    relay = backbone.relay(db)
    async with running(relay):
        await published(db, 200)
        assert relay.ready() is None
    records = backbone.read()
    assert sorted(positions(records)) == list(range(1, 201))
    assert all(found == sorted(found) for found in first_appearances(records).values())
    assert {record.key for record in records} == {str(account).encode() for account in accounts}
    assert not any(b"planted" in (record.value or b"") for record in records)
    assert (relay.numbered, relay.published) == (200, 200)


@pytest.mark.parametrize("busy", [True, False])
async def test_a_relay_gives_way_to_other_work_and_publishes_all_the_same(
    backbone: Backbone, db: Database, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    rested: list[float] = []

    async def rest(_: asyncio.Event, seconds: float) -> None:
        rested.append(seconds)

    monkeypatch.setattr("services.kit.publishing.pause", rest)
    await fill(db, 2_500)
    async with running(backbone.relay(db, busy=lambda: busy)):
        await published(db, 2_500)
    assert sorted(positions(backbone.read())) == list(range(1, 2_501))
    assert bool(rested) == busy
    assert all(0 < seconds <= 1 for seconds in rested)


async def test_large_records_travel_in_several_rounds(backbone: Backbone, db: Database) -> None:
    class Wide(AccountState):
        padding: str

    async with db.transaction() as tx:
        await journal(tx, *(Change(padding="x" * 200_000) for _ in range(20)))
    public = [PublicAggregate("account", "accounts", Wide)]
    async with running(Relay(backbone.producer, backbone.settings, db, public)):
        await published(db, 20)
    assert sorted(positions(backbone.read())) == list(range(1, 21))


async def test_a_private_row_moves_the_cursor_and_is_not_told(backbone: Backbone, db: Database) -> None:
    async with db.transaction() as tx:
        await journal(tx, Change(), Change(type="sight.granted"), Change(), Change(type="sight.revoked"))
    async with running(backbone.relay(db, private=["sight"])):
        await published(db, 4)
    assert sorted(positions(backbone.read())) == [1, 3]


async def test_who_sees_what_is_never_told_to_a_topic(backbone: Backbone, db: Database) -> None:
    viewer, account = uuid4(), uuid4()
    async with db.connect() as session:
        await session.execute(
            "INSERT INTO account_view (viewer_id, account_id) VALUES (%s, %s)", (viewer, account)
        )
        await session.execute("DELETE FROM account_view")
        await session.execute("SELECT sight_overturned(%s)", ([viewer],))
        await journal(session, Change())
    assert await scalar(db, "SELECT count(*) FROM journal WHERE aggregate = 'sight'") == 3
    async with running(backbone.relay(db)):
        await published(db, 4)
    [told] = backbone.read()
    assert positions([told]) == [4]
    assert str(viewer).encode() not in (told.value or b"")


async def test_a_row_of_unknown_type_stops_this_relay_and_not_the_next(
    backbone: Backbone, db: Database
) -> None:
    async with db.transaction() as tx:
        await journal(tx, Change(), Change(type="account.vanished"), Change())
    old = backbone.relay(db)

    async def says_so() -> bool:
        return "account.vanished" in (old.ready() or "")

    public = [PublicAggregate("account", "accounts", AccountState, facts=("vanished",))]
    async with running(old):
        await until(says_so)
        assert await scalar(db, "SELECT published FROM journal_cursor") == 1
        async with running(Relay(backbone.producer, backbone.settings, db, public)):
            await published(db, 3)
    assert sorted(positions(backbone.read())) == [1, 2, 3]


async def test_a_missing_row_is_never_passed_over(backbone: Backbone, db: Database) -> None:
    async with db.transaction() as tx:
        await journal(tx, Change(), Change(), Change())
    await number(db)
    await scalar(db, "DELETE FROM journal_order WHERE position = 2 RETURNING position")
    relay = backbone.relay(db)

    async def says_so() -> bool:
        return relay.ready() == "publishing: the journal has no row at position 2"

    async with running(relay):
        await until(says_so)
    assert positions(backbone.read()) == []


async def lock_holder(db: Database) -> int | None:
    """The publisher's session in this database; `pg_locks` shows those of all databases of the server."""
    return await scalar(
        db,
        "SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
        " WHERE d.datname = current_database()"
        " AND l.locktype = 'advisory' AND l.classid = 7103 AND l.objid = 1 AND l.granted",
    )


async def test_a_standby_takes_over_when_the_leader_loses_its_session(
    backbone: Backbone, db: Database
) -> None:
    first, second = backbone.relay(db), backbone.relay(db)

    async def leads(relay: Relay) -> bool:
        return relay.publisher.leads

    async with running(first):
        await until(lambda: leads(first))
        async with running(second):
            await until(lambda: asyncio.sleep(0, second.ready() is None))
            assert not second.publisher.leads
            await scalar(db, f"SELECT pg_terminate_backend({await lock_holder(db)})")
            await until(lambda: asyncio.sleep(0, first.publisher.leads or second.publisher.leads))
            async with db.transaction() as tx:
                await journal(tx, Change())
            await published(db, 1)
            assert first.publisher.leads != second.publisher.leads
    assert positions(backbone.read()) == [1]


_STUCK_AFTER_ACKNOWLEDGEMENT = """
import asyncio, sys
from services.kit import publishing
from tests.kit.backbone import Backbone

async def never(*_):
    print("acknowledged", flush=True)
    await asyncio.sleep(3600)

async def main():
    publishing._move = never
    backbone = Backbone(*sys.argv[1:])
    async with backbone.database() as db:
        await backbone.relay(db).run(asyncio.Event())

asyncio.run(main())
"""


@contextmanager
def apart(script: str, backbone: Backbone) -> Generator[subprocess.Popen[str]]:
    """The script in a process of its own, which is killed in the end."""
    argv = [sys.executable, "-c", script]
    argv += [backbone.url, backbone.bootstrap, backbone.producer, backbone.consumer]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as child:
        yield child
        child.kill()


@pytest.fixture
def stuck(backbone: Backbone) -> Iterator[subprocess.Popen[str]]:
    """A relay in a process of its own, which says when a round is acknowledged and never moves the cursor."""
    with apart(_STUCK_AFTER_ACKNOWLEDGEMENT, backbone) as child:
        yield child


async def test_a_relay_killed_before_the_cursor_moved_repeats_and_the_next_goes_on(
    backbone: Backbone, db: Database, stuck: subprocess.Popen[str]
) -> None:
    async with db.transaction() as tx:
        await journal(tx, *(Change() for _ in range(10)))
    assert stuck.stdout is not None
    async with asyncio.timeout(30):
        while await asyncio.to_thread(stuck.stdout.readline) != "acknowledged\n":
            pass
    stuck.send_signal(signal.SIGKILL)
    async with running(backbone.relay(db)):
        await published(db, 10)
        async with db.transaction() as tx:
            await journal(tx, Change())
        await published(db, 11)
    records = backbone.read()
    assert sorted(positions(records)) == sorted([*range(1, 11), *range(1, 12)])
    assert all(found == sorted(found) for found in first_appearances(records).values())


_LEADER = """
import asyncio, sys
from tests.kit.backbone import Backbone

async def main():
    backbone = Backbone(*sys.argv[1:])
    async with backbone.database() as db:
        await backbone.relay(db).run(asyncio.Event())

asyncio.run(main())
"""


@pytest.fixture
def leader(backbone: Backbone) -> Iterator[subprocess.Popen[str]]:
    """A relay in a process of its own, which logs that it leads."""
    with apart(_LEADER, backbone) as child:
        yield child


async def test_a_paused_leader_keeps_its_place_and_a_killed_one_is_followed(
    backbone: Backbone, db: Database, leader: subprocess.Popen[str]
) -> None:
    async def write() -> None:
        async with db.transaction() as tx:
            await journal(tx, *(Change() for _ in range(10)))

    assert leader.stdout is not None
    assert "relay_leads" in await asyncio.to_thread(leader.stdout.readline)
    standby = backbone.relay(db)
    async with running(standby):
        await write()
        await published(db, 10)
        leader.send_signal(signal.SIGSTOP)
        await write()
        await until(lambda: asyncio.sleep(0, standby.numbered > 0))
        await asyncio.sleep(3)
        assert not standby.publisher.leads, "nobody knows whether the leader has a round on its way"
        assert await scalar(db, "SELECT published FROM journal_cursor") == 10
        leader.send_signal(signal.SIGCONT)
        await published(db, 20)
        assert not standby.publisher.leads
        leader.send_signal(signal.SIGSTOP)
        await write()
        leader.kill()
        await published(db, 30, seconds=5)
        assert standby.publisher.leads
    found = first_appearances(backbone.read())
    assert sorted(position for each in found.values() for position in each) == list(range(1, 31))
    assert all(each == sorted(each) for each in found.values())


class OwnBroker:
    """A broker that a test may pause and start late. One thread starts it, and lives until it has ended."""

    def __init__(self, directory: Path) -> None:
        port, controller = launch.free_ports(2)
        self._broker = KafkaBroker(directory=directory, port=port, controller_port=controller)
        self._broker.prepare()
        self._log = (directory / "kafka.log").open("ab")
        self._begin, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)
        self._thread.start()
        self.pid = 0

    @property
    def bootstrap(self) -> str:
        return self._broker.bootstrap_servers

    def _hold(self) -> None:
        self._begin.wait()
        if self._end.is_set():
            return
        program = self._broker.program()
        child = launch.start(program, self._log)
        self.pid = child.pid
        self._end.wait()
        launch.kill_group(child.pid)
        child.wait()

    def start(self) -> None:
        self._begin.set()

    def signal(self, number_: signal.Signals) -> None:
        os.kill(self.pid, number_)

    def close(self) -> None:
        self._end.set()
        self._begin.set()
        self._thread.join()
        self._log.close()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[OwnBroker]:
    broker = OwnBroker(tmp_path)
    yield broker
    broker.close()


@pytest.fixture
async def alone(own_broker: OwnBroker, database_url: DatabaseUrl) -> AsyncIterator[tuple[Backbone, Database]]:
    """A backbone on a broker of its own, which is not started yet."""
    backbone = Backbone(database_url("alone", prepare), own_broker.bootstrap)
    async with backbone.database() as db:
        yield backbone, db


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.usefixtures("broken_connections")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.timeout(300)
async def test_trouble_with_the_broker_stops_publishing_only_and_harms_no_order(
    own_broker: OwnBroker, alone: tuple[Backbone, Database]
) -> None:
    backbone, db = alone
    keys = [uuid4() for _ in range(6)]

    async def write(count: int) -> None:
        for n in range(count):
            async with db.transaction() as tx:
                await journal(tx, *(Change(key=key, version=n) for key in keys))

    async def numbered(rows: int) -> None:
        await until(lambda: asyncio.sleep(0, relay.numbered == rows))

    relay = backbone.relay(db, patience=2.0)
    async with running(relay):
        # There is no broker yet.
        await write(5)
        await numbered(30)
        await until(lambda: asyncio.sleep(0, "publishing" in (relay.ready() or "")))
        own_broker.start()
        await until(lambda: asyncio.to_thread(_made, backbone), seconds=60)
        await published(db, 30, seconds=60)
        assert relay.ready() is None
        # It stalls for longer than the relay is patient: producers are abandoned with a round on its way.
        own_broker.signal(signal.SIGSTOP)
        await write(5)
        await numbered(60)
        await until(lambda: asyncio.sleep(0, "publishing" in (relay.ready() or "")))
        await write(5)
        await numbered(90)
        await asyncio.sleep(3)
        own_broker.signal(signal.SIGCONT)
        await published(db, 90, seconds=90)
        await write(1)
        await published(db, 96)
    found = first_appearances(backbone.read())
    assert sorted(position for each in found.values() for position in each) == list(range(1, 97))
    assert all(each == sorted(each) for each in found.values())


def _made(backbone: Backbone) -> bool:
    try:
        backbone.make_topics()
    except Exception:  # noqa: BLE001  # whatever a broker says that is starting
        return False
    return True


async def test_a_stopped_relay_leaves_the_rest_to_the_next(backbone: Backbone, db: Database) -> None:
    await fill(db, 3_000)
    async with running(backbone.relay(db)):
        await until(lambda: _some_published(db))
    async with running(backbone.relay(db)):
        await published(db, 3_000)
    records = backbone.read()
    assert sorted(set(positions(records))) == list(range(1, 3_001))
    assert len(records) == 3_000


async def _some_published(db: Database) -> bool:
    return await scalar(db, "SELECT published FROM journal_cursor") > 0


async def test_the_backlog_is_what_is_left_to_do(journal_db: Database) -> None:
    async def left() -> tuple[int, int]:
        async with journal_db.connect() as session:
            found = await backlog(session)
        assert (found.oldest_seconds > 0) == (found.unnumbered + found.unpublished > 0)
        return found.unnumbered, found.unpublished

    assert await left() == (0, 0)
    async with journal_db.transaction() as tx:
        await journal(tx, Change(), Change())
    assert await left() == (2, 0)
    await number(journal_db)
    assert await left() == (0, 2)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.usefixtures("broken_connections")
async def test_a_relay_that_never_reached_its_database_says_so(backbone: Backbone, db: Database) -> None:
    relay = Backbone("postgresql://nobody:x@127.0.0.1:1/none", backbone.bootstrap).relay(db)
    async with running(relay):
        await until(lambda: asyncio.sleep(0, "does not answer" in (relay.ready() or "")))
