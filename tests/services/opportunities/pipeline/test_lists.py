"""Lists and sums of deals: filters, sorts, pages, and what they cost."""

from typing import Any, LiteralString

import psycopg
import pytest

from services.opportunities.pipeline.queries import OPPORTUNITIES
from tests.plans import plan_of
from tests.services.opportunities.conftest import House


async def listed(house: House, query: str, who: str = "seller") -> list[str]:
    answer = await house.call(who, "GET", f"/v1/opportunities?{query}")
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()["items"]]


async def four(house: House) -> dict[str, str]:
    """Deals a to d: of different amounts and days, some without, in different stages; their ids by name."""
    bodies: list[dict[str, Any]] = [
        {"name": "a", "amount": 300, "expected_close_on": "2027-01-03", "tactic": "FLANK"},
        {"name": "b", "amount": None, "expected_close_on": None, "currency": "CNY"},
        {"name": "c", "amount": 100, "expected_close_on": "2027-01-01", "account_id": None},
        {
            "name": "d",
            "amount": 200,
            "expected_close_on": "2027-01-02",
            "product_id": await house.sell("GTX"),
        },
    ]
    ids = {body["name"]: (await house.deal(**body))["id"] for body in bodies}
    await house.advance(ids["a"], "SHORTLIST")
    await house.move("seller", ids["d"], "LOST", reason_code="PRICE")
    return ids


async def test_deals_are_filtered_by_what_they_say(house: House) -> None:
    ids = await four(house)
    seller, today = house.members["seller"], "2020-01-01"
    product = (await house.call("seller", "GET", f"/v1/opportunities/{ids['d']}")).json()["product_id"]
    queries = {
        f"owner_id={seller}&stage=SHORTLIST": ["a"],
        "stage=TARGETING&status=OPEN": ["c", "b"],
        "status=LOST": ["d"],
        "status[ne]=OPEN&stage=TARGETING": ["d"],
        "stage[in]=SHORTLIST,TARGETING&status=OPEN": ["c", "b", "a"],
        "lost_reason=PRICE": ["d"],
        f"account_id={house.account}&status=OPEN": ["b", "a"],
        "account_id[null]=true": ["c"],
        "status[in]=OPEN,LOST&sort=expected_close_on": ["c", "d", "a", "b"],
        "status[in]=OPEN&sort=-amount&currency[ne]=CNY": ["a", "c"],
        f"owner_id={seller}&sort=-amount": ["a", "d", "c", "b"],
        f"product_id={product}": ["d"],
        "amount[gte]=200&sort=amount": ["d", "a"],
        "amount[null]=true&sort=-amount": ["b"],
        "currency=CNY&status=OPEN": ["b"],
        "expected_close_on[lt]=2027-01-03&sort=-expected_close_on": ["d", "c"],
        f"closed_on[gte]={today}&sort=-closed_on": ["d"],
        "tactic=FLANK&status=OPEN": ["a"],
        f"created_at[gt]={today}T00:00:00Z": ["d", "c", "b", "a"],
        "name[prefix]=A": ["a"],
        "q=b": ["b"],
    }
    for query, names in queries.items():
        assert await listed(house, query) == names, query


async def test_deals_are_sorted_with_the_unknown_last_in_both_directions(house: House) -> None:
    await four(house)
    sorts = {
        "amount": "cdab", "-amount": "adcb", "expected_close_on": "cdab", "-expected_close_on": "adcb",
        "name": "abcd", "-name": "dcba", "created_at": "abcd", "-created_at": "dcba", "-closed_on": "dcba",
        "-amount,name": "adcb", "expected_close_on,-amount": "cdab",
    }  # fmt: skip
    for sort, names in sorts.items():
        assert "".join(await listed(house, f"sort={sort}")) == names, sort


@pytest.mark.parametrize("sort", ["-created_at", "amount", "-expected_close_on", "name"])
async def test_pages_follow_each_other_without_gap_or_repetition(house: House, sort: str) -> None:
    await four(house)
    whole = await listed(house, f"sort={sort}")
    seen: list[str] = []
    query = f"/v1/opportunities?sort={sort}&limit=1"
    path = query
    while True:
        page = (await house.call("seller", "GET", path)).json()
        seen += [row["name"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        path = f"{query}&cursor={page['next_cursor']}"
    assert seen == whole


@pytest.mark.parametrize(
    "query",
    [
        "stage=WON", "owner_id=me", "amount=NaN", "amount[gt]=1e3", "expected_close_on=soon", "colour=red", "limit=0",
        "limit=201", "sort=owner_id", "sort=amount,name", "tactic=FLANK", "fields=moves",
        "cursor=x", "stage[gt]=BIDDING", "name=%00", "count=yes",
        "created_at=2026-01-01", "limit=1&limit=2",
    ],
)  # fmt: skip
async def test_a_list_refuses_what_it_does_not_know(house: House, query: str) -> None:
    answer = await house.call("seller", "GET", f"/v1/opportunities?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_deals_are_summed_up_under_the_lists_filters(house: House) -> None:
    await four(house)
    seller = house.members["seller"]
    lines = (await house.call("seller", "GET", "/v1/opportunities/summary")).json()["items"]
    assert lines == [
        _line("SHORTLIST", "OPEN", seller, "USD", 1, 300),
        _line("TARGETING", "LOST", seller, "USD", 1, 200),
        _line("TARGETING", "OPEN", seller, "CNY", 1, None),
        _line("TARGETING", "OPEN", seller, "USD", 1, 100),
    ]
    by_status = await house.call("seller", "GET", "/v1/opportunities/summary?by=status")
    assert by_status.json()["items"] == [
        {"status": "LOST", "currency": "USD", "count": 1, "amount": 200},
        {"status": "OPEN", "currency": "CNY", "count": 1, "amount": None},
        {"status": "OPEN", "currency": "USD", "count": 2, "amount": 400},
    ]
    some = await house.call("boss", "GET", "/v1/opportunities/summary?by=currency&status=OPEN&amount[gt]=0")
    assert some.json()["items"] == [{"currency": "USD", "count": 2, "amount": 400}]


def _line(
    stage: str, status: str, owner: str, currency: str, count: int, amount: int | None
) -> dict[str, Any]:
    told = {"stage": stage, "status": status, "owner_id": owner, "currency": currency}
    return told | {"count": count, "amount": amount}


@pytest.mark.parametrize(
    "query", ["by=name", "by=stage,stage", "by=stage&by=status", "limit=1", "sort=name", "x=1"]
)
async def test_sums_refuse_what_they_do_not_know(house: House, query: str) -> None:
    answer = await house.call("seller", "GET", f"/v1/opportunities/summary?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, query.partition("=")[0])


async def test_sums_are_exact_beyond_what_one_deal_may_come_to(house: House) -> None:
    for _ in range(2):
        await house.deal(amount=2**53 - 1)
    lines = (await house.call("seller", "GET", "/v1/opportunities/summary?by=currency")).json()["items"]
    assert lines == [{"currency": "USD", "count": 2, "amount": 2 * (2**53 - 1)}]


MANY: LiteralString = """
INSERT INTO opportunity (id, version, partition_key, created_at, created_by, updated_at, updated_by, name, owner_id,
                         account_id, stage, status, currency, budget_status, go_decision, award_status,
                         no_known_competitor)
SELECT uuidv7(), 1, uuidv7(), now() - n * interval '1 s', 'x', now(), 'x', 'deal ' || n, %(owner)s::uuid,
       %(account)s::uuid, (ARRAY['TARGETING','ENGAGEMENT','SHORTLIST','BIDDING','CONTRACTING'])[1 + n %% 5], 'OPEN',
       'USD', 'UNKNOWN', 'PENDING', 'NONE', false
FROM generate_series(1, 5000) n"""


@pytest.mark.parametrize("who", ["seller", "boss", "executive"])
async def test_a_list_by_stage_and_owner_reads_no_more_than_it_shows(house: House, who: str) -> None:
    seller = house.members["seller"]
    async with await psycopg.AsyncConnection.connect(house.url, autocommit=True) as session:
        await session.execute(MANY, {"owner": seller, "account": house.account})
        await session.execute("ANALYZE")
    query = [("stage", "BIDDING"), ("owner_id", seller), ("limit", "50")]
    plan = await plan_of(house.url, OPPORTUNITIES, house.callers.viewers[who], query)
    assert plan.indexes("opportunity") == {"opportunity_owner"}
    assert plan.rows("opportunity") <= 51
