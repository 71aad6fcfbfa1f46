"""Lists: pages hold what a plain reading of all rows would give, each row once."""

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kit import asking, listing
from tests.kit.library import BOOKS, Library
from tests.kit.shelves import (
    ACCOUNTS,
    BELOW,
    INSERT,
    MOMENT,
    OTHER,
    PEOPLE,
    REP,
    SORTS,
    TITLES,
    Row,
    ask,
    in_order,
    plain_row,
    shelves,
    store,
    walked,
)
from tests.problems import assert_problem
from tests.servers import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(databases: Databases) -> AsyncIterator[Library]:
    async with shelves(databases, "lists") as made:
        yield made


# The model: plain Python over all rows.

few = st.integers(0, 3)


def _instants() -> st.SearchStrategy[datetime]:
    return few.map(lambda n: MOMENT + timedelta(microseconds=n))


some_rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.uuids(),
            "created_at": _instants(),
            "title": st.sampled_from(TITLES),
            "genre": st.sampled_from(["NOVEL", "POEMS"]),
            "pages": st.one_of(st.none(), few),
            "price": st.one_of(st.none(), st.sampled_from([-(2**53) + 1, -1, 0, 1, 2**53 - 1])),
            "printed_on": st.one_of(
                st.none(), few.map(lambda n: date(2026, 1, 1 + n)), st.just(date(1, 1, 1))
            ),
            "lent_at": st.one_of(st.none(), _instants()),
            "sold": st.booleans(),
            "account_id": st.one_of(st.none(), st.sampled_from(ACCOUNTS)),
            "owner_id": st.one_of(st.none(), st.sampled_from(PEOPLE)),
            "gone": st.sampled_from([False, False, False, True]),
        }
    ),
    max_size=25,
    unique_by=lambda row: row["id"],
)

Test = Callable[[Row], bool]


def known(field: str, test: Callable[[Any], bool]) -> Test:
    return lambda row: row[field] is not None and test(row[field])


def like(field: str, text: str) -> Test:
    return lambda row: text.lower() in row[field].lower()


FILTERS: list[tuple[dict[str, str], Test]] = [
    ({}, lambda _: True),
    ({"title": "Emma"}, lambda row: row["title"] == "Emma"),
    ({"title[ne]": "Emma"}, lambda row: row["title"] != "Emma"),
    ({"title[in]": "Emma,a_b,山电"}, lambda row: row["title"] in ("Emma", "a_b", "山电")),
    ({"title[contains]": "emm"}, like("title", "emm")),
    ({"title[contains]": "ÉMI"}, like("title", "émi")),
    ({"title[contains]": "%"}, like("title", "%")),
    ({"title[contains]": "_"}, like("title", "_")),
    ({"title[contains]": "\\"}, like("title", "\\")),
    ({"title[prefix]": "100%"}, lambda row: row["title"].lower().startswith("100%")),
    ({"title[prefix]": "山"}, lambda row: row["title"].startswith("山")),
    ({"title[null]": "false"}, lambda _: True),
    ({"q": "电"}, like("title", "电")),
    ({"q": "山电"}, like("title", "山电")),
    ({"q": " EMMA "}, like("title", "emma")),
    ({"q": "0% s"}, like("title", "0% s")),
    ({"q": "k\\s"}, like("title", "k\\s")),
    ({"genre": "NOVEL"}, lambda row: row["genre"] == "NOVEL"),
    ({"genre[ne]": "NOVEL"}, lambda row: row["genre"] != "NOVEL"),
    ({"genre[in]": "NOVEL,POEMS"}, lambda _: True),
    ({"pages": "1"}, known("pages", lambda v: v == 1)),
    ({"pages[ne]": "1"}, lambda row: row["pages"] != 1),
    ({"pages[in]": "0,2"}, known("pages", lambda v: v in (0, 2))),
    ({"pages[lt]": "2"}, known("pages", lambda v: v < 2)),
    ({"pages[lte]": "2"}, known("pages", lambda v: v <= 2)),
    ({"pages[gt]": "1"}, known("pages", lambda v: v > 1)),
    ({"pages[gte]": "1", "pages[lt]": "3"}, known("pages", lambda v: 1 <= v < 3)),
    ({"pages[null]": "true"}, lambda row: row["pages"] is None),
    ({"pages[null]": "false"}, lambda row: row["pages"] is not None),
    ({"price[gte]": "-1"}, known("price", lambda v: v >= -1)),
    ({"price": "9007199254740991"}, known("price", lambda v: v == 2**53 - 1)),
    ({"printed_on": "2026-01-02"}, known("printed_on", lambda v: v == date(2026, 1, 2))),
    ({"printed_on[lt]": "2026-01-02"}, known("printed_on", lambda v: v < date(2026, 1, 2))),
    ({"printed_on[null]": "true"}, lambda row: row["printed_on"] is None),
    ({"printed_on[ne]": "2026-01-02"}, lambda row: row["printed_on"] != date(2026, 1, 2)),
    ({"printed_on[in]": "2026-01-02,2026-01-01"}, known("printed_on", lambda v: v.year == 2026 and v.day < 3)),
    ({"printed_on[lte]": "2026-01-02"}, known("printed_on", lambda v: v <= date(2026, 1, 2))),
    ({"printed_on[gt]": "2026-01-02"}, known("printed_on", lambda v: v > date(2026, 1, 2))),
    ({"printed_on[gte]": "2026-01-02"}, known("printed_on", lambda v: v >= date(2026, 1, 2))),
    ({"lent_at": "2026-01-01T00:00:00Z"}, lambda row: row["lent_at"] == MOMENT),
    ({"lent_at[in]": "2026-01-01T00:00:00Z,2027-01-01T00:00:00Z"}, lambda row: row["lent_at"] == MOMENT),
    ({"lent_at[lt]": "2026-01-01T00:00:00.000001Z"}, lambda row: row["lent_at"] == MOMENT),
    ({"lent_at[gte]": "2026-01-01T00:00:00.000001Z"}, known("lent_at", lambda v: v > MOMENT)),
    ({"lent_at[null]": "true"}, lambda row: row["lent_at"] is None),
    ({"lent_at[gt]": "2026-01-01T00:00:00Z"}, known("lent_at", lambda v: v > MOMENT)),
    ({"lent_at[lte]": "2026-01-01T01:00:00.000001+01:00"},
     known("lent_at", lambda v: v <= MOMENT + timedelta(microseconds=1))),
    ({"lent_at[ne]": "2026-01-01T00:00:00Z"}, lambda row: row["lent_at"] != MOMENT),
    ({"sold": "true"}, lambda row: row["sold"]),
    ({"sold": "false"}, lambda row: not row["sold"]),
    ({"sold[null]": "true"}, lambda _: False),
    ({"account_id": str(ACCOUNTS[0])}, lambda row: row["account_id"] == ACCOUNTS[0]),
    ({"account_id[ne]": str(ACCOUNTS[0])}, lambda row: row["account_id"] != ACCOUNTS[0]),
    ({"account_id[in]": f"{ACCOUNTS[0]},{ACCOUNTS[1]}"}, lambda row: row["account_id"] in ACCOUNTS[:2]),
    ({"account_id[null]": "true"}, lambda row: row["account_id"] is None),
    ({"owner_id": str(BELOW)}, lambda row: row["owner_id"] == BELOW),
    ({"owner_id": str(OTHER), "sold": "true"}, lambda row: row["owner_id"] == OTHER and row["sold"]),
]  # fmt: skip
SEEN: dict[str, Test] = {
    "admin": lambda _: True,
    "rep": lambda row: row["account_id"] == ACCOUNTS[0] or row["owner_id"] in (REP, BELOW),
    "other": lambda _: False,
}


def welcome(query: Mapping[str, str], sort: str) -> bool:
    """Whether an index finds what is asked for, as the library's table of indexes has it."""
    first = sort.split(",", maxsplit=1)[0].removeprefix("-")
    for full in query:
        name, _, op = full.removesuffix("]").partition("[")
        if name == "q" or (name == "title" and op in ("contains", "prefix")):
            return True
        if name == first and op != "ne" and not (op == "in" and "," in sort):
            return True
        null = op == "null" and query[full] == "true"
        if name == "account_id" and (op in ("", "in") or null):
            return True
        if sort.removeprefix("-") == "title" and (
            (name in ("genre", "owner_id") and (op in ("", "in") or null))
            or (name == "lent_at" and op in ("", "in"))
        ):
            return True
        if name == "genre" and sort == "-price" and op in ("", "in"):
            return True
    return not query


@pytest.mark.parametrize("sort", SORTS)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    rows=some_rows,
    filter_=st.sampled_from(FILTERS),
    who=st.sampled_from(list(SEEN)),
    limit=st.sampled_from([1, 2, 3, 7, 200]),
)
async def test_pages_hold_what_a_plain_reading_gives(
    library: Library, sort: str, rows: list[Row], filter_: tuple[dict[str, str], Test], who: str, limit: int
) -> None:
    await store(library, rows)
    query, holds = filter_
    expected = [row for row in rows if not row["gone"] and SEEN[who](row) and holds(row)]
    found = await walked(library, who, {**query, "sort": sort}, limit)
    assert found == [str(row["id"]) for row in in_order(expected, sort)]
    counted = await ask(library, who, **query, sort=sort, limit=1, count="true")
    if welcome(query, sort):
        assert counted.json()["total"] == len(expected)
    else:
        assert assert_problem(counted, 422, "invalid")["errors"][0]["code"] == "not_indexed"


async def test_every_operator_of_every_kind_is_tried(library: Library) -> None:
    rows = some_rows_of_every_kind()
    await store(library, rows)
    tried: dict[str, set[str]] = {}
    for query, holds in FILTERS:
        expected = in_order([row for row in rows if holds(row)], "title")
        assert await walked(library, "admin", query, 200) == [str(row["id"]) for row in expected], query
        for name, _, op in (parameter.partition("[") for parameter in query if parameter != "q"):
            tried.setdefault(BOOKS.filters[name].kind.sql, set()).add(op.removesuffix("]"))
    for filter_ in BOOKS.filters.values():
        assert {"", *filter_.kind.ops} <= tried[filter_.kind.sql]


def some_rows_of_every_kind() -> list[Row]:
    values = {
        "title": TITLES,
        "genre": ["NOVEL", "POEMS"],
        "pages": [None, 0, 1, 2, 3],
        "price": [None, -(2**53) + 1, -1, 0, 2**53 - 1],
        "printed_on": [None, *(date(2026, 1, 1 + n) for n in range(4))],
        "lent_at": [None, *(MOMENT + timedelta(microseconds=n) for n in range(3))],
        "sold": [False, True],
        "account_id": [None, *ACCOUNTS],
        "owner_id": [None, *PEOPLE],
    }
    return [plain_row(n, **{name: few[n % len(few)] for name, few in values.items()}) for n in range(180)]


async def test_a_page_is_what_the_resource_looks_like(library: Library) -> None:
    await store(library, [plain_row(1, lent_at=MOMENT)])
    page = (await ask(library)).json()
    assert page["items"] == [(await library.call("admin", "GET", f"/v1/books/{UUID(int=1)}")).json()]
    assert page["next_cursor"] is None
    assert "total" not in page
    assert "total" not in (await ask(library, count="false")).json()


async def test_a_page_has_fifty_rows_unless_told_otherwise(library: Library) -> None:
    await store(library, [plain_row(n) for n in range(205)])
    assert len((await ask(library)).json()["items"]) == 50
    for limit in (1, 199, 200):
        assert len((await ask(library, limit=limit)).json()["items"]) == limit
    exact = (await ask(library, limit=10, **{"title[prefix]": "book 0000"})).json()
    assert (len(exact["items"]), exact["next_cursor"]) == (10, None)


async def test_a_cursor_belongs_to_its_list_filters_and_sort(library: Library) -> None:
    await store(library, [plain_row(n, account_id=ACCOUNTS[n % 2], pages=1) for n in range(20)])
    boxed = "/v1/boxed-books"
    cursor = (await ask(library, path=boxed, pages="1", limit=3)).json()["next_cursor"]
    other = await ask(library, path=boxed, pages="1", limit=200, count="true", fields="id", cursor=cursor)
    assert other.status_code == 200
    strange: list[dict[str, Any]] = [{}, {"pages": "2"}, {"pages": "1", "sort": "-title"}, {"pages[gte]": "1"},
                                     {"pages": "1", "q": "book"}, {"pages": "1", "sold": "false"}]  # fmt: skip
    for query in strange:
        problem = assert_problem(await ask(library, path=boxed, **query, cursor=cursor), 422, "invalid")
        assert "another list" in problem["errors"][0]["message"], query
    shelf = (await ask(library, path=f"/v1/shelves/{ACCOUNTS[0]}/books", limit=3)).json()["next_cursor"]
    for path in (f"/v1/shelves/{ACCOUNTS[1]}/books", "/v1/books"):
        assert_problem(await ask(library, path=path, cursor=shelf), 422, "invalid")
    again = await ask(library, path=f"/v1/shelves/{ACCOUNTS[0]}/books", limit=3, cursor=shelf)
    assert [item["title"] for item in again.json()["items"]] == ["book 00006", "book 00008", "book 00010"]


@pytest.mark.parametrize("sort", ["price", "printed_on", "created_at", "title"])
@pytest.mark.parametrize(
    "key", ["x", "", "\x00", "' OR true --", "99999999999999999999999", "9999999-01-01", None, 5, {}]
)
async def test_a_forged_cursor_is_refused_or_finds_nothing_it_should_not(
    library: Library, sort: str, key: Any
) -> None:
    await store(library, [plain_row(n) for n in range(3)])
    mark = listing._of_list(asking.parse(BOOKS, [("sort", sort)]).mark, {})  # pyright: ignore[reportPrivateUsage]
    forged = base64.urlsafe_b64encode(orjson.dumps([mark, key, str(uuid4())])).decode()
    answer = await ask(library, sort=sort, cursor=forged)
    if answer.status_code != 200:
        assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == "cursor"
    rep = await ask(library, "rep", sort=sort, cursor=forged)
    assert rep.status_code == answer.status_code
    if rep.status_code == 200:
        assert rep.json()["items"] == []


async def test_a_cursor_with_half_a_surrogate_pair_is_refused(library: Library) -> None:
    mark = listing._of_list(asking.parse(BOOKS, []).mark, {})  # pyright: ignore[reportPrivateUsage]
    forged = base64.urlsafe_b64encode(
        b'["%s", "\\ud800", "%s"]' % (mark.encode(), str(uuid4()).encode())
    ).decode()
    assert_problem(await ask(library, cursor=forged), 422, "invalid")


async def test_a_list_within_a_row_that_is_not_seen_is_not_there(library: Library) -> None:
    await store(library, [])
    for who, statuses in {"admin": (200, 200, 404), "rep": (200, 404, 404), "other": (404, 404, 404)}.items():
        paths = [f"/v1/shelves/{id}/books" for id in (*ACCOUNTS[:2], uuid4())]
        assert tuple([(await ask(library, who, path=path)).status_code for path in paths]) == statuses
    library.statements.clear()
    await ask(library, path=f"/v1/shelves/{ACCOUNTS[0]}/books", count="true")
    assert len(library.statements) == 1


# Sight: few accounts in view and many of them give the same answer


async def test_a_narrow_walk_and_a_wide_one_give_the_same(library: Library) -> None:
    """The head sees what the seller sees and 300 accounts more, at which there is nothing."""
    seller, head = uuid4(), uuid4()
    for name, id in (("seller", seller), ("head", head)):
        library.callers.add(name, "rep", member_id=id)
    await library.rows(
        "INSERT INTO member"
        " (id, version, partition_key, created_at, created_by, updated_at, updated_by, name, manager_id)"
        " VALUES (%(head)s, 1, %(head)s, now(), 'x', now(), 'x', 'x', NULL),"
        " (%(seller)s, 1, %(seller)s, now(), 'x', now(), 'x', 'x', %(head)s)",
        head=head, seller=seller,
    )  # fmt: skip
    await library.rows(
        "INSERT INTO account (id, version, partition_key, created_at, created_by, updated_at, updated_by, owner_id)"
        " SELECT uuidv7(), 1, uuidv7(), now(), 'x', now(), 'x',"
        "  CASE WHEN n <= 5 THEN %(seller)s::uuid ELSE %(head)s::uuid END"
        " FROM generate_series(1, 305) n",
        head=head, seller=seller,
    )  # fmt: skip
    own = [
        row["id"] for row in await library.rows("SELECT id FROM account WHERE owner_id = %(id)s", id=seller)
    ]
    rows = [plain_row(n, account_id=[*own, None, ACCOUNTS[1]][n % 7], owner_id=seller if n % 11 == 0 else None,
                      price=n % 5 or None, sold=n % 3 == 0) for n in range(120)]  # fmt: skip
    await store(library, rows)
    queries: list[dict[str, str]] = [{}, {"sold": "true"}, {"q": "book 0000"}, {"account_id": str(own[0])},
                                     {"owner_id": str(seller)}, {"account_id[null]": "true"}]  # fmt: skip
    for query in queries:
        for sort in SORTS:
            narrow = await walked(library, "seller", {**query, "sort": sort}, 17)
            assert narrow == await walked(library, "head", {**query, "sort": sort}, 17), (query, sort)
            totals = [
                (await ask(library, who, "/v1/boxed-books", **query, count="true")).json()["total"]
                for who in ("seller", "head")
            ]
            assert totals == [len(narrow)] * 2
    assert len(await walked(library, "seller", {}, 50, "/v1/books")) == sum(
        row["account_id"] in own or row["owner_id"] == seller for row in rows
    )


async def test_rows_that_stay_are_listed_once_while_others_come_and_go(library: Library) -> None:
    staying = [plain_row(10 * n, title=f"t{n % 7}") for n in range(60)]
    await store(library, staying)
    found: list[str] = []
    cursor: dict[str, str] = {}
    for turn in range(100):
        page = (await ask(library, limit=7, **cursor)).json()
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        new = [plain_row(10 * (turn * 13 % 60) + d, title=f"t{turn % 7}") for d in (turn % 9 + 1,)]
        async with await psycopg.AsyncConnection.connect(library.url, autocommit=True) as other:
            await other.execute(INSERT.encode() + b" ON CONFLICT DO NOTHING", [orjson.dumps(new).decode()])
            gone = UUID(page["items"][-1]["id"]) if UUID(page["items"][-1]["id"]).int % 10 else None
            await other.execute("UPDATE book SET deleted_at = now() WHERE id = %s", [gone])
    kept = [id for id in found if UUID(id).int % 10 == 0]
    assert sorted(kept) == sorted(str(row["id"]) for row in staying)
    assert len(found) == len(set(found))
