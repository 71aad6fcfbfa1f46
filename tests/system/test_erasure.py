"""A person is erased: all databases, all topics and all logs of the running platform are searched for what was said."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from deploy.local import topics
from deploy.local.stack import SERVICES
from tests.places import places
from tests.stack import RunningStack, eventually, on_the_stack
from tests.system.test_platform import ADMIN, SELLER
from tests.system.test_republishing import database

pytestmark = on_the_stack

MARK = f"qzx{uuid4().hex[:12]}"
"""Stands in everything that is said of the person."""

NAME = f"Jane {MARK}"
TABLES = {
    "accounts": "account",
    "activities": "activity",
    "contact-links": "contact_link",
    "opportunities": "opportunity",
    "stakeholders": "stakeholder",
    "time-logs": "time_log",
}
"""Where the rows of a mention's noun are."""


def post(stack: RunningStack, path: str, method: str = "POST", **body: Any) -> Any:
    """What the seller's request is answered with, and what is kept of the answer."""
    answer = stack.ask(SELLER, method, path, body, **{"Idempotency-Key": str(uuid4())})
    assert answer.is_success, answer.text
    return answer.json()


def planted(stack: RunningStack) -> str:
    """A person of whom every service tells, and told otherwise before."""
    account: str = post(stack, "/v1/accounts", name=f"House of {NAME}")["id"]
    friend: str = post(stack, "/v1/contacts", account_id=account, name="John Doe")["id"]
    person: str = post(
        stack, "/v1/contacts", account_id=account, name=f"Old {MARK}", title=f"Chief {MARK}",
        emails=[f"{MARK}@example.com"], phones=["+49 30 1234567"], external_ids={"crm": MARK},
    )["id"]  # fmt: skip
    post(stack, f"/v1/contacts/{person}", "PATCH", name=NAME, title=f"Head {MARK}", emails=[])
    for one, other, kind in ((person, friend, "ALLY"), (friend, person, "INFLUENCES")):
        post(stack, f"/v1/contacts/{one}/links", to_contact_id=other, kind=kind, note=f"{MARK} is close")
    deal: str = post(
        stack, "/v1/opportunities", account_id=account, name=f"What {NAME} wants", need_summary=f"{NAME} said so"
    )["id"]  # fmt: skip
    for stance in ("SUPPORTER", "FRIEND"):
        post(
            stack, f"/v1/opportunities/{deal}/stakeholders/{person}", "PUT",
            roles=["USER"], influence="H", stance=stance, stance_reason="PERSONAL_TRUST",
            stance_note=f"{NAME}: {stance}",
        )  # fmt: skip
    visit = {"type": "VISIT", "status": "DONE", "started_at": "2026-03-01T09:00:00Z", "account_id": account}
    post(stack, "/v1/activities", **visit, subject=f"Lunch with {NAME}", contact_ids=[person, friend])
    post(
        stack,
        "/v1/activities",
        **visit,
        subject="A visit",
        outcome=f"{NAME} is in favour",
        next_step=f"Ask Old {MARK}",
        contact_ids=[friend],
    )
    post(
        stack, "/v1/time-logs",
        spent_on="2026-03-01", category="TRAVEL", minutes=30, account_id=account, note=f"To {NAME}",
    )  # fmt: skip
    return person


def held(stack: RunningStack, person: str) -> dict[str, Any]:
    """What is held about the person, once every service knows how they are called now."""
    answer = stack.ask(SELLER, "GET", f"/v1/contacts/{person}/personal-data")
    if answer.status_code == 503:
        return {}
    assert answer.status_code == 200, answer.text
    told = answer.json()
    known = [told[f"known_to_{each}"]["name"] for each in ("opportunities", "activities")]
    return told if known == [NAME, NAME] else {}


def named(told: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """The texts that people are asked to look at, of all services."""
    return [each for service in SERVICES for each in told[f"mentions_in_{service}"]]


def stands(stack: RunningStack) -> dict[str, set[str]]:
    """Where the mark stands, by service."""
    return {each: asyncio.run(places(database(stack, each), MARK)) for each in SERVICES}


def journaled(stack: RunningStack, service: str) -> set[str]:
    """The rows whose history has the mark."""
    with psycopg.connect(database(stack, service)) as connection:
        found = connection.execute(
            "SELECT DISTINCT aggregate_id::text FROM journal"
            " WHERE position(%(mark)s IN lower(concat(state::text, changed::text))) > 0",
            {"mark": MARK},
        )
        return {row[0] for row in found}


def records(stack: RunningStack) -> Iterator[ConsumerRecord]:
    """All that every topic holds now, dead letters included, in the order of each partition."""
    record = stack.home.running()
    assert record is not None
    consumer = KafkaConsumer(
        bootstrap_servers=record.addresses["KAFKA_BOOTSTRAP_SERVERS"], enable_auto_commit=False
    )
    try:
        for topic in topics.declared("laptop", environment={}):
            parts = [
                TopicPartition(topic.name, number) for number in consumer.partitions_for_topic(topic.name)
            ]
            consumer.assign(parts)
            consumer.seek_to_beginning(*parts)
            ends = consumer.end_offsets(parts)
            while any((consumer.position(part) or 0) < ends[part] for part in parts):
                for found in consumer.poll(timeout_ms=500).values():
                    yield from found
    finally:
        consumer.close()


def names(record: ConsumerRecord) -> bool:
    told = [record.value or b"", record.key or b"", *(raw or b"" for _, raw in record.headers)]
    return any(MARK.encode() in each.lower() for each in told)


def test_what_is_left_of_an_erased_person_is_what_people_are_asked_to_look_at(stack: RunningStack) -> None:
    person = planted(stack)
    told = eventually(lambda: held(stack, person))
    before = stands(stack)
    assert before["contacts"] >= {
        "contact.name", "contact_link.note", "external_id.external_id", "journal.changed",
    }  # fmt: skip
    copied = {"contact.name", "contact.former_names", "idempotency_key.answer"}
    assert before["opportunities"] >= copied | {"stakeholder.stance_note"}
    assert before["activities"] >= copied | {"activity.subject"}
    assert {each["noun"] for each in named(told)} == TABLES.keys() - {"contact-links"}
    assert "next_step" in [each["field"] for each in told["mentions_in_activities"]]

    body = {"reason": "REQUESTED"}
    answer = stack.ask(ADMIN, "POST", f"/v1/contacts/{person}/erasure", body, **{"Idempotency-Key": "erase"})
    assert answer.status_code == 200, answer.text
    assert MARK not in answer.text

    left = eventually(lambda: _left(stack, person))
    # What was noted about the person on maps is gone; whatever else names them is somebody's to look at.
    assert left == [each for each in named(told) if each["noun"] != "stakeholders"]
    assert {each["noun"] for each in left} >= {"opportunities", "activities"}
    texts = {f"{TABLES[each['noun']]}.{each['field']}" for each in named(told)}
    allowed = texts | {"journal.state", "journal.changed"}
    eventually(lambda: all(found <= allowed for found in stands(stack).values()))
    for service in SERVICES:
        assert journaled(stack, service) <= {each["id"] for each in named(told)}
    assert stack.ask(SELLER, "GET", f"/v1/contacts/{person}/personal-data").status_code == 404
    _look_at_topics(stack, person, told)
    for log in stack.home.logs.iterdir():
        assert MARK.encode() not in log.read_bytes(), log.name
    _look_at_the_promise(answer.json())


def _left(stack: RunningStack, person: str) -> list[Mapping[str, str]]:
    """The texts that may name the person still, once every service has heard of the erasure."""
    answer = stack.ask(ADMIN, "GET", f"/v1/contacts/{person}/erasure")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert True not in [told[f"more_in_{each}"] for each in SERVICES]
    return [] if None in told.values() else named(told)


def _look_at_topics(stack: RunningStack, person: str, told: Mapping[str, Any]) -> None:
    """The newest record about each subject no longer names the person, but where people wrote the name themselves."""
    subject = f"contacts/{person}"
    newest = eventually(lambda: _newest(stack, subject))
    allowed = {f"{each['noun']}/{each['id']}" for each in named(told)}
    assert {about for about, record in newest.items() if names(record)} <= allowed
    value: bytes = newest[subject].value or b"{}"
    last = json.loads(value)["data"]
    assert (last["name"], last["title"]) == ("", None)


def _newest(stack: RunningStack, subject: str) -> dict[str, ConsumerRecord]:
    """The newest record about each subject, once that about the person says that they were erased."""
    newest = {(dict(record.headers).get("ce_subject") or b"").decode(): record for record in records(stack)}
    erased = dict(newest[subject].headers)["ce_type"] == b"contact.erased.v1" if subject in newest else False
    return newest if erased else {}


def _look_at_the_promise(erased: Mapping[str, str]) -> None:
    """By the promised day a broker has let go of every segment that a record from before may be in."""
    at, clean = (datetime.fromisoformat(erased[key]) for key in ("erased_at", "topics_clean_at"))
    declared = {each.name: each.settings for each in topics.declared("production", environment={})}
    of_people = {name: told for name, told in declared.items() if "segment.ms" in told}
    assert of_people.keys() >= {"contacts.events", *(f"{service}.dead-letter" for service in SERVICES)}
    longest = max(int(told["retention.ms"]) + int(told["segment.ms"]) for told in of_people.values())
    assert clean - at == timedelta(milliseconds=longest)
