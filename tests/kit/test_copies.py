"""Copies of what others own: set to a newer state, never added to, whatever comes again or late."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from services.kit.copies import Copy
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
