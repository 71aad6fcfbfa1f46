"""Lists of activities: filters, sorts and pages."""

from itertools import pairwise
from typing import Any

import pytest

from services.kit.ids import new_id
from tests.services.activities.conftest import House
from tests.services.elsewhere import event_of


async def made_on(house: House, *days: int) -> list[str]:
    return [
        (await house.make("seller", planned_start_at=f"2030-05-{day:02}T08:00:00Z"))["id"] for day in days
    ]


async def ids(house: House, query: str, who: str = "seller") -> list[str]:
    answer = await house.call(who, "GET", f"/v1/activities?{query}")
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["items"]]


async def test_the_latest_come_first_unless_asked_otherwise(house: House) -> None:
    second, first, third = await made_on(house, 2, 1, 3)
    assert await ids(house, "") == [third, second, first]
    assert await ids(house, "sort=starts_at") == [first, second, third]
    assert await ids(house, "sort=-created_at") == [third, first, second]
    assert await ids(house, "starts_at[gte]=2030-05-02T00:00:00Z&starts_at[lt]=2030-05-03T00:00:00Z") == [
        second
    ]


async def test_what_is_done_is_sorted_by_when_it_began(house: House) -> None:
    [planned] = await made_on(house, 1)
    done = await house.make("seller", status="DONE", planned_start_at="2031-01-01T00:00:00Z")
    assert await ids(house, "sort=starts_at") == [done["id"], planned]


@pytest.mark.parametrize("who", ["seller", "teammate", "admin"])
@pytest.mark.parametrize("sort", ["starts_at", "-starts_at", "created_at", "-created_at"])
async def test_pages_follow_each_other_without_gaps(house: House, who: str, sort: str) -> None:
    made = await made_on(house, 1, 1, 1, 2, 2)
    pages: list[dict[str, Any]] = [{"items": [], "next_cursor": None}]
    for _ in range(3):
        cursor = f"&cursor={pages[-1]['next_cursor']}" if pages[-1]["next_cursor"] else ""
        page = await house.call(who, "GET", f"/v1/activities?sort={sort}&limit=2{cursor}")
        pages.append(page.json())
    assert pages[-1]["next_cursor"] is None
    seen = [row["id"] for page in pages for row in page["items"]]
    assert sorted(seen) == sorted(made)
    rows = {row["id"]: row for row in (await house.call(who, "GET", "/v1/activities")).json()["items"]}
    field = sort.removeprefix("-")
    keys = [(rows[id][field], id) for id in seen]
    assert all((a > b) if sort[0] == "-" else (a < b) for a, b in pairwise(keys))


async def test_few_and_many_accounts_list_the_same(house: House) -> None:
    await made_on(house, 3, 1, 2, 2)
    await house.make("teammate", account_id=None)
    await house.make("seller", account_id=None)
    queries = ["", "limit=2", "sort=starts_at&limit=3", "status=PLANNED&two_way=false&sort=starts_at"]
    few = [await ids(house, query) for query in queries]
    told: dict[str, Any] = {"name": "多", "owner_id": house.members["seller"], "team": [], "external_ids": {}}
    many = [event_of("account", "created", 1, told | {"id": str(new_id())}) for _ in range(200)]
    await house.handle("account", many)
    assert [len(found) for found in few] == [5, 2, 3, 5]
    assert [await ids(house, query) for query in queries] == few


async def test_filters_combine(house: House) -> None:
    call = await house.make("seller", type="CALL", two_way=True, status="DONE")
    visit = await house.make("teammate", opportunity_id=house.deal)
    assert await ids(house, "type=CALL") == [call["id"]]
    assert await ids(house, "type[in]=CALL,VISIT&status=DONE") == [call["id"]]
    assert await ids(house, f"opportunity_id={house.deal}") == [visit["id"]]
    assert await ids(house, "opportunity_id[null]=true&two_way=true&status=DONE") == [call["id"]]
    assert await ids(house, f"owner_id={house.members['teammate']}&account_id={house.account}") == [
        visit["id"]
    ]


async def test_a_cursor_belongs_to_its_list(house: House) -> None:
    await made_on(house, 1, 2, 3)
    page = (await house.call("seller", "GET", "/v1/activities?limit=1")).json()
    answer = await house.call(
        "seller", "GET", f"/v1/activities?limit=1&type=VISIT&cursor={page['next_cursor']}"
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_lookup_finds_by_id_and_by_another_systems_id(house: House) -> None:
    one = await house.make("seller", external_ids={"crm": "1"})
    other = await house.make("seller")
    wanted = {
        "ids": [other["id"]],
        "external_ids": [{"source": "crm", "id": "1"}, {"source": "crm", "id": "2"}],
    }
    answer = await house.call("seller", "POST", "/v1/activities/lookup", wanted)
    assert sorted(row["id"] for row in answer.json()["items"]) == sorted([one["id"], other["id"]])
