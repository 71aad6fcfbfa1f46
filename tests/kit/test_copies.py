"""Copies of what others own: set to a newer state, never added to, whatever comes again or late."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from services.kit.copies import LONGEST_FORMER, MOST_FORMER, Copy
from services.kit.db import Database
from services.kit.events import Event
from tests.conftest import DatabaseUrl
from tests.kit.library import database, prepare


class Deal(BaseModel):
    """A deal as this service reads it."""

    model_config = ConfigDict(extra="ignore")

    id: UUID
    account_id: UUID | None
    owner_id: UUID | None
    status: str


DEALS = Copy("opportunity", Deal, {"account_id": "uuid", "owner_id": "uuid"})
ID, AT = uuid4(), datetime(2026, 1, 1, tzinfo=UTC)


def event(version: int, *, id: UUID = ID, fact: str = "updated", **data: Any) -> Event:
    state = {"id": str(id), "account_id": None, "owner_id": None, "status": f"v{version}", "amount": 5} | data
    return Event(
        id="1", source="opportunities", type=f"opportunity.{fact}", schema_version=1, aggregate="opportunity",
        subject_id=id, version=version, position=version, time=AT, actor="x", imported=False, data=state,
        changed=None, key=str(id),
    )  # fmt: skip


@pytest.fixture
async def db(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    async with database(database_url("copies", prepare)) as opened:
        yield opened


async def kept(db: Database) -> list[Any]:
    async with db.connect() as session:
        rows = await session.execute("SELECT id, version, status, deleted_at FROM opportunity ORDER BY id")
        return await rows.fetchall()


async def fold(db: Database, *events: Event) -> list[Any]:
    async with db.connect() as session:
        await DEALS.fold(session, events)
    return await kept(db)


async def test_a_copy_is_set_to_the_newest_state(db: Database) -> None:
    assert await fold(db, event(2)) == [(ID, 2, "v2", None)]
    assert await fold(db, event(3), event(4)) == [(ID, 4, "v4", None)]
    assert await fold(db, event(6), event(5)) == [(ID, 6, "v6", None)]
    assert await fold(db, event(1), event(5)) == [(ID, 6, "v6", None)]
    assert await fold(db) == [(ID, 6, "v6", None)]


async def test_a_snapshot_of_the_version_at_hand_applies(db: Database) -> None:
    await fold(db, event(3))
    assert await fold(db, event(3, fact="snapshot", status="told anew")) == [(ID, 3, "told anew", None)]
    assert await fold(db, event(2, fact="snapshot", status="old")) == [(ID, 3, "told anew", None)]


@pytest.mark.parametrize("fact", ["deleted", "erased"])
async def test_what_is_gone_stays_as_a_tombstone(db: Database, fact: str) -> None:
    assert await fold(db, event(2, fact=fact)) == [(ID, 2, "v2", AT)]
    assert await fold(db, event(1)) == [(ID, 2, "v2", AT)]
    assert await fold(db, event(2, fact=fact)) == [(ID, 2, "v2", AT)]


async def test_what_was_deleted_may_come_back(db: Database) -> None:
    await fold(db, event(2, fact="deleted"))
    assert await fold(db, event(3, fact="restored")) == [(ID, 3, "v3", None)]


async def test_columns_are_of_their_types(db: Database) -> None:
    account, owner = uuid4(), uuid4()
    await fold(db, event(1, account_id=str(account), owner_id=str(owner)))
    async with db.connect() as session:
        rows = await session.execute("SELECT account_id, owner_id FROM opportunity")
        assert await rows.fetchall() == [(account, owner)]


async def test_a_state_that_lacks_a_field_is_refused(db: Database) -> None:
    lacking = event(1)
    del lacking.data["status"]
    with pytest.raises(ValidationError):
        await fold(db, event(2, id=uuid4()), lacking)
    assert await kept(db) == []


async def test_rows_that_their_owner_showed_are_kept_the_same_way(db: Database) -> None:
    shown = {
        "id": str(ID),
        "account_id": None,
        "owner_id": None,
        "status": "shown",
        "version": 3,
        "more": [1],
    }
    async with db.connect() as session:
        await DEALS.keep(session, [shown])
        await DEALS.keep(session, [])
        assert await kept(db) == [(ID, 3, "shown", None)]
        await DEALS.keep(session, [shown | {"version": 2, "status": "older"}])
    assert await fold(db, event(4)) == [(ID, 4, "v4", None)]


IDS = [UUID(int=n) for n in range(3)]


def _event(id: UUID, version: int, fact: str) -> Event:
    return event(version, id=id, fact=fact)


told = st.lists(
    st.builds(
        _event,
        st.sampled_from(IDS),
        st.integers(1, 6),
        st.sampled_from(["updated", "deleted", "snapshot"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=told, cut=st.integers(0, 12), again=st.integers(1, 12))
async def test_whatever_comes_again_or_late_the_newest_version_stays(
    db: Database, events: list[Event], cut: int, again: int
) -> None:
    newest = {e.subject_id: max(x.version for x in events if x.subject_id == e.subject_id) for e in events}
    async with db.connect() as session:
        await session.execute("TRUNCATE opportunity")
        for batch in (
            events[:cut],
            events[cut:],
            events[:again],
            [replace(e, id="2") for e in reversed(events)],
        ):
            await DEALS.fold(session, batch)
    assert {row[0]: row[1] for row in await kept(db)} == newest


class Person(BaseModel):
    """Somebody of whom former names are kept."""

    id: UUID
    name: str


PEOPLE = Copy("person_copy", Person, {}, former=True)
TABLE = """CREATE TABLE person_copy (
  id uuid PRIMARY KEY, version integer NOT NULL, deleted_at timestamptz, erased boolean NOT NULL,
  name text NOT NULL, former_names text[] NOT NULL, known_from_start boolean NOT NULL)"""


def called(
    version: int, name: str, *, before: str | None = None, fact: str = "updated", id: UUID = ID
) -> Event:
    """An event by which somebody is called so, and was called otherwise `before` it where that is told."""
    changed = {"name": {"from": before, "to": name}} if before else None
    told = event(version, id=id, fact=fact)
    return replace(told, aggregate="person", data={"id": str(id), "name": name}, changed=changed)


@pytest.fixture
async def people(db: Database) -> Database:
    async with db.connect() as session:
        await session.execute(TABLE)
    return db


async def known(db: Database, *events: Event) -> tuple[str, int, list[str]]:
    """Name, version and former names of the one person, after these events."""
    async with db.connect() as session:
        await PEOPLE.fold(session, events)
        found = await session.execute("SELECT name, version, former_names FROM person_copy")
        [row] = await found.fetchall()
        return row


async def test_every_name_of_a_batch_is_known_afterwards(people: Database) -> None:
    assert await known(people, called(1, "A"), called(2, "B"), called(3, "C")) == ("C", 3, ["A", "B"])
    assert await known(people, called(5, "E"), called(4, "D")) == ("E", 5, ["A", "B", "C", "D"])


async def test_a_name_that_is_told_late_or_twice_is_one_former_name(people: Database) -> None:
    assert await known(people, called(5, "E")) == ("E", 5, [])
    assert await known(people, called(3, "C")) == ("E", 5, ["C"])
    assert await known(people, called(4, "E"), called(3, "C"), called(2, "C")) == ("E", 5, ["C"])
    assert await known(people, called(5, "E")) == ("E", 5, ["C"])


async def test_what_a_name_was_changed_from_is_known_though_it_was_never_told(people: Database) -> None:
    assert await known(people, called(7, "B", before="A")) == ("B", 7, ["A"])
    assert await known(people, called(5, "D", before="C")) == ("B", 7, ["A", "C", "D"])


async def test_who_is_called_as_before_has_another_former_name(people: Database) -> None:
    assert await known(people, called(1, "A"), called(2, "B")) == ("B", 2, ["A"])
    assert await known(people, called(3, "A")) == ("A", 3, ["B"])


async def test_blank_names_are_no_former_names(people: Database) -> None:
    assert await known(people, called(1, " "), called(2, "A"), called(3, "B", before="  ")) == ("B", 3, ["A"])
    assert await known(people, called(2, "", fact="snapshot")) == ("B", 3, ["A"])


async def test_a_rebuild_leaves_former_names(people: Database) -> None:
    await known(people, called(1, "A"), called(2, "B"))
    async with people.connect() as session:
        await PEOPLE.forget_versions(session)
    assert await known(people, called(1, "C", fact="snapshot")) == ("C", 1, ["A", "B"])
    async with people.connect() as session:
        await PEOPLE.forget_versions(session)
        [(id, state)] = await PEOPLE.untold(session, 1)
        assert await PEOPLE.names(session, [id]) == {ID: (["A", "B", "C"], True)}
    assert await known(people, called(0, state["name"], fact="swept")) == ("C", 0, ["A", "B"])


@pytest.mark.parametrize(
    ("told", "whole"),
    [
        ([[1]], True), ([[1, 2]], True), ([[2, 1]], True), ([[2], [1]], True), ([[1], [3]], True),
        ([[2]], False), ([[3], [2]], False), ([[2], [0]], False),
    ],
)  # fmt: skip
async def test_whoever_was_told_of_from_the_first_version_on_has_no_name_that_is_not_known(
    people: Database, told: list[list[int]], whole: bool
) -> None:
    for batch in told:
        await known(people, *(called(version, "A") for version in batch))
    async with people.connect() as session:
        assert await PEOPLE.names(session, [ID, uuid4()]) == {ID: (["A"], whole)}
        await PEOPLE.forget_versions(session)
    await known(people, called(9, "A", fact="snapshot"))
    async with people.connect() as session:
        assert await PEOPLE.names(session, [ID]) == {ID: (["A"], whole)}


async def test_what_the_owner_shows_lets_the_name_before_be_known(people: Database) -> None:
    await known(people, called(2, "B"))
    async with people.connect() as session:
        await PEOPLE.keep(session, [{"id": str(ID), "version": 4, "name": "D"}])
        await PEOPLE.keep(session, [{"id": str(ID), "version": 3, "name": "C"}])
    assert await known(people, called(4, "D")) == ("D", 4, ["B", "C"])


async def test_of_who_is_erased_no_former_name_is_left(people: Database) -> None:
    gone = called(4, "", before="C", fact="erased")
    await known(people, called(1, "A"), called(2, "B"))
    assert await known(people, called(3, "C"), gone) == ("", 4, [])
    assert await known(people, called(3, "C", before="B"), called(9, "D")) == ("", 4, [])


async def test_who_is_first_heard_of_when_erased_has_no_former_name(people: Database) -> None:
    assert await known(people, called(1, "A"), called(2, "", before="A", fact="erased")) == ("", 2, [])


async def test_so_many_former_names_are_kept_and_the_oldest_go_first(people: Database) -> None:
    long = "x" * (LONGEST_FORMER + 1)
    names = [f"name {number}" for number in range(2 * MOST_FORMER)]
    told = [called(number, name) for number, name in enumerate([*names, long, "now"])]
    name, _, former = await known(people, *told)
    assert (name, former) == ("now", [*names[1 - MOST_FORMER :], long[:-1]])
    for one in told[-3:]:
        assert (await known(people, one))[2] == former
    assert (await known(people, called(90, "later")))[2] == [*former[1:], "now"]


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    order=st.permutations(range(1, 9)), cuts=st.sets(st.integers(1, 12)), twice=st.lists(st.integers(1, 8))
)
async def test_in_whatever_order_names_are_told_all_are_known(
    people: Database, order: list[int], cuts: set[int], twice: list[int]
) -> None:
    named = {version: f"name {version % 5}" for version in order}
    events = [called(version, named[version]) for version in [*order, *twice]]
    async with people.connect() as session:
        await session.execute("TRUNCATE person_copy")
        bounds = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
        for start, end in pairwise(bounds):
            await PEOPLE.fold(session, events[start:end])
    name, version, former = await known(people)
    assert (name, version) == (named[8], 8)
    assert sorted(former) == sorted(set(named.values()) - {name})
