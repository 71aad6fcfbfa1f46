"""Under pressure: a deadline ends the statement as well, dear requests leave room, slow callers hold nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

import pytest
from fastapi import Query, Response

from services.kit.answers import json_text
from services.kit.pressure import Pressure, dear
from services.kit.routing import CallDep, Reading, Statement, router
from tests.conftest import DatabaseUrl
from tests.gateway.standing import until
from tests.kit.library import Library, opened, prepare, told
from tests.problems import assert_problem

slow = router("slow")
Seconds = Annotated[float, Query(ge=0, le=60)]


@slow.get("/nap")
async def nap(seconds: Seconds, tx: Reading) -> Response:
    await tx.execute("SELECT pg_sleep(%(seconds)s) AS napping", {"seconds": seconds})
    return json_text("{}")


@slow.post("/nap")
async def nap_and_write(seconds: Seconds, tx: Statement) -> Response:
    await tx.execute(
        "INSERT INTO journal_queue SELECT 1, now() FROM pg_sleep(%(s)s) AS napping", {"s": seconds}
    )
    return json_text("{}")


@slow.get("/sum")
@dear
async def sum_up(seconds: Seconds, tx: Reading) -> Response:
    await tx.execute("SELECT pg_sleep(%(seconds)s) AS napping", {"seconds": seconds})
    return json_text("{}")


@slow.get("/news")
async def news(wait: Seconds, tx: Reading) -> Response:
    await tx.execute("SELECT pg_sleep(%(seconds)s)", {"seconds": wait})
    return json_text("{}")


@slow.get("/dawdle", openapi_extra={"parameters": []})
async def dawdle(tx: Reading) -> Response:
    await tx.execute("SELECT pg_sleep(3)")
    return json_text("{}")


@slow.get("/quick")
async def quick(call: CallDep, tx: Reading) -> Response:
    await tx.execute("SELECT 1")
    return json_text("{}")


@pytest.fixture
async def library(database_url: DatabaseUrl) -> AsyncIterator[Library]:
    async with opened(database_url("pressure", prepare)) as it:
        it.app.router.routes.extend(slow.routes)
        refused = it.app.state.pressure.refused
        it.app.state.pressure = Pressure(seconds=1, dear=2, patience=0.1, refused=refused)
        yield it


def usage(library: Library) -> dict[str, int]:
    return library.app.state.db.usage()


async def napping(library: Library) -> int:
    """How many statements the server is still executing for this library."""
    [row] = await library.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%napping%%' AND state = 'active'"
        " AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    return row["count"]


async def executing(library: Library, statements: int) -> None:
    """Waits until the server executes so many."""
    async with asyncio.timeout(30):
        while await napping(library) < statements:  # noqa: ASYNC110 - what is waited for is the server's state
            await asyncio.sleep(0.01)


async def test_at_its_deadline_a_request_ends_and_its_statement_with_it(library: Library) -> None:
    asked = asyncio.create_task(library.call("rep", "GET", "/v1/nap?seconds=30"))
    await executing(library, 1)
    answer = await asked
    assert_problem(answer, 503, "timeout")
    assert answer.headers["retry-after"] == "1"
    assert await napping(library) == 0
    assert (await library.call("rep", "GET", "/v1/quick")).status_code == 200


async def test_a_write_that_is_ended_leaves_nothing_and_says_what_to_do(library: Library) -> None:
    answer = await library.call("rep", "POST", "/v1/nap?seconds=30")
    assert "Idempotency-Key" in assert_problem(answer, 503, "timeout")["detail"]
    assert await library.rows("SELECT FROM journal_queue") == []


async def test_a_request_that_waits_for_news_has_its_wait_on_top(library: Library) -> None:
    assert (await library.call("rep", "GET", "/v1/news?wait=1.5")).status_code == 200


@pytest.mark.parametrize("query", ["wait=20", "q=wait=", "%77ait=20"])
async def test_a_wait_buys_no_time_where_nobody_waits(library: Library, query: str) -> None:
    assert_problem(await library.call("rep", "GET", f"/v1/dawdle?{query}"), 503, "timeout")


async def test_a_wait_may_be_written_in_any_way(library: Library) -> None:
    assert (await library.call("rep", "GET", "/v1/news?%77ait=1.5")).status_code == 200


async def test_dear_requests_beyond_their_number_are_told_to_come_back(library: Library) -> None:
    answers = await asyncio.gather(*(library.call("rep", "GET", "/v1/sum?seconds=30") for _ in range(5)))
    codes = sorted(answer.json()["code"] for answer in answers)
    assert codes == ["busy", "busy", "busy", "timeout", "timeout"]
    busy = next(answer for answer in answers if answer.json()["code"] == "busy")
    assert_problem(busy, 503, "busy")
    assert busy.headers["retry-after"] == "1"
    shown = (await library.client.get("/metrics")).text
    assert 'foothold_refusals_total{reason="busy",service="library"} 3.0' in shown
    assert 'foothold_refusals_total{reason="timeout",service="library"} 2.0' in shown


async def test_while_dear_ones_run_all_others_go_on(library: Library) -> None:
    dear_ones = [asyncio.create_task(library.call("rep", "GET", "/v1/sum?seconds=30")) for _ in range(20)]
    await executing(library, 2)
    assert (await library.call("rep", "GET", "/v1/quick")).status_code == 200
    assert (await library.client.get("/readyz")).status_code == 200
    assert await napping(library) == 2
    assert {answer.status_code for answer in await asyncio.gather(*dear_ones)} == {503}


@pytest.mark.parametrize(
    "query",
    [
        "count=true",
        "q=em",
        "title[contains]=mm",
        "title%5Bcontains%5D=mm",
        "c%6Funt=true",
        "count=tru%65",
        "%71=em",
        "title[cont%61ins]=mm",
    ],
)
async def test_totals_and_searches_are_dear(library: Library, query: str) -> None:
    dear_ones = [asyncio.create_task(library.call("rep", "GET", "/v1/sum?seconds=30")) for _ in range(2)]
    await executing(library, 2)
    assert_problem(await library.call("rep", "GET", f"/v1/books?{query}"), 503, "busy")
    await asyncio.gather(*dear_ones)
    assert (await library.call("rep", "GET", f"/v1/books?{query}")).status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b", "text/csv"])
async def test_a_body_that_does_not_come_holds_no_connection_and_is_refused(
    library: Library, kind: str
) -> None:
    begun = asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        begun.set()
        yield b"{"
        await asyncio.sleep(30)

    headers = {**told("rep"), "Content-Type": kind}
    await until(lambda: usage(library)["idle"] == 1)
    asked = asyncio.create_task(library.client.post("/v1/books", content=body(), headers=headers))
    await begun.wait()
    assert usage(library)["used"] == 0
    assert_problem(await asked, 408, "body_slow")
