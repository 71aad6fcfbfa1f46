"""Parked keys: driven again in their order, given up record by record, and never passed by the consumer."""

from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest

from services.kit import parked
from services.kit.db import Database, Session
from services.kit.events import Event
from services.kit.handlers import Batch, Handler
from services.kit.parked import Driven, NotParked
from tests.kit.backbone import Backbone, Change, scalar
from tests.kit.test_consumer import copies, counted, failing_on, fold, publish, running

FOLDING: Mapping[str, Handler | Batch] = {"account": fold}


async def parking(backbone: Backbone, db: Database, key: UUID, names: list[str]) -> int:
    """Has the consumer park the key at the first of these names that is "bad"; gives the number it is parked under."""
    changes = [Change(id=key, name=name, version=version) for version, name in enumerate(names, start=1)]
    await publish(backbone, db, *changes)
    consumer = backbone.reader(db, {"account": failing_on("bad")})
    async with running(consumer):
        await counted(consumer, len(names))
    (found,) = await parked.parked(db)
    return found.id


async def test_what_is_parked_is_told_with_its_reason(backbone: Backbone, db: Database) -> None:
    key = uuid4()
    await parking(backbone, db, key, ["good", "bad", "later"])
    (found,) = await parked.parked(db)
    assert (found.topic, found.key, found.records) == (backbone.topic, str(key), 2)
    assert "ValueError: poison" in found.reason


async def test_a_mended_handler_handles_all_in_order_and_frees_the_key(
    backbone: Backbone, db: Database
) -> None:
    key = uuid4()
    number = await parking(backbone, db, key, ["good", "bad", "later", "last"])
    assert await parked.drive(db, FOLDING, number) == Driven(3, 0, None)
    assert await copies(db) == {key: ("last", 4, 4)}
    assert await parked.parked(db) == []
    with pytest.raises(NotParked):
        await parked.drive(db, FOLDING, number)


async def test_what_fails_again_stays_with_all_that_follows(backbone: Backbone, db: Database) -> None:
    key = uuid4()
    number = await parking(backbone, db, key, ["bad", "fine", "worse", "last"])
    driven = await parked.drive(db, {"account": failing_on("worse")}, number)
    assert driven == Driven(2, 2, "ValueError: poison")
    assert await copies(db) == {key: ("fine", 2, 2)}
    (found,) = await parked.parked(db)
    assert (found.id, found.records, found.reason) == (number, 2, "ValueError: poison")


async def test_a_record_that_is_given_up_is_kept_with_the_reason(backbone: Backbone, db: Database) -> None:
    key = uuid4()
    number = await parking(backbone, db, key, ["bad", "last"])
    driven = await parked.discard(db, {"account": failing_on("bad")}, number, why="a test", by="somebody")
    assert driven == Driven(1, 0, None)
    assert await copies(db) == {key: ("last", 2, 1)}
    kept = "SELECT jsonb_build_array(key, why, discarded_by, value IS NOT NULL) FROM parked_discarded"
    assert await scalar(db, kept) == [str(key), "a test", "somebody", True]


async def test_a_constraint_that_waits_for_the_commit_stops_only_its_record(
    backbone: Backbone, db: Database
) -> None:
    key = uuid4()
    number = await parking(backbone, db, key, ["bad", "fine", "unknown", "last"])
    async with db.connect() as session:
        await session.execute("CREATE TABLE known (version integer PRIMARY KEY)")
        await session.execute("INSERT INTO known VALUES (1), (2), (4)")
        await session.execute(
            "ALTER TABLE copy ADD CONSTRAINT known FOREIGN KEY (version) REFERENCES known"
            " DEFERRABLE INITIALLY DEFERRED"
        )
    driven = await parked.drive(db, FOLDING, number)
    assert (driven.handled, driven.left) == (2, 2)
    assert await copies(db) == {key: ("fine", 2, 2)}


async def test_many_records_are_driven_in_several_transactions(
    backbone: Backbone, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked, "ROUND", 3)
    key, seen = uuid4(), list[int]()
    number = await parking(backbone, db, key, ["bad", *(f"{n}" for n in range(8))])

    async def note(_: Session, event: Event) -> None:
        seen.append(event.version)

    assert await parked.drive(db, {"account": note}, number) == Driven(9, 0, None)
    assert seen == list(range(1, 10))
