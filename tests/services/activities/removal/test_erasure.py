"""A person who was erased elsewhere: here only ids are left, and texts for people to look at."""

from typing import Any

import psycopg

from services.activities.handlers import fold_contacts
from services.kit.events import ERASED, PURGE
from tests.places import places
from tests.services.activities.conftest import House
from tests.services.elsewhere import event_of

MARK = "qzxmarker"


async def planted(house: House) -> str:
    """A person who took part in something, of whom texts and kept answers tell, and what is kept of imports."""
    id = await house.hear("contact", account_id=house.account, name=f"Jane {MARK}", title=MARK)
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("/v1/activities", house.visit(subject=f"Lunch with jane {MARK}", contact_ids=[id])),
        ("/v1/activities", house.visit(outcome=f"We spoke of Jane {MARK}")),
        (
            "/v1/time-logs",
            {
                "spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 90,
                "account_id": house.account, "note": f"To Jane {MARK}",
            },
        ),
    ]  # fmt: skip
    for number, (path, body) in enumerate(bodies):
        answer = await house.call("seller", "POST", path, body, key=f"k{number}")
        assert answer.status_code == 201, answer.text
    job = "INSERT INTO job (id, kind, lane, argument, created_by) VALUES (uuidv7(), 'x', 'x', '{}', 'x') RETURNING id"
    [[job_id]] = await house.rows(job)
    for statement in (
        "INSERT INTO import_report (job_id, row, outcome, message, findings) VALUES (%s, 1, 'REFUSED', %s, '[]')",
        "INSERT INTO import_row (job_id, walk, row, cells) VALUES (%s, 0, 1, json_build_array(%s::text))",
    ):
        await house.session.execute(statement, [job_id, f"Jane {MARK}"])
    return id


async def test_only_texts_for_people_to_look_at_are_left_of_a_person_who_was_erased(house: House) -> None:
    id = await planted(house)
    held = (await house.call("seller", "GET", f"/v1/contacts/{id}/personal-data")).json()
    texts = {"activity.subject", "activity.outcome", "time_log.note"}
    nouns = {"activities": "activity", "time-logs": "time_log"}
    assert {f"{nouns[each['noun']]}.{each['field']}" for each in held["mentions_in_activities"]} == texts
    kept = {"contact.name", "idempotency_key.answer", "import_report.message", "import_row.cells"}
    assert await places(house.url, MARK) == texts | kept | {"journal.state"}
    for _ in range(2):
        await house.hear("contact", ERASED, 2, id=id, account_id=house.account, name="", title=None)
    assert await places(house.url, MARK) == texts | {"journal.state"}
    told = await house.rows("SELECT DISTINCT aggregate_id::text FROM journal WHERE state::text ~ 'qzxmarker'")
    assert {row[0] for row in told} == {each["id"] for each in held["mentions_in_activities"]}


async def test_who_was_deleted_long_ago_goes_without_a_search(house: House) -> None:
    id = await planted(house)
    before = await places(house.url, MARK)
    told = {"id": id, "account_id": house.account, "name": "", "title": None}
    async with await psycopg.AsyncConnection.connect(house.url) as session:
        await fold_contacts(session, [event_of("contact", ERASED, 2, told, PURGE)])
    assert before - await places(house.url, MARK) == {"contact.name"}


async def test_who_asks_twice_is_told_less_after_an_erasure_and_nothing_is_done_twice(house: House) -> None:
    id = await planted(house)
    await house.hear("contact", ERASED, 2, id=id, account_id=house.account, name="", title=None)
    body = house.visit(subject=f"Lunch with jane {MARK}", contact_ids=[id])
    before = await house.written()
    again = await house.call("seller", "POST", "/v1/activities", body, key="k0")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json().keys() == {"id", "erased"}
    assert await house.written() == before
