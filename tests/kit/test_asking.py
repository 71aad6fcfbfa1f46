"""What a list is asked: one grammar for every resource, documented, and what it does not know refused by name."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.kit.grammar import MAX_LIMIT
from tests.kit.library import BOOKS, Library
from tests.kit.shelves import ACCOUNTS, ONE_OWNER, ask, shelves
from tests.problems import assert_problem
from tests.servers import Databases

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("lists")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(databases: Databases) -> AsyncIterator[Library]:
    async with shelves(databases, "asking") as made:
        yield made


@pytest.mark.parametrize(
    "limit", ["0", "-1", "201", "1000", "0000000050000", "1.0", "1e2", " 5", "+5", "٥", "", "ten", "9" * 5000]
)
async def test_a_limit_out_of_range_is_refused(library: Library, limit: str) -> None:
    problem = assert_problem(await ask(library, limit=limit), 422, "invalid")
    assert problem["errors"] == [
        {"field": "limit", "code": "range", "message": f"must be a whole number from 1 to {MAX_LIMIT}"}
    ]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("title", "", "value"),
        ("title", "x" * 501, "value"),
        ("title", "a\x00b", "value"),
        ("title[in]", ",", "value"),
        ("title[in]", ",".join("x" * 101), "value"),
        ("title[contains]", "\x00", "value"),
        ("title[null]", "yes", "value"),
        ("title[null]", "", "value"),
        ("genre", "novel", "value"),
        ("genre", "X", "value"),
        ("genre[in]", "NOVEL,X", "value"),
        ("pages", "one", "value"),
        ("pages", "1.0", "value"),
        ("pages", "1_000", "value"),
        ("pages", " 1", "value"),
        ("pages", "+1", "value"),
        ("pages", "٣", "value"),
        ("pages", "9223372036854775808", "value"),
        ("pages", "9" * 5000, "value"),
        ("pages[in]", "1,,2", "value"),
        ("pages[null]", "1", "value"),
        ("printed_on", "2026-02-30", "value"),
        ("printed_on", "20260228", "value"),
        ("printed_on", "2026-W01-1", "value"),
        ("printed_on", "0000-01-01", "value"),
        ("printed_on", "infinity", "value"),
        ("lent_at", "2026-01-01", "value"),
        ("lent_at", "2026-01-01T00:00:00", "value"),
        ("lent_at", "20260101T000000Z", "value"),
        ("lent_at", "now", "value"),
        ("lent_at", "2026-01-01 00:00Z", "value"),
        ("sold", "1", "value"),
        ("sold", "True", "value"),
        ("sold", "yes", "value"),
        ("account_id", "1", "value"),
        ("account_id[in]", f"{ONE_OWNER},x", "value"),
        ("title[lt]", "a", "unknown_parameter"),
        ("title[eq]", "a", "unknown_parameter"),
        ("pages[gteq]", "5", "unknown_parameter"),
        ("pages[lteq]", "5", "unknown_parameter"),
        ("pages[eqne]", "5", "unknown_parameter"),
        ("account_id[eqin]", ONE_OWNER, "unknown_parameter"),
        ("title[", "a", "unknown_parameter"),
        ("title[ne", "a", "unknown_parameter"),
        ("title[]", "a", "unknown_parameter"),
        ("title[NE]", "a", "unknown_parameter"),
        ("title[ne][in]", "a", "unknown_parameter"),
        ("sold[ne]", "true", "unknown_parameter"),
        ("genre[contains]", "N", "unknown_parameter"),
        ("account_id[gt]", ONE_OWNER, "unknown_parameter"),
        ("lent_at[contains]", "1", "unknown_parameter"),
        ("Title", "a", "unknown_parameter"),
        ("titel", "a", "unknown_parameter"),
        ("", "a", "unknown_parameter"),
        ("fields", "", "unknown"),
        ("fields", "id,", "unknown"),
        ("fields", "secret", "unknown"),
        ("fields", "deleted_at", "unknown"),
        ("fields", "title, genre", "unknown"),
        ("fields", "id,title,id", "duplicate"),
        ("offset", "5", "unknown_parameter"),
        ("x" * 5000, "1", "unknown_parameter"),
        ("\x00", "1", "unknown_parameter"),
        ("created_by", "x", "unknown_parameter"),
        ("sort", "pages", "unknown"),
        ("sort", "--title", "unknown"),
        ("sort", "", "unknown"),
        ("sort", "title,price", "unknown"),
        ("sort", "price,title", "unknown"),
        ("sort", "-price,title,genre", "unknown"),
        ("sort", "-price,", "unknown"),
        ("sort", "title; DROP TABLE book", "unknown"),
        ("count", "1", "value"),
        ("count", "True", "value"),
        ("count", "", "value"),
        ("q", "", "value"),
        ("q", "   ", "value"),
        ("q", "x" * 101, "value"),
        ("q", "\x00", "value"),
        ("cursor", "", "cursor"),
        ("cursor", "x", "cursor"),
        ("cursor", "%%%", "cursor"),
        ("cursor", "é", "cursor"),
        ("cursor", "W10=", "cursor"),
        ("cursor", "WzEsMiwzXQ==", "cursor"),
        ("cursor", "e30=", "cursor"),
    ],
)
async def test_what_a_list_does_not_know_is_refused_by_name(
    library: Library, name: str, value: str, code: str
) -> None:
    problem = assert_problem(await ask(library, **{name: value}), 422, "invalid")
    assert [(e["field"], e["code"]) for e in problem["errors"]] == [(name[:100], code)]


async def test_an_unknown_parameter_is_told_the_known_ones(library: Library) -> None:
    problem = assert_problem(await ask(library, titel="Emma"), 422, "invalid")
    said = problem["errors"][0]["message"]
    assert all(name in said for name in [*BOOKS.filters, "limit", "cursor", "sort", "fields", "count", "q"])
    problem = assert_problem(await ask(library, **{"title[lt]": "Emma"}), 422, "invalid")
    assert problem["errors"][0]["message"].endswith("it takes ne, in, contains, prefix, null")
    problem = assert_problem(await ask(library, genre="X"), 422, "invalid")
    assert problem["errors"][0]["message"] == "must be one of NOVEL, POEMS, MATHS"
    shelf = assert_problem(await ask(library, path=f"/v1/shelves/{ACCOUNTS[0]}/books", q="x"), 422, "invalid")
    assert shelf["errors"][0]["code"] == "unknown_parameter"


async def test_every_wrong_parameter_is_named_at_once(library: Library) -> None:
    problem = assert_problem(
        await ask(library, titel="x", pages="x", limit="x", sort="x", count="x"), 422, "invalid"
    )
    assert [e["field"] for e in problem["errors"]] == ["titel", "pages", "sort", "limit", "count"]


@pytest.mark.parametrize(
    "query", ["title=a&title=a", "limit=5&limit=6", "title[ne]=a&title[ne]=b", "q=a&q=b"]
)
async def test_a_parameter_given_twice_is_refused(library: Library, query: str) -> None:
    answer = await library.call("admin", "GET", f"/v1/books?{query}")
    assert assert_problem(answer, 422, "invalid")["errors"][0]["code"] == "duplicate"


async def test_a_list_takes_twelve_filters(library: Library) -> None:
    twelve = {f"pages[{op}]": "1" for op in ("ne", "in", "lt", "lte", "gt", "gte")}
    twelve |= {f"price[{op}]": "1" for op in ("ne", "in", "lt", "lte", "gt", "gte")}
    boxed = "/v1/boxed-books"
    assert (await ask(library, path=boxed, **twelve)).status_code == 200
    problem = assert_problem(await ask(library, path=boxed, **twelve, sold="true"), 422, "invalid")
    assert [(e["field"], e["code"]) for e in problem["errors"]] == [("sold", "too_many")]


async def test_the_parameters_of_a_list_are_documented() -> None:
    told = {one["name"]: one for one in BOOKS.parameters()}
    for name, filter_ in BOOKS.filters.items():
        assert name in told
        assert {f"{name}[{op}]" for op in filter_.kind.ops} <= told.keys()
    assert {"limit", "cursor", "count", "q"} <= told.keys()
    assert all(one["description"] for one in told.values())
    for name in ("sort", "fields", "genre[in]"):
        assert (told[name]["style"], told[name]["explode"], told[name]["schema"]["type"]) == (
            "form",
            False,
            "array",
        )
    assert told["sort"]["schema"]["items"]["enum"][:2] == ["title", "-title"]
    assert "`-price,title`" in told["sort"]["description"]
    assert told["fields"]["schema"]["items"]["enum"] == list(BOOKS.fields)
    assert told["genre"]["schema"] == {"type": "string", "enum": ["NOVEL", "POEMS", "MATHS"]}
    assert told["genre"]["description"].startswith(
        "Equal to. Indexed with `sort` `title`, `-title`, `-price`;"
    )
    assert told["genre[null]"]["schema"] == {"type": "boolean"}
    assert told["pages[ne]"]["description"] == (
        "Not equal to, unknown ones included. Only beside a filter that is indexed with the sort."
    )
