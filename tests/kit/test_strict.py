"""What is sent is what is meant, or it is refused with the field's name: never a 500, never silently ignored."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from fastapi import Response

from services.kit.routing import CallDep, router
from tests.kit.library import BookCreate, Library, opened, prepare, told
from tests.problems import assert_problem
from tests.servers import Databases

pytestmark = pytest.mark.asyncio(loop_scope="module")
JSON = "application/json"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def library(databases: Databases) -> AsyncIterator[Library]:
    async with opened(databases.create("strict", prepare)) as it:
        yield it


async def written(library: Library) -> list[dict[str, Any]]:
    return await library.rows("SELECT (SELECT count(*) FROM book), (SELECT count(*) FROM journal) AS entries")


async def post(library: Library, body: bytes, kind: str | None = JSON, path: str = "/v1/books") -> Any:
    headers = told("rep") | ({"Content-Type": kind} if kind else {})
    return await library.client.request("POST", path, content=body, headers=headers)


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (b'{"title": "Emma",}', 400, "json_invalid", None),
        (b'{"title": "Emma"} x', 400, "json_invalid", None),
        (b'{"title": "Emma"}{"title": "Emma"}', 400, "json_invalid", None),
        (b"{'title': 'Emma'}", 400, "json_invalid", None),
        (b'{"title": "Em\x00ma"}', 400, "json_invalid", None),
        (b'{"title": "\xff"}', 400, "json_invalid", None),
        ('{"title": "Emma"}'.encode("utf-16"), 400, "json_invalid", None),
        (b'\xef\xbb\xbf{"title": "Emma"}', 400, "json_invalid", None),
        (b"[" * 100_000, 400, "json_depth", None),
        (b'{"a":' * 100_000, 400, "json_depth", None),
        (b'{"title": "Emma", "pages": ' + b"9" * 5000 + b"}", 400, "json_invalid", None),
        (b'{"title": "Emma", "title": "Persuasion"}', 422, "invalid", "title"),
        (b'{"title": "Emma", "external_ids": {"crm": "1", "crm": "2"}}', 422, "invalid", "crm"),
        (b'{"\\ud800": 1, "\\ud800": 2}', 422, "invalid", "?"),
        (b'{"title": "Emma", "pages": NaN}', 422, "invalid", "body"),
        (b'{"title": "Emma", "pages": -Infinity}', 422, "invalid", "body"),
        (b'{"title": "Emma", "pages": 1e999}', 422, "invalid", "body"),
        (b'{"title": "Em\\u0000ma"}', 422, "invalid", "title"),
        (b'{"title": "Em\\ud83dma"}', 422, "invalid", "title"),
        (b'{"title": "Emma", "tags": ["a", "\\u0000"]}', 422, "invalid", "tags.1"),
        (b'{"title": "Emma", "\\u0000": 1}', 422, "invalid", "body"),
        (b'{"title": "Emma", "ISBN": 1}', 422, "invalid", "ISBN"),
        (b"{}", 422, "invalid", "title"),
        (b"", 422, "invalid", "body"),
        (b"null", 422, "invalid", "body"),
        (b"[]", 422, "invalid", "body"),
        (b'"Emma"', 422, "invalid", "body"),
        (b"17", 422, "invalid", "body"),
        (b'{"title": null}', 422, "invalid", "title"),
        (b'{"title": 17}', 422, "invalid", "title"),
        (b'{"title": ["Emma"]}', 422, "invalid", "title"),
        (b'{"title": "  "}', 422, "invalid", "title"),
        (b'{"title": "' + b"x" * 201 + b'"}', 422, "invalid", "title"),
        (b'{"title": "Emma", "genre": "novel"}', 422, "invalid", "genre"),
        (b'{"title": "Emma", "genre": 1}', 422, "invalid", "genre"),
        (b'{"title": "Emma", "pages": "1"}', 422, "invalid", "pages"),
        (b'{"title": "Emma", "pages": 1.0}', 422, "invalid", "pages"),
        (b'{"title": "Emma", "pages": 1e2}', 422, "invalid", "pages"),
        (b'{"title": "Emma", "pages": false}', 422, "invalid", "pages"),
        (b'{"title": "Emma", "pages": -1}', 422, "invalid", "pages"),
        (b'{"title": "Emma", "pages": 2147483648}', 422, "invalid", "pages"),
        (b'{"title": "Emma", "pages": 100001}', 422, "invalid", "pages"),
        (b'{"title": "Emma", "price": 9007199254740992}', 422, "invalid", "price"),
        (b'{"title": "Emma", "price": 99999999999999999999999999}', 422, "invalid", "price"),
        (b'{"title": "Emma", "sold": 0}', 422, "invalid", "sold"),
        (b'{"title": "Emma", "sold": "false"}', 422, "invalid", "sold"),
        (b'{"title": "Emma", "printed_on": "2026-02-30"}', 422, "invalid", "printed_on"),
        (b'{"title": "Emma", "printed_on": "20260228"}', 422, "invalid", "printed_on"),
        (b'{"title": "Emma", "printed_on": 20260228}', 422, "invalid", "printed_on"),
        (b'{"title": "Emma", "printed_on": "2026-02-28T00:00:00Z"}', 422, "invalid", "printed_on"),
        (b'{"title": "Emma", "lent_at": "2026-02-28T00:00:00"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": "2026-02-28"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": 1770000000}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": "1770000000"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": "-1"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": "2026-02-28 08:00:00Z"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": "2026-02-28T08:00Z"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": "2026-02-28T08:00:00+0000"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": "2026-W09-6T08:00:00Z"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "lent_at": "0001-01-01T00:00:00+10:00"}', 422, "invalid", "lent_at"),
        (b'{"title": "Emma", "owner_id": "me"}', 422, "invalid", "owner_id"),
        (b'{"title": "Emma", "owner_id": 5}', 422, "invalid", "owner_id"),
        (b'{"title": "Emma", "tags": "a"}', 422, "invalid", "tags"),
        (b'{"title": "Emma", "tags": {"0": "a"}}', 422, "invalid", "tags"),
        (b'{"title": "Emma", "external_ids": {"CRM": "1"}}', 422, "invalid", "external_ids.CRM.[key]"),
        (b'{"title": "Emma", "external_ids": {"crm": 1}}', 422, "invalid", "external_ids.crm"),
        (b'{"title": "Emma", "external_ids": []}', 422, "invalid", "external_ids"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    library: Library, body: bytes, status: int, code: str, field: str | None
) -> None:
    before = await written(library)
    answer = await post(library, body)
    problem = assert_problem(answer, status, code)
    assert [error["field"] for error in problem["errors"]][:1] == ([field] if field else []), problem
    assert all(error["message"] and error["code"] for error in problem["errors"])
    assert await written(library) == before


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/jsonp", "application/vnd.api+json", "application/json2", "json"],
)  # fmt: skip
async def test_another_media_type_is_refused(library: Library, kind: str | None) -> None:
    assert_problem(await post(library, b'{"title": "Emma"}', kind), 415, "media_type")


@pytest.mark.parametrize(
    "kind", ["application/json", "APPLICATION/JSON; charset=utf-8", "application/merge-patch+json"]
)
async def test_json_by_any_of_its_names_is_read(library: Library, kind: str) -> None:
    assert (await post(library, b'{"title": "Emma"}', kind)).status_code == 201


async def test_an_escaped_escape_is_text(library: Library) -> None:
    answer = await post(library, rb'{"title": "a \\u0000 b \ud83d\ude00"}')
    assert answer.json()["title"] == "a \\u0000 b \U0001f600"


async def test_every_wrong_field_is_named_at_once(library: Library) -> None:
    answer = await post(library, b'{"pages": "1", "sold": 0, "ISBN": 1}')
    problem = assert_problem(answer, 422, "invalid")
    assert {e["field"] for e in problem["errors"]} == {"title", "pages", "sold", "ISBN"}
    assert "novel" not in answer.text


async def test_a_bad_code_is_told_the_good_ones(library: Library) -> None:
    problem = assert_problem(await post(library, b'{"title": "Emma", "genre": "X"}'), 422, "invalid")
    assert all(code in problem["errors"][0]["message"] for code in ("NOVEL", "POEMS", "MATHS"))


@pytest.mark.timeout(60)  # Comparing each name with all others would take minutes.
async def test_a_body_of_nothing_but_names_is_refused(library: Library) -> None:
    names = [f'"{n:x}":1' for n in range(90_000)]
    for last in ('"15f8f":2', '"zzz":2'):
        answer = await post(library, ("{" + ",".join([*names, last]) + "}").encode())
        assert answer.status_code == 422
        assert len(answer.json()["errors"]) <= 100


@pytest.mark.parametrize("path", ["/v1/books/pairs?twice=yes", "/v1/books?title=Emma"])
async def test_a_query_that_is_not_known_is_refused(library: Library, path: str) -> None:
    before = await written(library)
    problem = assert_problem(await post(library, b'{"title": "Emma"}', path=path), 422, "invalid")
    assert problem["errors"][0]["code"] == "unknown_parameter"
    assert await written(library) == before


async def test_ids_in_paths_are_ids(library: Library) -> None:
    for path in ("/v1/books/1", "/v1/books/00000000-0000-0000-0000-00000000000g", "/v1/books/%00"):
        problem = assert_problem(await library.call("rep", "GET", path), 422, "invalid")
        assert problem["errors"][0]["field"] == "id"


planted = router("planted")


@planted.post("/planted/{first}/{second}")
async def of_path_and_body(first: UUID, second: UUID, body: BookCreate, call: CallDep) -> Response:
    raise NotImplementedError(first, second, body, call)


@pytest.mark.parametrize(("body", "wrong"), [(b"", "body"), (b"null", "body"), (b"{}", "title")])
async def test_what_is_wrong_with_path_and_body_is_named_at_once(
    library: Library, body: bytes, wrong: str
) -> None:
    library.app.include_router(planted)
    problem = assert_problem(await post(library, body, path="/v1/planted/1/x"), 422, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["first", "second", wrong]


async def test_a_body_beyond_its_size_is_refused(library: Library) -> None:
    answer = await post(library, b'{"title": "' + b"x" * 1_000_000 + b'"}')
    assert_problem(answer, 413, "body_too_large")
