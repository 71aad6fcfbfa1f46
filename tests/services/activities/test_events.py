"""What activities tells the world: one journal row a change, and of it no text that people wrote."""

from datetime import UTC, datetime
from typing import Any, LiteralString

import orjson

from services.activities.events import PUBLIC
from services.kit.envelope import Encoder, JournalRow
from tests.services.activities.conftest import House

SECRET = "只有我们知道的话"
_ROWS: LiteralString = """
SELECT id, recorded_at, event_id, type, aggregate, aggregate_id, version, partition_key, actor, request_id, traceparent,
       imported, changed, state
FROM journal ORDER BY id"""


async def told(house: House) -> list[tuple[dict[str, str], dict[str, Any], str]]:
    """What the relay would publish: headers, value and key of each record."""
    encoder = Encoder("activities", PUBLIC)
    records = [encoder.encode(JournalRow(*row)) for row in await house.rows(_ROWS)]
    return [
        (
            {name: text.decode() for name, text in record.headers},
            orjson.loads(record.value or b""),
            (record.key or b"").decode(),
        )
        for record in records
        if record is not None
    ]


async def test_every_change_is_told_once_by_its_own_name(house: House) -> None:
    planned = await house.make("seller")
    await house.make("seller", status="DONE")
    await house.make("seller", status="MISSED", planned_start_at="2026-01-01T00:00:00Z")
    await house.make("seller", status="CANCELLED")
    path = f"/v1/activities/{planned['id']}"
    await house.call("seller", "PATCH", path, {"outcome": SECRET}, if_match="*")
    done = {"status": "DONE", "started_at": datetime.now(UTC).isoformat()}
    await house.call("seller", "PATCH", path, done, if_match="*")
    log = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90, "activity_id": planned["id"]}
    made = await house.call("seller", "POST", "/v1/time-logs", log)
    await house.call("seller", "PATCH", f"/v1/time-logs/{made.json()['id']}", {"minutes": 60}, if_match="*")
    records = await told(house)
    assert [headers["ce_type"] for headers, _, _ in records] == [
        "activity.planned.v1",
        "activity.completed.v1",
        "activity.missed.v1",
        "activity.cancelled.v1",
        "activity.updated.v1",
        "activity.completed.v1",
        "time_log.recorded.v1",
        "time_log.updated.v1",
    ]
    assert {key for _, _, key in records} == {house.account}
    assert {headers["ce_actor"] for headers, _, _ in records} == {house.members["seller"]}
    assert [headers["ce_sequence"] for headers, _, _ in records] == ["1", "1", "1", "1", "2", "3", "1", "2"]
    assert records[0][0]["ce_subject"] == f"activities/{planned['id']}"
    assert records[6][0]["ce_subject"] == f"time-logs/{made.json()['id']}"


async def test_an_event_says_who_met_whom_and_not_what_was_said(house: House) -> None:
    made = await house.make(
        "seller",
        status="DONE",
        subject=SECRET,
        outcome=SECRET,
        next_step=SECRET,
        opportunity_id=house.deal,
        contact_ids=list(house.people),
        our_attendees=[{"member_id": house.members["teammate"], "function": "PRESALES"}],
        two_way=True,
        minutes=45,
        important=True,
    )
    path = f"/v1/activities/{made['id']}"
    patch = {"subject": SECRET * 2, "next_step": None, "minutes": 50}
    await house.call("seller", "PATCH", path, patch, if_match="*")
    (_, first, _), (_, second, _) = await told(house)
    public = (
        "id", "type", "status", "account_id", "opportunity_id", "owner_id", "contact_ids", "our_attendees", "two_way",
        "minutes", "started_at", "planned_start_at", "important",
    )  # fmt: skip
    assert first == {"data": {name: made[name] for name in public}, "changed": None}
    assert second["data"] == first["data"] | {"minutes": 50}
    assert second["changed"] == {"minutes": {"from": 45, "to": 50}}
    assert SECRET not in str((first, second))


async def test_a_time_log_is_told_without_its_note(house: House) -> None:
    said = {
        "spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90, "account_id": house.account, "note": SECRET,
        "robber": "MEETINGS",
    }  # fmt: skip
    made = (await house.call("seller", "POST", "/v1/time-logs", said)).json()
    [(_, value, _)] = await told(house)
    public = ("id", "member_id", "spent_on", "category", "minutes", "activity_id", "account_id", "robber")
    assert value == {"data": {name: made[name] for name in public}, "changed": None}


async def test_a_refused_change_is_not_told(house: House) -> None:
    made = await house.make("seller")
    path = f"/v1/activities/{made['id']}"
    for patch, expected in (({"minutes": 0}, "*"), ({"minutes": 5}, '"9"'), ({"status": "DONE"}, "*")):
        assert (await house.call("seller", "PATCH", path, patch, if_match=expected)).status_code >= 400
    assert len(await told(house)) == 1
    [(queued,)] = await house.rows("SELECT count(*) FROM journal_queue")
    assert queued == 1
