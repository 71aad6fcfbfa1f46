"""Deals come from the sample's file with the days they moved; what people do with them afterwards stays done."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from services.kit.clients import AsyncClient
from services.kit.ids import new_id
from services.kit.profiles import Telling
from services.opportunities.main import SERVICE
from services.opportunities.pipeline.imports import POSITIONS as READ
from services.opportunities.pipeline.imports import course
from tests.apis import Callers, api_of, as_, callers, prepared
from tests.conftest import DatabaseUrl
from tests.services.importing import Importer, by_source, everything, right, rows_of
from tests.services.opportunities.conftest import House, Owners, contact, member

DEALS = "sales_pipeline.csv"
TOLD = rows_of(DEALS)
POSITIONS = {"Prospecting": "TARGETING", "Engaging": "ENGAGEMENT", "Won": "WON", "Lost": "LOST"}
SELLERS = {row["sales_agent"]: str(new_id()) for row in rows_of("sales_teams.csv")}
ACCOUNTS = {row["account"]: str(new_id()) for row in rows_of("accounts.csv")}


def known(url: str) -> None:
    """Makes a database in which the sample's sellers, accounts and products are known."""
    _play(url, _know)


def imported(url: str) -> None:
    """Makes a database into which all of the sample has been imported."""
    _play(url, _import)


def _play(url: str, scene: Any) -> None:
    prepared(SERVICE)(url)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, scene(url)).result()


async def _know(url: str) -> None:
    house = _house(url, AsyncClient(), callers())
    for name, id in SELLERS.items():
        await house.hear("member", **seller(name, id))
    for name, id in ACCOUNTS.items():
        await house.hear("account", **account(name, id))
    async with api_of(SERVICE, url, callers()) as client:
        await Importer(SERVICE, client, url).file("products", "products.csv")


async def _import(url: str) -> None:
    await _know(url)
    async with api_of(SERVICE, url, callers()) as client:
        await Importer(SERVICE, client, url).file("opportunities", DEALS)


def seller(name: str, id: str) -> dict[str, Any]:
    """What contacts tells of a member of the sample."""
    told: dict[str, Any] = member(name.replace(" ", "."), id, None)
    return told | {"external_ids": {"maven-crm": name}}


def account(name: str, id: str) -> dict[str, Any]:
    """What contacts tells of an account of the sample."""
    return {"id": id, "name": name, "owner_id": None, "team": [], "external_ids": {"maven-crm": name}}


def _house(url: str, client: AsyncClient, judge: Callers) -> House:
    return House(client, judge, Owners(), [], url, dict(SELLERS))


async def _opened(url: str) -> AsyncGenerator[House]:
    judge = callers()
    for name, id in SELLERS.items():
        judge.add(name, "rep", member_id=UUID(id))
    async with api_of(SERVICE, url, judge) as client:
        yield _house(url, client, judge)


@pytest.fixture
async def house(database_url: DatabaseUrl) -> AsyncIterator[House]:
    """Opportunities that knows the sample's sellers, accounts and products, and no deal."""
    async for opened in _opened(database_url("known", known)):
        yield opened


@pytest.fixture
async def sample(database_url: DatabaseUrl) -> AsyncIterator[House]:
    """Opportunities with all of the sample in it."""
    async for opened in _opened(database_url("imported", imported)):
        yield opened


def importer_of(house: House) -> Importer:
    return Importer(SERVICE, house.client, house.url)


async def rows(house: House, query: str, *values: Any) -> list[dict[str, Any]]:
    async with await psycopg.AsyncConnection.connect(house.url) as other:
        return await (await other.cursor(row_factory=dict_row).execute(query.encode(), values)).fetchall()


async def deal_of(house: House, external_id: str) -> dict[str, Any]:
    """The deal that the sample calls so, with its moves."""
    query = "SELECT r.*, r.id::text AS key FROM opportunity r WHERE r.external_ids ->> 'maven-crm' = %s"
    return (await rows(house, query, external_id))[0]


async def standing_of(house: House, deal: Mapping[str, Any]) -> dict[str, Any]:
    return (await rows(house, "SELECT * FROM opportunity_standing WHERE id = %s", deal["id"]))[0]


def dated(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def line(**cells: str) -> dict[str, str]:
    """A row of such a file: an open deal in ENGAGEMENT."""
    return {
        "opportunity_id": "D1",
        "sales_agent": "Moses Frase",
        "product": "GTX Basic",
        "account": "Cancity",
        "deal_stage": "Engaging",
        "engage_date": "2017-03-01",
        "close_date": "",
        "close_value": "",
    } | cells


# The figures of the file


async def test_the_figures_are_the_files(sample: House) -> None:
    groups = Counter((POSITIONS[row["deal_stage"]]) for row in TOLD)
    won = sum(int(row["close_value"]) for row in TOLD if row["deal_stage"] == "Won")
    assert groups == {"WON": 4238, "LOST": 2473, "ENGAGEMENT": 1589, "TARGETING": 500}
    assert won == 10_005_534
    answer = await sample.client.get("/v1/opportunities/summary?by=stage,status", headers=as_("admin"))
    found = {(each["stage"], each["status"]): each for each in answer.json()["items"]}
    assert {key: each["count"] for key, each in found.items()} == {
        ("ENGAGEMENT", "WON"): groups["WON"],
        ("ENGAGEMENT", "LOST"): groups["LOST"],
        ("ENGAGEMENT", "OPEN"): groups["ENGAGEMENT"],
        ("TARGETING", "OPEN"): groups["TARGETING"],
    }
    assert {each["currency"] for each in found.values()} == {"USD"}
    assert found["ENGAGEMENT", "WON"]["amount"] == won * 100
    assert {each["amount"] for key, each in found.items() if key[1] != "WON"} == {None}


async def test_every_deal_is_its_row(sample: House) -> None:
    query = "SELECT r.*, p.name AS product FROM opportunity r JOIN product p ON p.id = r.product_id"
    deals = {row["external_ids"]["maven-crm"]: row for row in await rows(sample, query)}
    assert set(deals) == {row["opportunity_id"] for row in TOLD}
    for row in TOLD:
        deal, product, position = (
            deals[row["opportunity_id"]],
            right(row["product"]),
            POSITIONS[row["deal_stage"]],
        )
        assert deal["name"] == (f"{product} - {row['account']}" if row["account"] else product)
        assert deal["product"] == product
        assert str(deal["owner_id"]) == SELLERS[row["sales_agent"]]
        at = ACCOUNTS[row["account"]] if row["account"] else None
        assert (deal["account_id"] and str(deal["account_id"])) == at
        assert deal["amount"] == (int(row["close_value"]) * 100 if position == "WON" else None)
        assert deal["stage_entered_on"] == dated(row["engage_date"])
        assert deal["closed_on"] == dated(row["close_date"])
        assert (deal["stage_entered_at"], deal["closed_at"]) == (None, None)
        assert deal["lost_reason"] == ("UNKNOWN" if position == "LOST" else None)
        assert deal["partition_key"] == (deal["account_id"] or deal["id"])
    assert sum(deal["account_id"] is None for deal in deals.values()) == 1425


async def test_moves_are_those_that_the_file_knows(sample: House) -> None:
    won = next(row for row in TOLD if row["deal_stage"] == "Won")
    deal = await deal_of(sample, won["opportunity_id"])
    answer = await sample.client.get(f"/v1/opportunities/{deal['key']}/moves", headers=as_("admin"))
    days = (date.fromisoformat(won["close_date"]) - date.fromisoformat(won["engage_date"])).days
    same = {"reason_code": None, "note": None, "moved_at": None, "moved_by": "sub:admin", "imported": True}
    assert answer.json()["items"] == [
        same
        | {"origin": "TARGETING", "to": "ENGAGEMENT", "stage": "ENGAGEMENT", "status": "OPEN"}
        | {"moved_on": won["engage_date"], "origin_minutes": None},
        same
        | {"origin": "ENGAGEMENT", "to": "WON", "stage": "ENGAGEMENT", "status": "WON"}
        | {"moved_on": won["close_date"], "origin_minutes": days * 24 * 60},
    ]
    counted = await rows(
        sample,
        "SELECT status, stage, jsonb_array_length(moves) AS moves, count(*) AS deals FROM opportunity GROUP BY 1, 2, 3",
    )
    assert {(row["status"], row["stage"], row["moves"]) for row in counted} == {
        ("OPEN", "TARGETING", 0),
        ("OPEN", "ENGAGEMENT", 1),
        ("WON", "ENGAGEMENT", 2),
        ("LOST", "ENGAGEMENT", 2),
    }


async def test_every_deal_and_every_standing_is_told_once(sample: House) -> None:
    told = await rows(
        sample,
        "SELECT type, version, imported, actor, count(*) AS rows, count(DISTINCT aggregate_id) AS deals FROM journal"
        " WHERE aggregate NOT IN ('product', 'sight') GROUP BY 1, 2, 3, 4 ORDER BY 1",
    )
    same = {"version": 1, "imported": True, "actor": "sub:admin", "rows": 8800, "deals": 8800}
    assert told == [{"type": "opportunity.created"} | same, {"type": "opportunity_standing.created"} | same]
    queued = await rows(
        sample,
        "SELECT count(*) AS queued FROM journal_queue q JOIN journal j USING (id) WHERE j.aggregate <> 'sight'",
    )
    assert queued[0]["queued"] == 2 * 8800 + 7


async def test_an_imported_deal_stands_as_one_that_was_opened_and_moved(sample: House) -> None:
    by_hand: dict[str, dict[str, Any]] = {}
    owner = next(iter(SELLERS))
    for to in ("TARGETING", "ENGAGEMENT", "LOST"):
        made = (await sample.call(owner, "POST", "/v1/opportunities", {"name": "By hand"})).json()
        if to != "TARGETING":
            await sample.move(owner, made["id"], "ENGAGEMENT")
        if to == "LOST":
            await sample.move(owner, made["id"], "LOST", reason_code="PRICE")
        by_hand[to] = await standing_of(sample, made)
    for name, position in (("Prospecting", "TARGETING"), ("Engaging", "ENGAGEMENT"), ("Lost", "LOST")):
        row = next(row for row in TOLD if row["deal_stage"] == name)
        told = await standing_of(sample, await deal_of(sample, row["opportunity_id"]))
        apart = {"id", "version", "partition_key", "created_at", "created_by", "updated_at", "updated_by"}
        assert {n: v for n, v in told.items() if n not in apart} == {
            n: v for n, v in by_hand[position].items() if n not in apart
        }
    won = next(row for row in TOLD if row["deal_stage"] == "Won")
    assert (await standing_of(sample, await deal_of(sample, won["opportunity_id"])))["probability"] == 100


async def test_every_slip_is_told(house: House) -> None:
    told = TOLD[:300]
    job = await importer_of(house).rows("opportunities", told)
    slips = [n for n, row in enumerate(told, start=2) if row["product"] == "GTXPro"]
    assert slips
    said = "product: 'GTXPro' is read as 'GTX Pro'"
    assert await importer_of(house).report("opportunities", job) == [(n, "MENDED", said) for n in slips]


async def test_owners_of_open_deals_see_the_account(sample: House) -> None:
    seats = await rows(
        sample, "SELECT account_id::text, member_id::text FROM account_seat WHERE source = 'DEAL'"
    )
    expected = {
        (ACCOUNTS[row["account"]], SELLERS[row["sales_agent"]])
        for row in TOLD
        if row["account"] and row["deal_stage"] in ("Prospecting", "Engaging")
    }
    assert {(seat["account_id"], seat["member_id"]) for seat in seats} == expected


# Again, and after people


async def test_twice_changes_nothing(sample: House) -> None:
    query = (
        "SELECT (SELECT count(*) FROM journal) AS entries,"
        " (SELECT md5(string_agg(r::text, '' ORDER BY id)) FROM opportunity r) AS deals"
    )
    before = await rows(sample, query)
    job = await importer_of(sample).file("opportunities", DEALS)
    assert job["counts"] == {"read": 8800, "created": 0, "updated": 0, "unchanged": 8800, "refused": 0}
    assert await rows(sample, query) == before


async def test_a_deal_that_a_person_moved_stays_moved(sample: House) -> None:
    row = next(row for row in TOLD if row["deal_stage"] == "Engaging" and row["account"])
    deal = await deal_of(sample, row["opportunity_id"])
    moved = await sample.move(row["sales_agent"], deal["key"], "SHORTLIST")
    assert moved.status_code == 200, moved.text
    edit = {"name": "A name of its own", "amount": 123}
    await sample.call(row["sales_agent"], "PATCH", f"/v1/opportunities/{deal['key']}", edit, if_match="*")
    entries = "SELECT count(*) AS entries FROM journal"
    before = await rows(sample, entries)
    job = await importer_of(sample).file("opportunities", DEALS)
    assert job["counts"]["unchanged"] == 8800
    again = await deal_of(sample, row["opportunity_id"])
    assert (again["stage"], again["status"], again["name"], again["amount"]) == (
        "SHORTLIST",
        "OPEN",
        edit["name"],
        123,
    )
    assert await rows(sample, entries) == before


async def test_a_deal_without_account_goes_as_far_as_the_file_says(house: House) -> None:
    await importer_of(house).rows(
        "opportunities", [line(account="", deal_stage="Won", close_date="2017-05-01", close_value="10")]
    )
    deal = await deal_of(house, "D1")
    assert (deal["account_id"], deal["status"], deal["name"], deal["amount"]) == (
        None,
        "WON",
        "GTX Basic",
        1000,
    )


async def test_the_file_goes_on_from_where_people_have_moved_the_deal(house: House) -> None:
    await importer_of(house).rows("opportunities", [line()])
    deal = await deal_of(house, "D1")
    moved = await house.move("Moses Frase", deal["key"], "SHORTLIST")
    assert moved.status_code == 200, moved.text
    job = await importer_of(house).rows(
        "opportunities", [line(deal_stage="Won", close_date="2017-05-01", close_value="550")]
    )
    assert job["counts"]["updated"] == 1
    deal = await deal_of(house, "D1")
    assert (deal["stage"], deal["status"], deal["amount"]) == ("SHORTLIST", "WON", 55000)
    assert deal["closed_on"] == date(2017, 5, 1)
    assert [(move["origin"], move["to"], move["imported"]) for move in deal["moves"]] == [
        ("TARGETING", "ENGAGEMENT", True),
        ("ENGAGEMENT", "SHORTLIST", False),
        ("SHORTLIST", "WON", True),
    ]
    told = await rows(
        house, "SELECT type, imported FROM journal WHERE aggregate_id = %s ORDER BY id", deal["id"]
    )
    assert [(each["type"], each["imported"]) for each in told if "standing" not in each["type"]] == [
        ("opportunity.created", True),
        ("opportunity.stage_changed", False),
        ("opportunity.closed", True),
    ]
    standing = await standing_of(house, deal)
    assert (standing["probability"], standing["valid_until"]) == (100, None)
    assert await rows(house, "SELECT FROM account_seat WHERE source_id = %s", deal["id"]) == []


async def test_a_deal_that_the_file_moves_keeps_its_map(house: House) -> None:
    await importer_of(house).rows("opportunities", [line()])
    deal = await deal_of(house, "D1")
    person = str(new_id())
    await house.hear("contact", **contact("Jane", person, ACCOUNTS["Cancity"]))
    friend = {"contact_id": person, "roles": ["APPROVER"], "influence": "H", "stance": "FRIEND", "degree": 3}
    drawn = await house.draw(deal["key"], friend, who="Moses Frase")
    assert drawn.status_code == 200, drawn.text
    before = await standing_of(house, deal)
    await importer_of(house).rows(
        "opportunities", [line(deal_stage="Lost", close_date="2017-05-01", close_value="0")]
    )
    after = await standing_of(house, deal)
    assert (after["balance"], after["score"]) == (before["balance"], before["score"])
    assert (after["probability"], after["version"]) == (0, before["version"] + 1)
    assert (await deal_of(house, "D1"))["amount"] is None


async def test_a_day_that_is_put_right_in_the_file_is_put_right_here(house: House) -> None:
    await importer_of(house).rows("opportunities", [line()])
    await importer_of(house).rows("opportunities", [line(engage_date="2017-03-09")])
    deal = await deal_of(house, "D1")
    assert deal["stage_entered_on"] == date(2017, 3, 9)
    assert [move["moved_on"] for move in deal["moves"]] == ["2017-03-09"]


async def test_a_day_that_people_have_moved_past_changes_only_what_the_file_told(house: House) -> None:
    await importer_of(house).rows("opportunities", [line()])
    deal = await deal_of(house, "D1")
    await house.move("Moses Frase", deal["key"], "SHORTLIST")
    before = await deal_of(house, "D1")
    await importer_of(house).rows("opportunities", [line(engage_date="2017-03-09")])
    deal = await deal_of(house, "D1")
    assert (deal["stage"], deal["stage_entered_on"]) == ("SHORTLIST", before["stage_entered_on"])
    assert [move["moved_on"] for move in deal["moves"]] == ["2017-03-09", before["moves"][1]["moved_on"]]


async def test_another_product_or_account_in_the_file_names_the_deal_anew(house: House) -> None:
    await importer_of(house).rows("opportunities", [line()])
    await importer_of(house).rows("opportunities", [line(product="MG Special", account="")])
    deal = await deal_of(house, "D1")
    assert (deal["name"], deal["account_id"]) == ("MG Special", None)
    assert str(deal["partition_key"]) == ACCOUNTS["Cancity"]


# Rows that cannot be taken


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            {"deal_stage": "Winning"},
            "deal_stage: must be one of Prospecting, Engaging, Won, Lost, not 'Winning'",
        ),
        ({"close_value": "lots"}, "close_value: must be a number as in 1234.50, not 'lots'"),
        ({"engage_date": "03/01/2017"}, "engage_date: must be a day as in 2026-11-30, not '03/01/2017'"),
        ({"engage_date": "2999-01-01"}, "engage_date: must not lie in the future"),
        ({"deal_stage": "Won", "close_date": "2017-02-01"}, "close_date: ends on 2017-02-01, before"),
        ({"sales_agent": "Nobody"}, "sales_agent: 'Nobody' is no member"),
        ({"sales_agent": ""}, "sales_agent: is empty"),
        ({"product": "GTX Nothing"}, "product: 'GTX Nothing' is no product"),
        ({"account": "Nowhere"}, "account: 'Nowhere' is no account"),
        ({"opportunity_id": ""}, "opportunity_id: is empty"),
    ],
)
async def test_a_row_that_cannot_be_taken_is_told(house: House, cells: dict[str, str], said: str) -> None:
    job = await importer_of(house).rows("opportunities", [line(**cells), line(opportunity_id="D2")])
    assert (job["counts"]["created"], job["counts"]["refused"]) == (1, 1)
    row, outcome, message = (await importer_of(house).report("opportunities", job))[0]
    assert (row, outcome) == (2, "REFUSED")
    assert said in message


async def test_copies_that_arrive_while_the_job_runs_are_waited_for(house: House) -> None:
    importer = importer_of(house)
    content = ",".join(line()) + "\n" + ",".join(line(sales_agent="Late Comer", account="Lateco").values())
    id = await importer.queue("opportunities", content.encode())
    working = asyncio.create_task(importer.finished("opportunities", id, wait=30.0))
    await asyncio.sleep(0.6)
    late, at = str(new_id()), str(new_id())
    await house.hear("account", **account("Lateco", at))
    await house.hear("member", **seller("Late Comer", late))
    assert (await working)["counts"]["created"] == 1
    deal = await deal_of(house, "D1")
    assert (str(deal["owner_id"]), str(deal["account_id"])) == (late, at)


async def test_an_account_that_was_deleted_is_unknown(house: House) -> None:
    await house.hear("account", "deleted", 2, **account("Cancity", ACCOUNTS["Cancity"]))
    job = await importer_of(house).rows("opportunities", [line()])
    assert "'Cancity' is no account" in (await importer_of(house).report("opportunities", job))[0][2]


# The course of a deal, without a database


def told(name: str, engaged: str = "2017-03-01", closed: str = "", /, **present: Any) -> Telling:
    values = {"deal_stage": READ[name], "engage_date": dated(engaged), "close_date": dated(closed)}
    if not present:
        return Telling(values, None, None, "sub:admin")
    stands: dict[str, Any] = {"moves": []}
    stands |= dict.fromkeys(("stage_entered_at", "stage_entered_on", "closed_at", "closed_on"))
    return Telling(values, frozenset({"deal_stage"}), stands | present, "sub:admin")


@pytest.mark.parametrize(
    ("telling", "fact", "stage", "status", "moves"),
    [
        (told("Prospecting"), "created", "TARGETING", "OPEN", []),
        (told("Engaging"), "created", "ENGAGEMENT", "OPEN", ["ENGAGEMENT"]),
        (told("Engaging", ""), "created", "ENGAGEMENT", "OPEN", ["ENGAGEMENT"]),
        (told("Won", "2017-03-01", "2017-04-01"), "created", "ENGAGEMENT", "WON", ["ENGAGEMENT", "WON"]),
        (told("Lost", ""), "created", "ENGAGEMENT", "LOST", ["ENGAGEMENT", "LOST"]),
        (
            told("Engaging", stage="TARGETING", status="OPEN"),
            "stage_changed",
            "ENGAGEMENT",
            "OPEN",
            ["ENGAGEMENT"],
        ),
        (told("Won", stage="TARGETING", status="OPEN"), "closed", "ENGAGEMENT", "WON", ["ENGAGEMENT", "WON"]),
        (told("Won", stage="BIDDING", status="OPEN"), "closed", "BIDDING", "WON", ["WON"]),
        (told("Lost", stage="BIDDING", status="WON"), "closed", "BIDDING", "LOST", ["LOST"]),
        (
            told("Engaging", stage="BIDDING", status="LOST"),
            "stage_changed",
            "ENGAGEMENT",
            "OPEN",
            ["ENGAGEMENT"],
        ),
        (
            told("Prospecting", stage="ENGAGEMENT", status="OPEN"),
            "stage_changed",
            "TARGETING",
            "OPEN",
            ["TARGETING"],
        ),
    ],
)
def test_a_deal_takes_its_course(
    telling: Telling, fact: str, stage: str, status: str, moves: list[str]
) -> None:
    result = course(telling)
    assert (result.fact, result.fields["stage"], result.fields["status"]) == (fact, stage, status)
    assert [move["to"] for move in result.fields["moves"]] == moves


def test_a_deal_that_stands_where_the_file_says_is_left_there() -> None:
    result = course(
        told("Won", "2017-03-01", "2017-04-01", stage="CONTRACTING", status="WON", closed_on="2017-03-30")
    )
    assert result.fact == "updated"
    assert result.fields == {"moves": [], "closed_on": date(2017, 4, 1)}


async def test_all_deals_are_listed_for_an_administrator(sample: House) -> None:
    listed = by_source(await everything(sample.client, "opportunities"))
    assert len(listed) == 8800
