"""A caller that asks twice gets the first answer twice, and the effect once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from services.kit import idempotency
from services.kit.run import parts_of
from services.kit.sweeper import Sweeper
from tests.conftest import DatabaseUrl
from tests.kit.library import SERVICE, Library, database, opened, prepare, told
from tests.problems import assert_problem

EMMA = {"title": "Emma", "external_ids": {"shop": "1"}}


@pytest.fixture
async def library(database_url: DatabaseUrl) -> AsyncIterator[Library]:
    async with opened(database_url("keys", prepare)) as it:
        yield it


async def counted(library: Library) -> tuple[int, int, int]:
    [row] = await library.rows(
        "SELECT (SELECT count(*) FROM book) AS books, (SELECT count(*) FROM journal) AS entries,"
        " (SELECT count(*) FROM idempotency_key) AS keys"
    )
    return row["books"], row["entries"], row["keys"]


def assert_replays(first: Any, second: Any) -> None:
    """The second answer is the first one, and says so."""
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert (second.status_code, second.content) == (first.status_code, first.content)
    for name in ("etag", "location", "content-type"):
        assert second.headers.get(name) == first.headers.get(name), name


async def test_a_repeated_create_is_answered_as_before(library: Library) -> None:
    first = await library.call("admin", "POST", "/v1/books", EMMA, key="k1")
    assert first.status_code == 201
    await library.call("admin", "PATCH", first.headers["location"], {"title": "Persuasion"}, if_match="*")
    second = await library.call("admin", "POST", "/v1/books", EMMA, key="k1")
    assert_replays(first, second)
    assert await counted(library) == (1, 2, 1)


async def test_a_repeated_patch_is_answered_as_before(library: Library) -> None:
    made = await library.call("admin", "POST", "/v1/books", EMMA)
    path = made.headers["location"]
    first = await library.call("admin", "PATCH", path, {"pages": 5}, if_match='"1"', key="k1")
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    assert_replays(first, await library.call("admin", "PATCH", path, {"pages": 5}, if_match='"1"', key="k1"))
    await library.call("admin", "PATCH", path, {"pages": 6}, if_match='"2"')
    assert_replays(first, await library.call("admin", "PATCH", path, {"pages": 5}, if_match='"1"', key="k1"))
    assert await counted(library) == (1, 3, 1)


async def test_a_repeated_patch_of_any_version_does_not_undo_what_came_between(library: Library) -> None:
    path = (await library.call("admin", "POST", "/v1/books", EMMA)).headers["location"]
    first = await library.call("admin", "PATCH", path, {"pages": 5}, if_match="*", key="k1")
    for between in ({"pages": 6}, {"price": 7}, {"pages": 5}):
        await library.call("admin", "PATCH", path, between, if_match="*")
        assert_replays(
            first, await library.call("admin", "PATCH", path, {"pages": 5}, if_match="*", key="k1")
        )
    assert (await library.call("admin", "GET", path)).json()["version"] == 5


async def test_a_patch_that_says_nothing_new_is_answered_as_before(library: Library) -> None:
    path = (await library.call("admin", "POST", "/v1/books", EMMA)).headers["location"]
    first = await library.call("admin", "PATCH", path, {"title": "Emma"}, if_match='"1"', key="k1")
    assert (first.status_code, first.json()["version"]) == (200, 1)
    await library.call("admin", "PATCH", path, {"title": "Persuasion"}, if_match='"1"')
    assert_replays(
        first, await library.call("admin", "PATCH", path, {"title": "Emma"}, if_match='"1"', key="k1")
    )
    assert (await library.call("admin", "GET", path)).json()["title"] == "Persuasion"


async def test_a_repeated_delete_is_answered_as_before(library: Library) -> None:
    path = (await library.call("admin", "POST", "/v1/books", EMMA)).headers["location"]
    first = await library.call("admin", "DELETE", path, if_match='"1"', key="k1")
    assert (first.status_code, first.content) == (204, b"")
    assert_replays(first, await library.call("admin", "DELETE", path, if_match='"1"', key="k1"))
    assert_problem(await library.call("admin", "DELETE", path, if_match='"1"', key="k2"), 404, "not_found")


async def test_a_repeated_action_is_answered_as_before_though_the_state_would_refuse_it(
    library: Library,
) -> None:
    path = (await library.call("admin", "POST", "/v1/books", EMMA)).headers["location"]
    first = await library.call("admin", "POST", path + "/sale", key="k1")
    assert first.status_code == 200
    assert_replays(first, await library.call("admin", "POST", path + "/sale", key="k1"))
    assert_problem(await library.call("admin", "POST", path + "/sale", key="k2"), 409, "sold")
    await library.call("admin", "DELETE", path, if_match="*")
    assert_replays(first, await library.call("admin", "POST", path + "/sale", key="k1"))
    assert_problem(await library.call("admin", "POST", path + "/sale", key="k2"), 404, "not_found")


async def test_a_refusal_is_not_kept(library: Library) -> None:
    await library.call("admin", "POST", "/v1/books", EMMA)
    assert_problem(await library.call("admin", "POST", "/v1/books", EMMA, key="k1"), 409, "taken")
    assert_problem(await library.call("admin", "POST", "/v1/books", {}, key="k1"), 422, "invalid")
    made = await library.call("admin", "POST", "/v1/books", {"title": "Emma"}, key="k1")
    assert (made.status_code, "idempotency-replayed" in made.headers) == (201, False)


async def test_effects_of_a_transaction_are_repeated_together(library: Library) -> None:
    first = await library.call("admin", "POST", "/v1/books/pairs", EMMA, key="k1")
    assert first.status_code == 201, first.text
    second = await library.call("admin", "POST", "/v1/books/pairs", EMMA, key="k1")
    assert (second.status_code, second.json()) == (201, first.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert await counted(library) == (2, 2, 1)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/books", {"title": "Persuasion"}),
        ("POST", "/v1/books", EMMA | {"pages": 1}),
        ("POST", "/v1/books/pairs", EMMA),
        ("POST", "/v1/books", {"titel": "Emma"}),
        ("PATCH", None, EMMA),
        ("DELETE", None, None),
    ],
)
async def test_another_request_under_the_key_is_refused(
    library: Library, method: str, path: str | None, body: Any
) -> None:
    made = await library.call("admin", "POST", "/v1/books", EMMA, key="k1")
    before = await counted(library)
    answer = await library.call(
        "admin", method, path or made.headers["location"], body, if_match="*", key="k1"
    )
    problem = assert_problem(answer, 422, "invalid")
    assert (problem["errors"][0]["field"], problem["errors"][0]["code"]) == ("Idempotency-Key", "key_reused")
    assert await counted(library) == before


async def test_a_key_is_its_callers_own(library: Library) -> None:
    body = {"title": "Emma"}
    answers = [
        await library.call(who, "POST", "/v1/books", body, key="k1") for who in ("rep", "other", "admin")
    ]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert len({answer.json()["id"] for answer in answers}) == 3


async def test_a_key_counts_for_changes_alone(library: Library) -> None:
    for _ in range(2):
        answer = await library.call("admin", "GET", "/v1/books", key="k1")
        assert (answer.status_code, "idempotency-replayed" in answer.headers) == (200, False)
    assert (await counted(library))[2] == 0


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é".encode("latin-1").decode("latin-1")])
async def test_a_key_is_plain_and_short(library: Library, key: str) -> None:
    headers = [(n.encode(), v.encode()) for n, v in told("admin").items()]
    answer = await library.client.request(
        "POST", "/v1/books", json=EMMA, headers=[*headers, (b"Idempotency-Key", key.encode("latin-1"))]
    )
    problem = assert_problem(answer, 422, "invalid")
    assert problem["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("path", ["/v1/books", "/v1/books/pairs"])
async def test_of_twenty_at_once_one_has_an_effect(library: Library, path: str) -> None:
    answers = await asyncio.gather(*(library.call("admin", "POST", path, EMMA, key="k1") for _ in range(20)))
    good = [answer for answer in answers if answer.status_code == 201]
    assert good
    assert len({answer.content for answer in good}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in good) == 1
    for answer in answers:
        if answer.status_code != 201:
            assert_problem(answer, 409, "request_running")
            assert answer.headers["retry-after"] == "1"
    books = 2 if path.endswith("pairs") else 1
    assert await counted(library) == (books, books, 1)


async def test_twenty_changes_at_once_have_one_effect(library: Library) -> None:
    path = (await library.call("admin", "POST", "/v1/books", EMMA)).headers["location"]
    answers = await asyncio.gather(
        *(library.call("admin", "PATCH", path, {"pages": 5}, if_match='"1"', key="k1") for _ in range(20))
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.content for answer in answers if answer.status_code == 200} == {
        (await library.call("admin", "GET", path)).content
    }
    assert await counted(library) == (1, 2, 1)


async def test_while_the_first_runs_the_second_is_told_to_come_back(library: Library) -> None:
    async with await psycopg.AsyncConnection.connect(library.url) as first:
        await first.execute(
            "INSERT INTO idempotency_key (caller, key, fingerprint, status)"
            " VALUES ('https://issuer.test admin', 'k1', '', 200)"
        )
        started = asyncio.get_running_loop().time()
        answer = await library.call("admin", "POST", "/v1/books", EMMA, key="k1")
        waited = asyncio.get_running_loop().time() - started
        await first.rollback()
    assert_problem(answer, 409, "request_running")
    assert answer.headers["retry-after"] == "1"
    assert 1.5 < waited < 6
    assert (await library.call("admin", "POST", "/v1/books", EMMA, key="k1")).status_code == 201


async def test_a_process_with_one_session_replays(database_url: DatabaseUrl) -> None:
    async with opened(database_url("one", prepare), database_pool_size=1) as library:
        async with asyncio.timeout(8):
            for path in ("/v1/books", "/v1/books/pairs"):
                first = await library.call("admin", "POST", path, {"title": "Emma"}, key=path)
                second = await library.call("admin", "POST", path, {"title": "Emma"}, key=path)
                assert (first.status_code, second.content) == (201, first.content)


async def test_every_worker_sweeps(library: Library) -> None:
    settings = library.app.state.settings
    async with database(library.url) as db:
        assert any(isinstance(part, Sweeper) for part in parts_of(SERVICE, settings, db))


async def test_answers_are_kept_for_a_day(library: Library) -> None:
    first = await library.call("admin", "POST", "/v1/books", {"title": "Emma"}, key="old")
    await library.call("admin", "POST", "/v1/books", {"title": "Emma"}, key="young")
    await library.rows(
        "UPDATE idempotency_key SET created_at = now() - CASE key WHEN 'old' THEN interval '24 hours 1 second'"
        " ELSE interval '23 hours 59 minutes' END"
    )
    async with database(library.url) as db:
        await Sweeper(db).sweep()
    assert [row["key"] for row in await library.rows("SELECT key FROM idempotency_key")] == ["young"]
    again = await library.call("admin", "POST", "/v1/books", {"title": "Emma"}, key="old")
    assert again.json()["id"] != first.json()["id"]
    young = await library.call("admin", "POST", "/v1/books", {"title": "Emma"}, key="young")
    assert young.headers["idempotency-replayed"] == "true"


async def test_a_sweep_takes_all_that_is_old_and_leaves_what_others_hold(library: Library) -> None:
    many = idempotency.SWEPT_AT_ONCE + 10
    await library.rows(
        "INSERT INTO idempotency_key (caller, key, fingerprint, status, created_at)"
        " SELECT 'x', n::text, '', 200, now() - interval '2 days' FROM generate_series(1, %(many)s) n",
        many=many,
    )
    async with (
        database(library.url) as db,
        await psycopg.AsyncConnection.connect(library.url) as other,
    ):
        await other.execute("SELECT FROM idempotency_key WHERE key = '7' FOR UPDATE")
        assert await idempotency.sweep(db) == many - 1
        await other.rollback()
        assert await idempotency.sweep(db) == 1


async def test_the_sweeper_makes_the_months_to_come(library: Library) -> None:
    await library.rows(
        "DO $$ DECLARE part text; BEGIN FOR part IN SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'journal'::regclass AND inhrelid <> 'journal_rest'::regclass"
        " LOOP EXECUTE 'DROP TABLE ' || part; END LOOP; END $$"
    )
    await library.call("admin", "POST", "/v1/books", {"title": "Emma"})
    stop = asyncio.Event()
    async with database(library.url) as db:
        running = asyncio.create_task(Sweeper(db, every=0.05).run(stop))
        await asyncio.sleep(0.5)
        stop.set()
        await running
    parts = await library.rows("SELECT inhrelid FROM pg_inherits WHERE inhparent = 'journal'::regclass")
    assert len(parts) == 4
    assert await library.rows("SELECT id FROM journal_rest") == []
    assert len(await library.rows("SELECT id FROM journal")) == 1


async def test_the_sweeper_outlives_a_database_that_does_not_answer(library: Library) -> None:
    await library.rows("ALTER TABLE idempotency_key RENAME TO hidden")
    stop = asyncio.Event()
    async with database(library.url) as db:
        with capture_logs() as logs:
            running = asyncio.create_task(Sweeper(db).run(stop))
            async with asyncio.timeout(10):
                while not logs:  # noqa: ASYNC110  # what it waits for is said in the log alone
                    await asyncio.sleep(0.05)
            stop.set()
            await running
    assert logs[0]["event"] == "sweep_failed"
    assert Sweeper(db).ready() is None
