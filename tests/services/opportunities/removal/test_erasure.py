"""A person who was erased elsewhere: what maps say of them goes, with its history and the answers that are kept."""

from typing import Any

import psycopg
import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from psycopg import sql

from services.kit import mentions, parked
from services.kit.db import Database
from services.kit.delivery import Delivery
from services.kit.events import ERASED
from services.kit.parked import Driven
from services.kit.sorting import Place, Received, Slice
from services.opportunities.handlers import HANDLERS, fold_contacts
from tests.problems import assert_problem
from tests.services.contacts.removal.test_erasure import MARK, places
from tests.services.elsewhere import event_of
from tests.services.opportunities.conftest import House, person

BLANK: dict[str, Any] = {"name": "", "title": None, "department": "OTHER", "level": "BASE"}


async def planted(house: House) -> tuple[str, str]:
    """A deal with somebody on its map of whom notes tell, as they told before too; gives deal and person."""
    told: dict[str, Any] = {"account_id": house.account, "name": f"Jane {MARK}", "title": f"Chief {MARK}"}
    id = await house.hear("contact", **told, department="USER", level="TOP")
    deal = (await house.deal())["id"]
    path = f"/v1/opportunities/{deal}/stakeholders"
    for number, stance in enumerate(("FRIEND", "SUPPORTER")):
        body = {"roles": ["USER"], "influence": "H", "stance": stance, "stance_reason": "PERSONAL_TRUST"}
        noted = body | {"stance_note": f"{MARK} {number}"}
        answer = await house.call("seller", "PUT", f"{path}/{id}", noted, if_match="*", key=f"k{number}")
        assert answer.is_success, answer.text
    whole = [person(id, "USER", "FRIEND", stance_note=f"{MARK} whole"), person(house.people[0], "APPROVER")]
    answer = await house.call("seller", "PUT", path, {"items": whole}, if_match="*", key="whole")
    assert answer.status_code == 200, answer.text
    return deal, id


async def test_nothing_is_left_on_maps_of_a_person_who_was_erased(house: House) -> None:
    deal, id = await planted(house)
    taken = (await house.deal())["id"]
    path = f"/v1/opportunities/{taken}/stakeholders/{id}"
    note = {"roles": ["USER"], "influence": "H", "stance_note": MARK}
    assert (await house.call("seller", "PUT", path, note)).status_code == 201
    assert (await house.call("seller", "DELETE", path, if_match="*")).status_code == 204
    assert {
        "contact.name",
        "stakeholder.stance_note",
        "journal.state",
        "idempotency_key.answer",
    } <= await places(house.url)
    for _ in range(2):
        await house.hear("contact", ERASED, 2, id=id, account_id=house.account, **BLANK)
    assert await places(house.url) == set()
    kept = (await house.call("seller", "GET", f"/v1/opportunities/{deal}/stakeholders/{id}")).json()
    assert (kept["stance"], kept["stance_note"], kept["stance_reason"]) == ("FRIEND", None, None)
    assert (await house.told(kept["id"]))[-1] == "stakeholder.updated"
    await house.hear("contact", "updated", 9, id=id, account_id=house.account, **BLANK | {"name": MARK})
    assert await places(house.url) == set()


@pytest.mark.parametrize(("actor", "asked"), [("sub:admin", 3), ("purge", 0)])
async def test_a_batch_of_people_who_are_gone_costs_as_much_as_one_and_a_purge_searches_nothing(
    house: House, actor: str, asked: int
) -> None:
    _, id = await planted(house)
    others = [await house.meet(f"{number} {MARK}") for number in range(20)]
    told: dict[str, Any] = {"account_id": house.account, **BLANK}
    gone = [event_of("contact", ERASED, 2, {"id": each, **told}, actor) for each in (id, *others)]
    statements: list[str] = []
    db = Database(house.url, name="tests", on_statement=statements.append)
    await db.open()
    try:
        async with db.transaction() as tx:
            await fold_contacts(tx, gone)
    finally:
        await db.close()
    searching = [text for text in statements if "idempotency_key" in text or "import_" in text]
    assert len(searching) == asked
    assert len(statements) - len(searching) == (
        6 if asked else 4
    )  # their names, texts; maps, notes, history, copies
    kept = {"idempotency_key.answer"}
    assert await places(house.url) == (set() if asked else kept)
    assert await house.rows("SELECT count(*) FROM erasure") == [(21 if asked else 0,)]


async def test_deals_and_notes_about_others_that_name_the_person_are_known_afterwards(house: House) -> None:
    deal, id = await planted(house)
    path = f"/v1/opportunities/{deal}"
    told = {"need_summary": f"jane {MARK} asks for it"}
    assert (await house.call("seller", "PATCH", path, told, if_match="*")).status_code == 200
    other = f"{path}/stakeholders/{house.people[1]}"
    note = {"roles": ["USER"], "influence": "H", "stance_note": f"Listens to Jane {MARK}"}
    stakeholder = (await house.call("seller", "PUT", other, note)).json()["id"]
    await house.hear("contact", ERASED, 2, id=id, account_id=house.account, **BLANK)
    house.statements.clear()
    left = await house.call("admin", "GET", f"/v1/contacts/{id}/erasure")
    assert len(house.statements) == 1
    assert left.json() == {
        "mentions_in_opportunities": [
            {"noun": "opportunities", "id": deal, "field": "need_summary", "past": False},
            {"noun": "stakeholders", "id": stakeholder, "field": "stance_note", "past": False},
        ],
        "more_in_opportunities": False,
    }
    assert_problem(await house.call("seller", "GET", f"/v1/contacts/{id}/erasure"), 403, "admin_only")
    unheard = f"/v1/contacts/{house.people[0]}/erasure"
    assert_problem(await house.call("admin", "GET", unheard), 404, "not_found")


async def test_former_names_are_shown_and_looked_for_and_go_with_the_person(house: House) -> None:
    deal, id = await planted(house)
    path = f"/v1/opportunities/{deal}"
    told = {"need_summary": f"jane {MARK} asks for it", "funding_source": f"Bob {MARK} knows"}
    assert (await house.call("seller", "PATCH", path, told, if_match="*")).status_code == 200
    state = BLANK | {"id": id, "account_id": house.account}
    names = (f"Bob {MARK}", "Jane Roe")
    renamed = [event_of("contact", "updated", n, state | {"name": name}) for n, name in enumerate(names, 2)]
    await house.deliver(*renamed)
    held = (await house.call("seller", "GET", f"/v1/contacts/{id}/personal-data")).json()
    known = held["known_to_opportunities"]
    assert (known["name"], known["former_names"]) == ("Jane Roe", [f"Jane {MARK}", f"Bob {MARK}"])
    mentions = [{"noun": "opportunities", "id": deal, "field": each, "past": False} for each in sorted(told)]
    assert held["mentions_in_opportunities"] == mentions
    assert "contact.former_names" in await places(house.url)
    await house.hear("contact", ERASED, 4, **state)
    left = (await house.call("admin", "GET", f"/v1/contacts/{id}/erasure")).json()
    assert left == {"mentions_in_opportunities": mentions, "more_in_opportunities": False}
    texts = {f"opportunity.{each}" for each in told}
    assert await places(house.url) == texts | {"journal.state", "journal.changed"}


async def test_notes_of_moves_and_products_that_name_the_person_are_found_whatever_is_in_the_name(
    house: House,
) -> None:
    name = 'O"Neil \\ 100%_'
    told: dict[str, Any] = BLANK | {"account_id": house.account, "name": name}
    id = await house.hear("contact", **told)
    deal = (await house.deal())["id"]
    assert (
        await house.move("seller", deal, "ENGAGEMENT", note=f"{name.lower()} wants it")
    ).status_code == 200
    body = {"name": "Pump", "series": f"as {name} calls it"}
    product = (await house.call("admin", "POST", "/v1/products", body)).json()["id"]
    await house.hear("contact", ERASED, 2, id=id, account_id=house.account, **BLANK)
    left = (await house.call("admin", "GET", f"/v1/contacts/{id}/erasure")).json()
    assert left["mentions_in_opportunities"] == [
        {"noun": "opportunities", "id": deal, "field": "moves", "past": False},
        {"noun": "products", "id": product, "field": "series", "past": False},
    ]


async def test_many_people_are_looked_for_together_each_by_their_own_names(house: House) -> None:
    names = {name: f"{name} Unheard" for name in ("Ann", "Bob", "Cid")}
    told: dict[str, dict[str, Any]] = {name: BLANK | {"name": names[name]} for name in names}
    ids = {name: await house.hear("contact", account_id=house.account, **told[name]) for name in names}
    elsewhere = await house.open_account("boss", name="Elsewhere")
    deals = {
        name: (await house.deal("boss", account_id=elsewhere, need_summary=names[name]))["id"]
        for name in ("Ann", "Bob")
    }
    erased = [
        event_of("contact", ERASED, 2, {"id": id, "account_id": house.account, **BLANK})
        for id in ids.values()
    ]
    async with await psycopg.AsyncConnection.connect(house.url) as session:
        await fold_contacts(session, erased)
    for name, id in ids.items():
        left = (await house.call("admin", "GET", f"/v1/contacts/{id}/erasure")).json()
        assert [each["id"] for each in left["mentions_in_opportunities"]] == [
            deals[each] for each in deals if each == name
        ]


async def test_who_is_one_of_too_many_is_looked_for_at_the_account_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mentions, "TOGETHER", 1)
    told: list[dict[str, Any]] = [BLANK | {"name": name} for name in ("Ann Roe", "Bob Roe")]
    ids = sorted([await house.hear("contact", account_id=house.account, **each) for each in told])
    elsewhere = await house.open_account("boss", name="Elsewhere")
    here = (await house.deal(need_summary="Ann Roe and Bob Roe ask"))["id"]
    there = [
        (await house.deal("boss", account_id=elsewhere, need_summary=each["name"]))["id"] for each in told
    ]
    erased = [event_of("contact", ERASED, 2, BLANK | {"id": id, "account_id": house.account}) for id in ids]
    async with await psycopg.AsyncConnection.connect(house.url) as session:
        await fold_contacts(session, erased)
    for id, found, more in zip(ids, ({here, there[0]}, {here}), (False, True), strict=True):
        left = (await house.call("admin", "GET", f"/v1/contacts/{id}/erasure")).json()
        assert {each["id"] for each in left["mentions_in_opportunities"]} == found
        assert left["more_in_opportunities"] is more


def received(house: House, fact: str, version: int, offset: int, id: str, **data: Any) -> Received:
    """An event about the person as a record of contacts' topic."""
    event = event_of("contact", fact, version, {"id": id, "account_id": house.account} | data)
    headers = [("ce_subject", f"contacts/{id}".encode()), ("ce_type", f"contact.{fact}.v1".encode())]
    value = str(data).encode()
    record = ConsumerRecord(
        "contacts.events", 0, 0, offset, 0, 0, b"key", value, headers, None, 3, len(value), 0
    )
    return Received(event, record, HANDLERS["contact"])


async def test_what_was_given_up_of_a_person_is_forgotten_though_nothing_is_parked_any_more(
    house: House,
) -> None:
    _, id = await planted(house)
    db = Database(house.url, name="tests")
    await db.open()
    place = TopicPartition("contacts.events", 0)
    broken = received(house, "updated", 2, 0, id, name=f"Jane {MARK} again", title={"not": MARK})
    gone = received(house, ERASED, 3, 1, id, **BLANK)
    try:
        delivery = Delivery("opportunities", db)
        await delivery.begin({place: 0})
        assert (await delivery.deliver([Slice(place, Place(0, 0), Place(1, 1), (broken,))])).parked == 1
        [found] = await parked.parked(db)
        driven = await parked.discard(db, HANDLERS, found.id, why="a test", by="somebody")
        assert driven == Driven(0, 0, None)
        assert {"parked_discarded.value", "parked_discarded.reason"} <= await places(house.url)
        assert (await delivery.deliver([Slice(place, Place(1, 1), Place(2, 2), (gone,))])).parked == 0
    finally:
        await db.close()
    assert await places(house.url) == set()


async def test_who_is_erased_does_not_wait_behind_a_parked_key(house: House) -> None:
    _, id = await planted(house)
    db = Database(house.url, name="tests")
    await db.open()
    place = TopicPartition("contacts.events", 0)
    try:
        delivery = Delivery("opportunities", db)
        await delivery.begin({place: 0})
        broken = received(house, "updated", 2, 0, id, name=f"Jane {MARK} again", title={"not": "a title"})
        behind = received(house, "updated", 3, 1, id, **BLANK | {"name": f"Jane {MARK} still"})
        gone = received(house, ERASED, 4, 2, id, **BLANK)
        for offset, one in enumerate((broken, behind, gone)):
            before, after = Place(offset, offset), Place(offset + 1, offset + 1)
            outcome = await delivery.deliver([Slice(place, before, after, (one,))])
            assert outcome.parked == 1
            if one is behind:
                assert {"parked_record.value", "contact.name"} <= await places(house.url)
    finally:
        await db.close()
    assert await places(house.url) == set()
    async with await psycopg.AsyncConnection.connect(house.url) as session:
        found = await session.execute(sql.SQL("SELECT count(*) FROM parked_record"))
        assert await found.fetchone() == (3,)
