"""What is heard of other services, and what it does to maps of people; everything twice with one effect."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from services.kit.db import Database
from services.kit.ids import new_id
from services.opportunities.handlers import fold_activities
from services.opportunities.main import SERVICE
from services.opportunities.stakeholders.due import DueStandings
from tests.apis import settings_for
from tests.services.elsewhere import event_of
from tests.services.opportunities.conftest import House, person

NOW = datetime.now(UTC)


def meeting(*people: str, id: str | None = None, days_ago: float = 1, **more: Any) -> dict[str, Any]:
    """What activities tells of a meeting with people of the customer."""
    told = {
        "id": id or str(new_id()), "type": "VISIT", "status": "DONE", "account_id": None, "opportunity_id": None,
        "owner_id": str(new_id()), "contact_ids": list(people), "our_attendees": [], "two_way": True, "minutes": 60,
        "started_at": (NOW - timedelta(days=days_ago)).isoformat(), "planned_start_at": None, "important": None,
    }  # fmt: skip
    return told | more


async def supported(house: House) -> str:
    """A deal with a decision maker, an evaluator and a user who are for us, and nobody linked."""
    deal = (await house.deal())["id"]
    roles = ("DECISION_MAKER", "EVALUATOR", "USER")
    await house.draw(
        deal, *(person(one, role, "SUPPORTER") for one, role in zip(house.people, roles, strict=False))
    )
    return deal


async def network(house: House, deal: str) -> str:
    """The network as the standing has it, which is what it is computed afresh."""
    kept = await house.rows("SELECT network FROM opportunity_standing WHERE id = %s", deal)
    fresh = await house.call("seller", "GET", f"/v1/opportunities/{deal}/relationship")
    assert fresh.json()["network"] == kept[0][0]
    return kept[0][0]


async def events_of_standing(house: House, deal: str) -> int:
    return (await house.told(deal)).count("opportunity_standing.updated")


async def test_a_meeting_done_with_two_supporters_is_an_edge(house: House) -> None:
    deal = await supported(house)
    before = await events_of_standing(house, deal)
    first = event_of("activity", "completed", 1, meeting(*house.people[:2]))
    await house.deliver(first)
    assert await network(house, deal) == "PARTIAL"
    await house.deliver(first)
    assert await events_of_standing(house, deal) == before + 1, "the same once more tells nothing"
    await house.deliver(event_of("activity", "completed", 1, meeting(*house.people[1:3])))
    assert await network(house, deal) == "FORMED"
    actors = await house.rows(
        "SELECT actor FROM journal WHERE aggregate = 'opportunity_standing' ORDER BY id DESC LIMIT 1"
    )
    assert actors == [("service:opportunities",)]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "PLANNED", "started_at": None},
        {"status": "MISSED", "started_at": None},
        {"started_at": (NOW - timedelta(days=181)).isoformat()},
        {"contact_ids": []},
    ],
)
async def test_what_was_not_done_together_lately_links_nobody(house: House, change: dict[str, Any]) -> None:
    deal = await supported(house)
    before = await events_of_standing(house, deal)
    await house.hear("activity", "completed", **(meeting(*house.people[:2]) | change))
    assert await network(house, deal) == "NONE"
    assert await events_of_standing(house, deal) == before


async def test_a_meeting_with_one_of_them_links_nobody(house: House) -> None:
    deal = await supported(house)
    await house.hear("activity", "completed", **meeting(house.people[0]))
    await house.hear("activity", "completed", **meeting(house.people[0], await house.meet("外人")))
    assert await network(house, deal) == "NONE"


async def test_a_meeting_corrected_or_deleted_is_an_edge_no_longer(house: House) -> None:
    deal = await supported(house)
    told = meeting(*house.people[:2])
    await house.hear("activity", "completed", 1, **told)
    await house.hear("activity", "updated", 2, **(told | {"contact_ids": [house.people[0]]}))
    assert await network(house, deal) == "NONE"
    await house.hear("activity", "completed", 1, **told)
    assert await network(house, deal) == "NONE", "what is older than what is known changes nothing"
    await house.hear("activity", "updated", 3, **told)
    assert await network(house, deal) == "PARTIAL"
    await house.hear("activity", "deleted", 4, **told)
    assert await network(house, deal) == "NONE"


async def test_one_batch_of_many_meetings_tells_each_deal_once(house: House) -> None:
    deals = [await supported(house) for _ in range(3)]
    before = [await events_of_standing(house, deal) for deal in deals]
    house.statements.clear()
    batch = [event_of("activity", "completed", 1, meeting(*house.people[n : n + 2])) for n in (0, 1, 0, 1)]
    later = meeting(*house.people[:3], id=str(batch[0].subject_id))
    await house.deliver(*batch, event_of("activity", "updated", 2, later))
    for deal, count in zip(deals, before, strict=True):
        assert await network(house, deal) == "FORMED"
        assert await events_of_standing(house, deal) == count + 1


async def test_an_alliance_is_an_edge_until_it_ends(house: House) -> None:
    deal = await supported(house)
    told = {
        "id": str(new_id()),
        "from_contact_id": house.people[1],
        "to_contact_id": house.people[0],
        "kind": "ALLY",
    }
    for _ in range(2):
        await house.hear("contact_link", "created", 1, **told)
        assert await network(house, deal) == "PARTIAL"
    await house.hear("contact_link", "created", 1, **(told | {"id": str(new_id()), "kind": "CONFLICT"}))
    await house.hear("contact_link", "deleted", 2, **told)
    assert await network(house, deal) == "NONE"


async def test_closed_deals_stay_as_they_ended(house: House) -> None:
    deal = await supported(house)
    await house.move("seller", deal, "ABANDONED", reason_code="NO_BUDGET")
    before = await house.told(deal)
    await house.hear("activity", "completed", **meeting(*house.people[:2]))
    assert await house.told(deal) == before
    await house.move("seller", deal, "TARGETING", note="again")
    assert await network(house, deal) == "PARTIAL"


async def test_who_comes_onto_the_map_later_is_linked_by_what_was_before(house: House) -> None:
    deal = await supported(house)
    await house.hear("activity", "completed", **meeting(house.people[0], house.people[3]))
    one = {"roles": ["USER"], "influence": "H", "stance": "FRIEND"}
    path = f"/v1/opportunities/{deal}/stakeholders/{house.people[3]}"
    await house.call("seller", "PUT", path, one)
    assert await network(house, deal) == "PARTIAL"
    await house.call("seller", "DELETE", path, if_match="*")
    assert await network(house, deal) == "NONE"


async def test_a_link_and_a_person_that_appear_at_once_find_each_other(house: House) -> None:
    deal = await supported(house)
    path = f"/v1/opportunities/{deal}/stakeholders/{house.people[3]}"
    one = {"roles": ["USER"], "influence": "H", "stance": "FRIEND"}
    async with await psycopg.AsyncConnection.connect(house.url, options="-c timezone=UTC") as session:
        await fold_activities(
            session, [event_of("activity", "completed", 1, meeting(house.people[0], house.people[3]))]
        )
        putting = asyncio.create_task(house.call("seller", "PUT", path, one))
        await asyncio.sleep(0.3)
        assert not putting.done(), "the map waits for what is being learnt about the person"
        await session.commit()
    assert (await putting).status_code == 201
    assert await network(house, deal) == "PARTIAL"


async def test_links_fade_when_their_time_has_come(house: House) -> None:
    deal = await supported(house)
    await house.hear("activity", "completed", **meeting(*house.people[:2], days_ago=179))
    assert await network(house, deal) == "PARTIAL"
    found = await house.rows("SELECT valid_until FROM opportunity_standing WHERE id = %s", deal)
    assert timedelta(0) < found[0][0] - NOW <= timedelta(days=2)
    settings = settings_for(SERVICE, house.url)
    db = Database(house.url, name="test")
    await db.open()
    due = DueStandings(settings, db)
    assert await due.work() == 0
    await house.rows(
        "WITH past AS (UPDATE joint_activity SET happened_at = now() - interval '190 days'),"
        " due AS (UPDATE opportunity_standing SET valid_until = now() - interval '1 minute') SELECT 1"
    )
    assert await due.work() == 1
    assert await due.work() == 0
    await db.close()
    assert await network(house, deal) == "NONE"
    assert await house.rows("SELECT valid_until FROM opportunity_standing WHERE id = %s", deal) == [(None,)]


async def test_copies_are_kept_at_their_newest_and_decide_who_sees(house: House) -> None:
    deal = await house.deal()
    path = f"/v1/opportunities/{deal['id']}"
    told: dict[str, Any] = {
        "id": house.account,
        "name": "云山",
        "owner_id": house.members["stranger"],
        "team": [],
        "external_ids": {},
    }
    for _ in range(2):
        await house.hear("account", "updated", 5, **told)
        assert (await house.call("stranger", "GET", path)).status_code == 200
    await house.hear("account", "updated", 4, **(told | {"owner_id": None}))
    assert (await house.call("stranger", "GET", path)).status_code == 200
    await house.hear("account", "deleted", 6, **told)
    assert (await house.call("stranger", "GET", path)).status_code == 404
    assert (await house.call("admin", "GET", f"/v1/accounts/{house.account}/view")).status_code == 404


async def test_a_move_in_the_reporting_line_moves_sight(house: House) -> None:
    deal = await house.deal(account_id=None)
    path = f"/v1/opportunities/{deal['id']}"
    told = {"id": house.members["seller"], "name": "S", "email": "seller@example.com", "function": "SALES"}
    await house.hear(
        "member", "updated", 2, **told, active=True, manager_id=house.members["stranger"], external_ids={}
    )
    assert (await house.call("stranger", "GET", path)).status_code == 200
    assert (await house.call("boss", "GET", path)).status_code == 404


async def test_what_more_others_tell_is_passed_over(house: House) -> None:
    deal = await supported(house)
    await house.hear("activity", "completed", **meeting(*house.people[:2], weather="fine"))
    assert await network(house, deal) == "PARTIAL"
