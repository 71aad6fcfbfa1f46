"""The map of a deal, set as a whole."""

import asyncio

from services.opportunities.stakeholders.schemas import StakeholderList
from tests.services.elsewhere import NOWHERE
from tests.services.opportunities.conftest import House, contact, person


def path_of(deal: str) -> str:
    return f"/v1/opportunities/{deal}/stakeholders"


async def test_the_whole_map_is_drawn_at_once_and_each_person_told_once(house: House) -> None:
    deal = (await house.deal())["id"]
    items = [
        person(house.people[0], "DECISION_MAKER", "FRIEND"),
        person(house.people[1], "USER", "SUPPORTER/1"),
    ]
    drawn = await house.call("seller", "PUT", path_of(deal), {"items": items})
    assert drawn.status_code == 200, drawn.text
    rows = StakeholderList.model_validate_json(drawn.content).items
    assert {str(row.contact_id) for row in rows} == set(house.people[:2])
    assert drawn.headers["etag"] == '"2"'
    listed = await house.call("seller", "GET", path_of(deal))
    assert (listed.json(), listed.headers["etag"]) == (drawn.json(), '"2"')
    types = await house.rows("SELECT type FROM journal ORDER BY id")
    assert [row[0] for row in types][-3:] == [
        "stakeholder.mapped", "stakeholder.mapped", "opportunity_standing.updated",
    ]  # fmt: skip


async def test_only_who_changed_gets_a_version_and_an_event(house: House) -> None:
    deal = (await house.deal())["id"]
    first, second, third, fourth = house.people
    drawn = await house.draw(
        deal,
        person(first, "USER", "NEUTRAL"),
        person(second, "USER", "NEUTRAL"),
        person(third, "USER", "NEUTRAL"),
    )
    ids = {row["contact_id"]: row["id"] for row in drawn.json()["items"]}
    again = await house.draw(
        deal,
        person(first, "USER", "NEUTRAL"),
        person(second, "USER", "FRIEND"),
        person(fourth, "USER", "NEUTRAL"),
    )
    assert again.headers["etag"] == '"6"'
    assert await house.told(ids[first]) == ["stakeholder.mapped"]
    assert await house.told(ids[second]) == ["stakeholder.mapped", "stakeholder.stance_changed"]
    assert await house.told(ids[third]) == ["stakeholder.mapped", "stakeholder.deleted"]
    changed = await house.rows("SELECT changed FROM journal WHERE type = 'stakeholder.stance_changed'")
    assert changed == [({"stance": {"from": "NEUTRAL", "to": "FRIEND"}},)]
    back = await house.draw(deal, person(third, "USER", "NEUTRAL"))
    assert [row["id"] for row in back.json()["items"]] == [ids[third]]
    entries = await house.rows("SELECT count(*) FROM journal")
    same = await house.draw(deal, person(third, "USER", "NEUTRAL"))
    assert (same.content, same.headers["etag"]) == (back.content, back.headers["etag"])
    assert await house.rows("SELECT count(*) FROM journal") == entries


async def test_the_set_is_guarded_by_its_version(house: House) -> None:
    deal = (await house.deal())["id"]
    items = {"items": [person(house.people[0], "USER", "NEUTRAL")]}
    assert (await house.call("seller", "PUT", path_of(deal), items, if_match='"7"')).status_code == 412
    assert (await house.call("seller", "PUT", path_of(deal), items, if_match='"0"')).status_code == 200
    assert (await house.call("seller", "PUT", path_of(deal), items)).status_code == 428
    one = {"roles": ["USER"], "influence": "L"}
    await house.call("seller", "PUT", f"{path_of(deal)}/{house.people[1]}", one)
    late = await house.call("seller", "PUT", path_of(deal), items, if_match='"1"')
    assert (late.status_code, len(late.json()["current"]["items"]), late.headers["etag"]) == (412, 2, '"2"')
    emptied = await house.call("seller", "PUT", path_of(deal), {"items": []}, if_match='"2"')
    assert (emptied.json()["items"], emptied.headers["etag"]) == ([], '"4"')
    moved = await house.move("seller", deal, "ENGAGEMENT")
    assert moved.status_code == 200
    unmoved = await house.call("seller", "GET", path_of(deal))
    assert unmoved.headers["etag"] == '"4"', "a move of the deal is no change of its map"


async def test_of_two_who_draw_at_once_on_one_version_one_wins(house: House) -> None:
    deal = (await house.deal())["id"]
    bodies = [{"items": [person(each, "USER", "NEUTRAL")]} for each in house.people]
    answers = await asyncio.gather(
        *(house.call("seller", "PUT", path_of(deal), body, if_match='"0"') for body in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]


async def test_a_drawn_map_repeated_under_its_key_gives_the_first_answer(house: House) -> None:
    deal = (await house.deal())["id"]
    items = {"items": [person(house.people[0], "USER", "NEUTRAL")]}
    first = await house.call("seller", "PUT", path_of(deal), items, key="k")
    again = await house.call("seller", "PUT", path_of(deal), items, key="k")
    assert (again.status_code, again.content, again.headers["etag"]) == (200, first.content, '"1"')
    assert again.headers["idempotency-replayed"] == "true"


async def test_every_unknown_person_is_named_and_nothing_half_drawn(house: House) -> None:
    deal = (await house.deal())["id"]
    told = {n: v for n, v in contact("新人", NOWHERE, house.account).items() if n != "id"}
    fresh = house.contacts.tell("contacts", **told)
    items = [person(each, "USER", "NEUTRAL") for each in (house.people[0], NOWHERE, fresh)]
    refused = await house.call("seller", "PUT", path_of(deal), {"items": items})
    assert refused.status_code == 422
    assert [e["field"] for e in refused.json()["errors"]] == ["items.1.contact_id"]
    assert [(noun, sorted(ids)) for noun, _, ids in house.contacts.asked] == [
        ("contacts", sorted([NOWHERE, fresh]))
    ]
    assert await house.rows("SELECT count(*) FROM stakeholder") == [(0,)]
    house.contacts.asked.clear()
    drawn = await house.call("seller", "PUT", path_of(deal), {"items": [items[0], items[2]]})
    assert drawn.status_code == 200
    assert house.contacts.asked == []


async def test_people_on_the_map_need_not_be_seen_to_stay(house: House) -> None:
    deal = (await house.deal())["id"]
    outside = await house.meet("介绍人", await house.open_account("stranger"))
    drawn = await house.draw(deal, person(outside, "SPONSOR", "FRIEND"), who="admin")
    items = [person(outside, "SPONSOR", "FRIEND"), person(house.people[0], "USER", "NEUTRAL")]
    more = await house.call("seller", "PUT", path_of(deal), {"items": items}, if_match=drawn.headers["etag"])
    assert more.status_code == 200, more.text


async def test_a_whole_map_and_a_change_of_one_person_come_one_after_the_other(house: House) -> None:
    first, second = house.people[:2]
    for _ in range(5):
        deal = (await house.deal())["id"]
        drawn = await house.draw(deal, person(first, "USER", "NEUTRAL"), person(second, "USER", "NEUTRAL"))
        ids = {row["contact_id"]: row["id"] for row in drawn.json()["items"]}
        items = {"items": [person(first, "USER", "FRIEND"), person(second, "USER", "NEUTRAL")]}
        whole, one = await asyncio.gather(
            house.call("seller", "PUT", path_of(deal), items, if_match=drawn.headers["etag"]),
            house.call(
                "seller",
                "PUT",
                f"{path_of(deal)}/{first}",
                {"roles": ["USER"], "influence": "L"},
                if_match='"1"',
            ),
        )
        assert sorted((whole.status_code, one.status_code)) == [200, 412], (whole.text, one.text)
        won, lost = (whole, one) if whole.status_code == 200 else (one, whole)
        now = await house.call("seller", "GET", path_of(deal))
        present = (
            now.json()
            if lost is whole
            else next(row for row in now.json()["items"] if row["contact_id"] == first)
        )
        assert lost.json()["current"] == present
        assert won.json() in (now.json(), *now.json()["items"])
        assert await house.told(ids[second]) == ["stakeholder.mapped"]
        assert len(await house.told(ids[first])) == 2
