"""The HTTP side of a service: what is answered is committed, and every refusal has one shape."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Annotated, Any
from uuid import UUID

import psycopg
import pytest
from fastapi import Depends, FastAPI, Request, Response
from starlette.types import Message
from structlog.testing import capture_logs

from services.kit import journal
from services.kit.answers import shown
from services.kit.db import Session
from services.kit.routing import CallDep, Statement, Transaction, router
from tests.colliding import collide
from tests.conftest import DatabaseUrl
from tests.kit.library import BOOK, Library, book, opened, prepare, told
from tests.problems import assert_problem


@pytest.fixture
async def library(database_url: DatabaseUrl) -> AsyncIterator[Library]:
    async with opened(database_url("app", prepare)) as it:
        yield it


async def _late(request: Request) -> AsyncGenerator[Session]:
    async with request.state.call.db.transaction() as session:
        yield session


NOBODY = "01990000-0000-7000-8000-000000000000"
Late = Annotated[Session, Depends(_late)]
planted = router("planted")


@planted.post("/late", status_code=201)
async def late(call: CallDep, tx: Late) -> Response:
    """The planted mistake: a session of request scope commits after the answer."""
    row = await journal.create(tx, BOOK, book(), call.cause)
    assert row is not None
    return shown(row, status=201)


@planted.post("/timely", status_code=201)
async def timely(call: CallDep, tx: Transaction) -> Response:
    row = await journal.create(tx, BOOK, book(), call.cause)
    assert row is not None
    return shown(row, status=201)


@planted.post("/timely-statement", status_code=201)
async def timely_statement(call: CallDep, tx: Statement) -> Response:
    row = await journal.create(tx, BOOK, book(), call.cause)
    assert row is not None
    return shown(row, status=201)


@planted.post("/broken-commit", status_code=201)
async def broken_commit(call: CallDep, tx: Transaction) -> Response:
    """The connection dies between the last statement and the commit."""
    row = await journal.create(tx, BOOK, book(), call.cause)
    assert row is not None
    async with call.db.connect() as other:
        await other.execute("SELECT pg_terminate_backend(%(pid)s)", {"pid": tx.info.backend_pid})
    return shown(row, status=201)


crossing = router("crossing")


@crossing.post("/crossing/{first}/{second}")
async def cross(first: UUID, second: UUID, call: CallDep, tx: Transaction) -> Response:
    """Two rows of one transaction, in an order of its own."""
    await tx.execute("SET LOCAL deadlock_timeout = '800ms'")
    for id in (first, second):
        await journal.update(tx, BOOK, id, {"pages": 5}, call.cause)
    return Response()


failing = router("failing")


@failing.post("/failing/standby")
async def fail_over(tx: Transaction) -> Response:
    await tx.execute("SET TRANSACTION READ ONLY")
    await tx.execute("INSERT INTO journal_queue VALUES (1, now())")
    return Response()


@failing.post("/failing/idle")
async def fall_asleep(tx: Transaction) -> Response:
    await tx.execute("SET LOCAL idle_in_transaction_session_timeout = 50")
    await asyncio.sleep(0.5)
    await tx.execute("SELECT 1")
    return Response()


async def rows_when_answered(app: FastAPI, url: str, path: str) -> int:
    """How many books another connection finds at the moment at which the answer begins."""
    found: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            async with await psycopg.AsyncConnection.connect(url) as other:
                row = await (await other.execute("SELECT count(*) FROM book")).fetchone()
                found.append(row[0] if row else -1)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(n.lower().encode(), v.encode()) for n, v in told("rep").items()]
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
    }  # fmt: skip
    await app(scope, receive, send)
    return found[0]


@pytest.mark.parametrize(("path", "rows"), [("/v1/timely", 1), ("/v1/timely-statement", 1), ("/v1/late", 0)])
async def test_the_commit_comes_before_the_answer(library: Library, path: str, rows: int) -> None:
    library.app.include_router(planted)
    assert await rows_when_answered(library.app, library.url, path) == rows
    assert len(await library.rows("SELECT id FROM book")) == 1


async def test_a_commit_that_fails_is_no_success(library: Library) -> None:
    library.app.include_router(planted)
    answer = await library.call("rep", "POST", "/v1/broken-commit")
    assert_problem(answer, 503, "database")
    assert answer.headers["retry-after"] == "1"
    assert await library.rows("SELECT id FROM book UNION SELECT aggregate_id FROM journal") == []


async def test_unknown_paths_are_problems(library: Library) -> None:
    for path in ("/", "/v1", "/v1/nothing", "/v1/books/", "/v2/books", "/v1/books/a/b/c"):
        assert_problem(await library.call("rep", "GET", path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/books", "GET, HEAD, POST"),
        ("DELETE", "/v1/books", "GET, HEAD, POST"),
        ("POST", f"/v1/books/{NOBODY}", "DELETE, GET, HEAD, PATCH"),
        ("GET", f"/v1/books/{NOBODY}/sale", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_taken_is_told_those_that_are(
    library: Library, method: str, path: str, allowed: str
) -> None:
    answer = await library.call("rep", method, path)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/v1/books", "/v1/changes", "/healthz", "/metrics", f"/v1/books/{NOBODY}"])
async def test_a_head_is_what_the_get_would_be_without_its_body(library: Library, path: str) -> None:
    told = await library.call("admin", "GET", path)
    with capture_logs() as logs:
        head = await library.call("admin", "HEAD", path)
    assert (head.status_code, head.content) == (told.status_code, b"")
    assert head.headers["content-type"] == told.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == str(len(told.content))
    [line] = [each for each in logs if each["event"] == "answered"]
    assert (line["method"], line["route"]) == ("HEAD", path.replace(str(NOBODY), "{id}"))


async def test_where_no_get_is_there_is_no_head(library: Library) -> None:
    head = await library.call("rep", "HEAD", f"/v1/books/{NOBODY}/sale")
    assert (head.status_code, head.headers["allow"], head.content) == (405, "POST", b"")


async def test_a_head_says_which_version_there_is(library: Library) -> None:
    path = (await library.call("admin", "POST", "/v1/books", {"title": "Emma"})).headers["location"]
    head = await library.call("admin", "HEAD", path)
    assert (head.status_code, head.headers["etag"], head.content) == (200, '"1"', b"")
    assert (await library.call("admin", "HEAD", path, if_none_match='"1"')).status_code == 304


async def test_a_crash_says_nothing_but_its_request(library: Library) -> None:
    with capture_logs() as logs:
        answer = await library.call("rep", "GET", "/v1/crash")
    problem = assert_problem(answer, 500, "internal")
    assert "4711" not in answer.text
    assert problem["errors"] == []
    [crash] = [line for line in logs if line["event"] == "crashed"]
    assert isinstance(crash["exc_info"], RuntimeError)


async def test_nobody_unknown_gets_in(library: Library) -> None:
    assert_problem(await library.call("nobody", "GET", "/v1/books"), 401, "token_missing")
    for role in ("rep", "manager", "executive", "marketing", "reporting"):
        library.callers.add("guest", role)
        answer = await library.call("guest", "GET", "/v1/books")
        assert "ask an administrator" in assert_problem(answer, 403, "not_a_member")["detail"]
        assert answer.json()["detail"].endswith("the subject: guest")


async def test_a_version_that_is_past_is_answered_with_the_present_one(library: Library) -> None:
    made = await library.call("admin", "POST", "/v1/books", {"title": "Emma"})
    path = made.headers["location"]
    assert made.headers["etag"] == '"1"'
    changed = await library.call("admin", "PATCH", path, {"pages": 5}, if_match='"1"')
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    late = await library.call("admin", "PATCH", path, {"pages": 6}, if_match='"1"')
    problem = assert_problem(late, 412, "version_conflict")
    assert late.headers["etag"] == '"2"'
    assert problem["current"] == (await library.call("admin", "GET", path)).json()


@pytest.mark.parametrize("tag", ["3", "abc", '"abc"', '"1", "2"', '""', '"-1"', '"1234567890"', '"1', "'1'"])
async def test_a_tag_that_is_no_version_is_refused(library: Library, tag: str) -> None:
    made = await library.call("admin", "POST", "/v1/books", {"title": "Emma"})
    answer = await library.call("admin", "PATCH", made.headers["location"], {"pages": 5}, if_match=tag)
    problem = assert_problem(answer, 422, "invalid")
    assert problem["errors"][0]["field"] == "If-Match"


async def test_a_change_says_on_which_version_it_was_made(library: Library) -> None:
    made = await library.call("admin", "POST", "/v1/books", {"title": "Emma"})
    path = made.headers["location"]
    assert_problem(await library.call("admin", "PATCH", path, {"pages": 5}), 428, "if_match_required")
    assert_problem(await library.call("admin", "DELETE", path), 428, "if_match_required")
    weak = await library.call("admin", "PATCH", path, {"pages": 5}, if_match='W/"1"')
    assert weak.json()["pages"] == 5
    blind = await library.call("admin", "PATCH", path, {"pages": 6}, if_match="*")
    assert blind.json()["pages"] == 6


async def test_what_the_tables_refuse_names_the_field(library: Library) -> None:
    same = {"title": "Arithmetica", "genre": "MATHS", "external_ids": {"shop": "1"}}
    assert (await library.call("admin", "POST", "/v1/books", same)).status_code == 201
    assert_problem(await library.call("admin", "POST", "/v1/books", same), 409, "taken")
    again = await library.call("admin", "POST", "/v1/books", {"title": "b", "external_ids": {"shop": "1"}})
    assert "external_ids" in assert_problem(again, 409, "taken")["detail"]
    thick = await library.call("admin", "POST", "/v1/books", {"title": "c", "pages": 100_001})
    assert assert_problem(thick, 422, "invalid")["errors"][0] == {
        "field": "pages", "code": "range", "message": "is out of range",
    }  # fmt: skip
    large = {"title": "d", "tags": ["x" * 90_000] * 3}
    answer = assert_problem(await library.call("admin", "POST", "/v1/books", large), 422, "invalid")
    assert answer["errors"][0]["code"] == "too_large"
    assert len(await library.rows("SELECT id FROM journal")) == 1


async def test_a_row_that_another_holds_is_waited_for_in_vain(library: Library) -> None:
    made = await library.call("admin", "POST", "/v1/books", {"title": "Emma"})
    async with await psycopg.AsyncConnection.connect(library.url) as other:
        await other.execute("SELECT FROM book FOR UPDATE")
        answer = await library.call(
            "admin", "PATCH", made.headers["location"], {"pages": 5}, if_match="*", key="k"
        )
    assert_problem(answer, 503, "locked")
    assert answer.headers["retry-after"] == "1"
    again = await library.call(
        "admin", "PATCH", made.headers["location"], {"pages": 5}, if_match="*", key="k"
    )
    assert (again.status_code, again.json()["pages"]) == (200, 5)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/v1/books", "deadlock_detected"),
        ("/v1/books", "lock_not_available"),
        ("/v1/books", "serialization_failure"),
        ("/v1/books/pairs", "deadlock_detected"),
    ],
)
async def test_what_collides_is_done_anew(library: Library, path: str, error: str) -> None:
    collide(library.url, "book", times=2, error=error)
    answer = await library.call("admin", "POST", path, {"title": "Emma"}, key="k")
    assert answer.status_code == 201
    books = await library.rows("SELECT id FROM book")
    assert len(books) == len(await library.rows("SELECT id FROM journal")) == (2 if "pairs" in path else 1)


async def test_what_collides_three_times_is_refused(library: Library) -> None:
    collide(library.url, "book", times=3)
    answer = await library.call("admin", "POST", "/v1/books", {"title": "Emma"}, key="k")
    assert_problem(answer, 503, "locked")
    assert await library.rows("SELECT id FROM book") == []
    assert (await library.call("admin", "POST", "/v1/books", {"title": "Emma"}, key="k")).status_code == 201


async def test_hands_in_each_others_way_are_told_to_come_back(library: Library) -> None:
    one, other = [
        (await library.call("admin", "POST", "/v1/books", {"title": title})).headers["location"]
        for title in ("Emma", "Persuasion")
    ]
    async with await psycopg.AsyncConnection.connect(library.url) as held:
        await held.execute("SET deadlock_timeout = '10s'")
        await held.execute("SELECT FROM book WHERE title = 'Emma' FOR UPDATE")
        library.app.include_router(crossing)
        asked = asyncio.create_task(library.call("admin", "POST", f"/v1/crossing/{other[-36:]}/{one[-36:]}"))
        await asyncio.sleep(0.3)
        with suppress(psycopg.errors.DeadlockDetected):
            await held.execute("SELECT FROM book WHERE title = 'Persuasion' FOR UPDATE")
        answer = await asked
    assert_problem(answer, 503, "locked")
    assert answer.headers["retry-after"] == "1"


async def test_a_database_that_ends_its_sessions_is_a_passing_trouble(library: Library) -> None:
    await library.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()"
    )
    answers = [await library.call("admin", "GET", "/v1/books") for _ in range(12)]
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert answers[-1].status_code == 200


@pytest.mark.parametrize("path", ["standby", "idle"])
async def test_a_database_that_fails_over_is_a_passing_trouble(library: Library, path: str) -> None:
    library.app.include_router(failing)
    answer = await library.call("admin", "POST", f"/v1/failing/{path}")
    assert_problem(answer, 503, "database")
    assert answer.headers["retry-after"] == "1"


async def test_health_tells_alive_from_ready(library: Library) -> None:
    assert (await library.client.get("/healthz")).json() == {"status": "alive"}
    assert (await library.client.get("/readyz")).json() == {"status": "ready"}
