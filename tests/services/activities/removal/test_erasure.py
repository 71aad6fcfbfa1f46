"""A person who was erased elsewhere: here only ids are left, and texts for people to look at."""

from importlib import import_module
from typing import Any

import psycopg

from services.activities.copies import CONTACTS
from services.activities.handlers import fold_contacts
from services.kit.copies import MOST_FORMER
from services.kit.events import ERASED, PURGE
from services.kit.mentions import MOST
from tests.places import places
from tests.problems import assert_problem
from tests.services.activities.conftest import House
from tests.services.elsewhere import event_of

MARK = "qzxmarker"


async def erase(house: House, id: str) -> None:
    await house.hear("contact", ERASED, 2, id=id, account_id=house.account, name="", title=None)


async def left(house: House, id: str) -> dict[str, Any]:
    """What is left of a person who was erased."""
    answer = await house.call("admin", "GET", f"/v1/contacts/{id}/erasure")
    assert answer.status_code == 200, answer.text
    return answer.json()


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
        await erase(house, id)
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
    assert await house.rows("SELECT * FROM erasure") == []
    assert_problem(await house.call("admin", "GET", f"/v1/contacts/{id}/erasure"), 404, "not_found")


async def test_who_asks_twice_is_told_less_after_an_erasure_and_nothing_is_done_twice(house: House) -> None:
    id = await planted(house)
    await erase(house, id)
    body = house.visit(subject=f"Lunch with jane {MARK}", contact_ids=[id])
    before = await house.written()
    again = await house.call("seller", "POST", "/v1/activities", body, key="k0")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json().keys() == {"id", "erased"}
    assert await house.written() == before


async def test_where_texts_name_a_person_is_known_when_nobody_could_find_it_any_more(house: House) -> None:
    id = await planted(house)
    path = f"/v1/contacts/{id}/erasure"
    held = (await house.call("seller", "GET", f"/v1/contacts/{id}/personal-data")).json()
    assert_problem(await house.call("admin", "GET", path), 404, "not_found")
    await erase(house, id)
    house.statements.clear()
    first = await left(house, id)
    assert len(house.statements) == 1
    assert first == {"mentions_in_activities": held["mentions_in_activities"], "more_in_activities": False}
    assert len(first["mentions_in_activities"]) == 3
    await CONTACTS.forget_versions(house.session)
    for _ in range(2):
        await erase(house, id)
    assert await left(house, id) == first
    assert await house.rows("SELECT count(*) FROM erasure") == [(1,)]


async def test_whom_erasing_is_entrusted_to_reads_what_is_left(house: House) -> None:
    id = await planted(house)
    await erase(house, id)
    path = f"/v1/contacts/{id}/erasure"
    house.callers.add("eraser", "service", scopes=("erasure",))
    house.callers.add("reader", "service", scopes=("activities:read",))
    assert (await house.call("eraser", "GET", path)).json() == await left(house, id)
    for who, code in (("seller", "admin_only"), ("boss", "admin_only"), ("reader", "scope_missing")):
        assert_problem(await house.call(who, "GET", path), 403, code)


async def test_a_name_that_is_told_together_with_the_erasure_is_looked_for(house: House) -> None:
    id = await planted(house)
    activity = (await house.make("seller", subject=f"Jane Roe called, Jane {MARK} before"))["id"]
    told: dict[str, Any] = {"id": id, "account_id": house.account, "title": None}
    renamed = event_of("contact", "updated", 2, told | {"name": "Jane Roe"})
    await house.handle("contact", [renamed, event_of("contact", ERASED, 3, told | {"name": ""})])
    found = (await left(house, id))["mentions_in_activities"]
    assert {"noun": "activities", "id": activity, "field": "subject", "past": False} in found
    assert len(found) == 4


async def test_former_names_are_shown_and_looked_for_and_go_with_the_person(house: House) -> None:
    id = await planted(house)
    activity = (await house.make("seller", subject=f"Bob {MARK} called"))["id"]
    told: dict[str, Any] = {"id": id, "account_id": house.account, "title": None}
    names = (f"Bob {MARK}", "Jane Roe")
    renamed = [event_of("contact", "updated", n, told | {"name": name}) for n, name in enumerate(names, 2)]
    await house.handle("contact", renamed)
    held = (await house.call("seller", "GET", f"/v1/contacts/{id}/personal-data")).json()
    known = held["known_to_activities"]
    assert (known["name"], known["former_names"]) == ("Jane Roe", [f"Jane {MARK}", f"Bob {MARK}"])
    mentions = held["mentions_in_activities"]
    assert {"noun": "activities", "id": activity, "field": "subject", "past": False} in mentions
    assert len(mentions) == 4
    assert "contact.former_names" in await places(house.url, MARK)
    await house.hear("contact", ERASED, 4, **told | {"name": ""})
    assert await left(house, id) == {"mentions_in_activities": mentions, "more_in_activities": False}
    texts = {"activity.subject", "activity.outcome", "time_log.note", "journal.state"}
    assert await places(house.url, MARK) == texts


async def test_who_had_more_names_than_are_kept_may_be_named_in_other_texts(house: House) -> None:
    id = await planted(house)
    told: dict[str, Any] = {"id": id, "account_id": house.account, "title": None}
    for version in range(2, MOST_FORMER + 3):
        await house.hear("contact", "updated", version, **told | {"name": f"name {version}"})
    await house.hear("contact", ERASED, 90, **told | {"name": ""})
    assert await left(house, id) == {"mentions_in_activities": [], "more_in_activities": True}


async def test_who_was_first_told_of_by_a_snapshot_may_be_named_otherwise_in_texts(house: House) -> None:
    told: dict[str, Any] = {"account_id": house.account, "title": None}
    id = await house.hear("contact", "snapshot", 7, **told, name=f"Jane {MARK}")
    await house.hear("contact", ERASED, 8, id=id, **told, name="")
    assert await left(house, id) == {"mentions_in_activities": [], "more_in_activities": True}


async def test_texts_are_looked_at_wherever_they_are_and_as_they_were(house: House) -> None:
    id = await planted(house)
    elsewhere = await house.open_account("boss", name="Elsewhere")
    other = (await house.make("boss", account_id=elsewhere, subject=f"Jane {MARK} was there"))["id"]
    log = {"spent_on": "2026-03-01", "category": "TRAVEL", "minutes": 5, "note": f"For Jane {MARK}"}
    nowhere = (await house.call("seller", "POST", "/v1/time-logs", log)).json()["id"]
    changed = (await house.make("seller", next_step=f"Call Jane {MARK}"))["id"]
    path = f"/v1/activities/{changed}"
    assert (await house.call("seller", "PATCH", path, {"next_step": None}, if_match="*")).status_code == 200
    here = (await house.call("seller", "GET", f"/v1/contacts/{id}/personal-data")).json()
    await erase(house, id)
    found = (await left(house, id))["mentions_in_activities"]
    past = {"noun": "activities", "id": changed, "field": "next_step", "past": True}
    assert past in here["mentions_in_activities"]
    assert [each for each in found if each not in here["mentions_in_activities"]] == [
        {"noun": "activities", "id": other, "field": "subject", "past": False},
        {"noun": "time-logs", "id": nowhere, "field": "note", "past": False},
    ]


async def test_what_was_scrubbed_before_it_was_told_hides_no_name(house: House) -> None:
    id = await planted(house)
    held = (await house.call("seller", "GET", f"/v1/contacts/{id}/personal-data")).json()
    blank: dict[str, Any] = {"id": id, "account_id": house.account, "name": "", "title": None}
    for version, fact in enumerate(("updated", "deleted", "restored"), start=2):
        await house.hear("contact", fact, version, **blank)
    await house.hear("contact", ERASED, 5, **blank)
    assert (await left(house, id))["mentions_in_activities"] == held["mentions_in_activities"]
    texts = {"activity.subject", "activity.outcome", "time_log.note", "journal.state"}
    assert await places(house.url, MARK) == texts
    assert ("", 5, True) in await house.rows("SELECT name, version, erased FROM contact")


async def test_who_was_erased_before_it_was_kept_is_said_to_be_erased_and_not_searched(house: House) -> None:
    id = await planted(house)
    await erase(house, id)
    before = import_module("services.activities.migrations.versions.0013_erasure").ERASED_BEFORE
    await house.session.execute("DELETE FROM erasure")
    await house.session.execute(before)
    assert await left(house, id) == {"mentions_in_activities": [], "more_in_activities": True}


async def test_of_whom_no_name_was_known_texts_may_tell_that_nobody_lists(house: House) -> None:
    id = await house.hear("contact", ERASED, 2, account_id=house.account, name="", title=None)
    assert await left(house, id) == {"mentions_in_activities": [], "more_in_activities": True}


async def test_so_many_texts_are_listed_and_that_there_are_more_is_said(house: House) -> None:
    id = await planted(house)
    copies = """INSERT INTO time_log SELECT (jsonb_populate_record(one.r, jsonb_build_object('id', uuidv7()))).*
FROM (SELECT t AS r FROM time_log t LIMIT 1) one, generate_series(1, %s)"""
    await house.session.execute(copies, [MOST - 3])
    await erase(house, id)
    full = await left(house, id)
    assert (len(full["mentions_in_activities"]), full["more_in_activities"]) == (MOST, False)
    other = await house.hear("contact", account_id=house.account, name=f"jane {MARK}", title=None)
    await house.session.execute(copies, [1])
    await erase(house, other)
    most = await left(house, other)
    assert (len(most["mentions_in_activities"]), most["more_in_activities"]) == (MOST, True)
