"""Seen from outside: request ids, access lines, crashes, sizes of bodies, and what never reaches a log."""

import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
import structlog
from fastapi import APIRouter, FastAPI, Request
from httpx import ASGITransport, AsyncClient
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from services.kit.bodies import MAX_BODY, MAX_DRAINED, MAX_UPLOAD, BodyLimit
from services.kit.logs import stamped_by
from services.kit.redaction import redact, without_trace_text
from services.kit.telemetry import Telemetry, request_id_of, traceparent_of
from tests.problems import assert_problem

JSON = {"Content-Type": "application/json"}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def sample() -> FastAPI:
    """An app with a route of each kind."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    rows = APIRouter(prefix="/v1")

    @rows.get("/rows/{row_id}/parts/{part}")
    async def show(request: Request, row_id: str, part: str) -> dict[str, str | None]:  # pyright: ignore[reportUnusedFunction]
        return {"request_id": request_id_of(request.scope), "traceparent": traceparent_of(request.scope)}

    @rows.post("/rows")
    @rows.post("/rows/imports")
    async def take(request: Request) -> dict[str, int]:  # pyright: ignore[reportUnusedFunction]
        return {"size": len(await request.body())}

    @rows.get("/crash")
    async def crash() -> None:  # pyright: ignore[reportUnusedFunction]
        raise ValueError('no such person: "Anna Meier" (anna.meier@example.com)')

    app.include_router(rows)
    app.add_middleware(BodyLimit)
    app.add_middleware(Telemetry, service="sample")
    return app


def client_of(app: ASGIApp) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://sample.test")


@pytest.fixture
async def client() -> AsyncGenerator[AsyncClient]:
    async with client_of(sample()) as opened:
        yield opened


# Request ids


@pytest.mark.parametrize("given", ["abcdefgh", "0197-aa.bb_CC", "a" * 64])
async def test_a_sane_request_id_is_taken_over(given: str, client: AsyncClient) -> None:
    answer = await client.get("/v1/rows/1/parts/2", headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == (given, given)


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "has spaces", 'quo"te-quote', "me@example.com", "-leading-dash"]
)
async def test_another_request_id_is_made_afresh(given: str, client: AsyncClient) -> None:
    answer = await client.get("/v1/rows/1/parts/2", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 36


async def test_each_request_has_an_id_of_its_own(client: AsyncClient) -> None:
    ids = {(await client.get("/nowhere")).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(("given", "read"), [(TRACEPARENT, TRACEPARENT), ("00-abc-01", None), ("", None)])
async def test_traceparent_is_read_if_it_is_one(given: str, read: str | None, client: AsyncClient) -> None:
    answer = await client.get("/v1/rows/1/parts/2", headers={"traceparent": given})
    assert answer.json()["traceparent"] == read


# Access lines


async def test_an_access_line_names_the_route_and_no_row(client: AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get(
            "/v1/rows/anna.meier@example.com/parts/7?q=Meier", headers={"Authorization": "Bearer abc"}
        )
    [line] = lines
    assert line.pop("ms") >= 0
    assert line == {
        "event": "answered",
        "log_level": "info",
        "service": "sample",
        "method": "GET",
        "route": "/v1/rows/{row_id}/parts/{part}",
        "status": 200,
    }


async def test_a_path_of_no_route_is_not_written_down(client: AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/anna.meier@example.com")
    assert (lines[0]["route"], lines[0]["status"]) == ("unmatched", 404)


# Crashes


async def test_a_crash_is_a_problem_without_detail_and_a_logged_trace(client: AsyncClient) -> None:
    with capture_logs(processors=[without_trace_text, redact]) as lines:
        answer = await client.get("/v1/crash")
    assert_problem(answer, 500, "internal")
    assert "Meier" not in answer.text
    crashed = lines[0]["exception"][0]
    assert crashed["type"] == "builtins.ValueError"
    assert crashed["frames"][-1].endswith(" crash")
    assert "eier" not in json.dumps(lines)
    assert lines[1]["status"] == 500


async def test_a_crash_after_the_answer_began_leaves_it_unfinished() -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError

    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await Telemetry(half, service="sample")(scope, nothing, keep)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"]


async def test_what_is_not_http_goes_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing() -> Message:
        return {}

    async def drop(message: Message) -> None: ...

    await Telemetry(BodyLimit(app), service="sample")({"type": "lifespan"}, nothing, drop)
    assert seen == ["lifespan"]


# Sizes


async def test_a_body_of_the_allowed_size_is_read(client: AsyncClient) -> None:
    answer = await client.post("/v1/rows", content=b"x" * MAX_BODY, headers=JSON)
    assert answer.json() == {"size": MAX_BODY}


async def test_a_body_one_byte_too_large_is_refused(client: AsyncClient) -> None:
    answer = await client.post("/v1/rows", content=b"x" * (MAX_BODY + 1), headers=JSON)
    assert_problem(answer, 413, "body_too_large")
    assert "connection" not in answer.headers


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_body_of_untold_length_is_counted(client: AsyncClient) -> None:
    good = await client.post("/v1/rows", content=pieces(10, MAX_BODY // 10), headers=JSON)
    bad = await client.post("/v1/rows", content=pieces(11, MAX_BODY // 10), headers=JSON)
    assert good.json() == {"size": MAX_BODY}
    assert_problem(bad, 413, "body_too_large")


async def test_a_huge_body_is_not_read_to_its_end(client: AsyncClient) -> None:
    answer = await client.post("/v1/rows", content=pieces(40, 1_000_000), headers=JSON)
    assert_problem(answer, 413, "body_too_large")
    assert answer.headers["connection"] == "close"


async def test_a_huge_body_of_told_length_is_not_read_at_all(client: AsyncClient) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError
        yield b""

    headers = {**JSON, "Content-Length": str(MAX_DRAINED + 1)}
    answer = await client.post("/v1/rows", content=unread(), headers=headers)
    assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "kind", "status"),
    [
        ("/v1/rows/imports", "multipart/form-data; boundary=x", 200),
        ("/v1/rows", "multipart/form-data; boundary=x", 413),
        ("/v1/rows/imports", "application/json", 413),
        ("/v1/rows/imports", "text/multipart/form-data", 413),
    ],
)
async def test_only_multipart_imports_may_be_large(
    path: str, kind: str, status: int, client: AsyncClient
) -> None:
    answer = await client.post(path, content=b"x" * 2_000_000, headers={"Content-Type": kind})
    assert answer.status_code == status


async def test_even_imports_have_an_end(client: AsyncClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(MAX_UPLOAD + 1)}
    answer = await client.post("/v1/rows/imports", content=pieces(1, 1), headers=headers)
    assert_problem(answer, 413, "body_too_large")


async def test_an_app_that_answers_before_reading_is_not_disturbed() -> None:
    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})
        while (await receive())["type"] == "http.request":
            pass
        await send({"type": "http.response.body", "body": b"done"})

    async with client_of(BodyLimit(hasty)) as client:
        answer = await client.post("/", content=pieces(3, MAX_BODY))
    assert (answer.status_code, answer.text) == (202, "done")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("headers", "version", "read"),
    [
        ([(b"connection", b"close"), (b"content-length", b"3")], "1.1", 3),
        ([(b"connection", b"close"), (b"transfer-encoding", b"chunked")], "1.1", 3),
        ([(b"content-length", b"3")], "1.0", 3),
        ([(b"content-length", b"3")], "1.1", 0),
        ([(b"connection", b"close"), (b"content-length", b"3"), (b"expect", b"100-continue")], "1.1", 0),
    ],
)
async def test_an_answer_that_ends_its_connection_waits_for_the_body(
    headers: list[tuple[bytes, bytes]], version: str, read: int, method: str
) -> None:
    happened: list[str] = []

    async def receive() -> Message:
        happened.append("read")
        return {"type": "http.request", "body": b"x", "more_body": len(happened) < 3}

    async def send(message: Message) -> None:
        happened.append(message["type"])

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "headers": headers,
        "http_version": version,
    }
    await BodyLimit(Response(b"done"))(scope, receive, send)
    assert happened == [*["read"] * read, "http.response.start", "http.response.body"]


# Redaction


def redacted(**event: Any) -> str:
    return json.dumps(redact(None, "info", event))


@pytest.mark.parametrize(
    "secret",
    [
        {"event": "asked with Bearer abc.def.ghi"},
        {"event": "asked with bearer   abc.def.ghi"},
        {"event": "eyJhbGciOi.abc.def is no good", "x": "eyJhbGciOi.abc.def"},
        {"url": "postgresql://foothold:abc@127.0.0.1/x"},
        {"event": "mail abc@example.com"},
        {"who": "abc.def+x@mail.example.com"},
        {"event": "call +49 170 abc +49 (170) 1234567"},
        {"password": "abc"},
        {"authorization": "abc"},
        {"name": "abc"},
        {"phones": ["abc"]},
        {"row": {"display_name": "abc", "Email": "abc"}},
        {"rows": [{"note": "abc"}]},
        {"body": b"abc"},
        {"given": ("mail abc@example.com",)},
        {"error": ValueError("abc@example.com")},
    ],
)
def test_what_is_secret_is_taken_out(secret: dict[str, Any]) -> None:
    text = redacted(**secret)
    assert "abc@" not in text
    assert "abc.def" not in text
    assert "1234567" not in text
    assert "abc" not in text.replace("call +49 170 abc", "")


def test_what_is_not_secret_stays() -> None:
    event = {
        "event": "answered",
        "route": "/v1/rows/{id}",
        "status": 200,
        "ms": 1.5,
        "ok": True,
        "none": None,
    }
    assert redact(None, "info", dict(event)) == event


def test_causes_of_an_exception_are_told_without_what_they_quote() -> None:
    try:
        try:
            raise KeyError("Anna Meier")
        except KeyError as inner:
            raise LookupError('no row "Meier"\nDETAIL: Key (name)=(Meier)') from inner
    except LookupError as error:
        event = without_trace_text(None, "error", {"event": "x", "exc_info": error})
    told = event["exception"]
    assert [cause["type"] for cause in told] == ["builtins.LookupError", "builtins.KeyError"]
    assert [cause["said"] for cause in told] == ["no row …", "…"]


@pytest.mark.parametrize("exc_info", [None, False, True, (None, None, None)])
def test_no_exception_is_no_exception(exc_info: object) -> None:
    assert without_trace_text(None, "error", {"event": "x", "exc_info": exc_info}) == {"event": "x"}


def test_a_group_of_exceptions_shows_its_first() -> None:
    group = ExceptionGroup("several", [ValueError("a"), TypeError("b")])
    told = without_trace_text(None, "error", {"event": "x", "exc_info": group})["exception"]
    assert [cause["type"] for cause in told] == ["builtins.ExceptionGroup", "builtins.ValueError"]


_PROCESS = """
import logging, structlog
log = structlog.get_logger(service="sample")
from services.kit.logs import configure_logging
configure_logging("info", process="sample-api")
log.info("ours", token="abc", q="Größe")
log.debug("too quiet")
logging.getLogger("library").warning("theirs %s", "abc@example.com")
try:
    raise ValueError("'abc'")
except ValueError:
    log.exception("failed")
"""


def test_a_process_writes_json_lines_of_its_own_and_of_libraries() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _PROCESS], capture_output=True, check=True, text=True, encoding="utf-8"
    )
    ours, theirs, failed = (json.loads(line) for line in run.stdout.splitlines())
    assert (ours["event"], ours["process"], ours["service"], ours["q"]) == (
        "ours",
        "sample-api",
        "sample",
        "Größe",
    )
    assert ours["at"].endswith("Z")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("theirs [mail]", "library", "warning")
    assert failed["exception"][0]["said"] == "…"
    assert "abc" not in run.stdout
    assert run.stderr == ""


async def test_lines_written_within_a_request_carry_its_id() -> None:
    inner = structlog.get_logger()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        inner.info("within")
        raise LookupError

    with capture_logs(processors=[stamped_by("sample")]) as lines:
        async with client_of(Telemetry(app, service="sample")) as client:
            await client.get("/", headers={"X-Request-Id": "abcdefgh"})
    assert {line["request_id"] for line in lines} == {"abcdefgh"}
