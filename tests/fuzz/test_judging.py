"""What an answer must not be is found in it, and ordinary answers are left alone."""

import asyncio
import json
import random

import pytest

from deploy.local.stack import ROOT
from tests.fuzz.judging import Verdict
from tests.fuzz.run import OFFENDERS, attack
from tests.fuzz.test_conforming import checked, document
from tests.fuzz.tricks import Tricks
from tests.fuzz.wire import Answered, Hostile

REQUEST = Hostile("plain", "GET", b"/v1/accounts")
VERDICT = Verdict((b"Quondam",))
PROBLEM = dict.fromkeys(("type", "title", "detail", "code", "request_id"), "") | {"status": 404}
HEAD = b"HTTP/1.1 404 Not Found\r\ncontent-type: application/problem+json"


def refused(head: bytes = HEAD, **told: object) -> Answered:
    return Answered(404, head, json.dumps(PROBLEM | told).encode())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answered(500, HEAD, json.dumps(PROBLEM).encode()), "answered 500"),
        (Answered(503, HEAD, json.dumps(PROBLEM).encode()), "answered 503"),
        (refused(detail='Traceback (most recent call last):\\n  File "x"'), "shows its inside: Traceback"),
        (refused(detail="psycopg.errors.SyntaxError"), "shows its inside: psycopg"),
        (Answered(200, b"", b"SELECT name FROM account"), "shows its inside: SELECT name FROM"),
        (refused(detail=f"not below {ROOT}/services"), "shows a path of the machine"),
        (Answered(200, b"", b'{"items": [{"name": "Quondam Works"}]}'), "shows somebody else's row"),
        (refused(HEAD.replace(b"problem+json", b"json")), "answered 404 without a problem"),
        (Answered(None), "ended without an answer"),
        (Answered(None, b"SSH-2.0-OpenSSH"), "was answered with what is no HTTP"),
        (Answered(404, HEAD, b'{"status": 404}'), "a problem without code, detail, request_id, title, type"),
    ],
)
def test_what_must_not_be_answered_is_found(answer: Answered, said: str) -> None:
    assert VERDICT.wrong(REQUEST, answer) == said


@pytest.mark.parametrize(
    "answer",
    [
        Answered(200, b"HTTP/1.1 200 OK", b'{"items": []}'),
        refused(instance="/v1/accounts/x.py"),
        Answered(400, b"", b"Invalid HTTP request received."),
    ],
)
def test_what_may_be_answered_is_let_be(answer: Answered) -> None:
    assert VERDICT.wrong(REQUEST, answer) is None


def tricks() -> Tricks:
    """Tricks upon an API of one operation."""
    chance = random.Random(7)  # noqa: S311  # picks requests, guards nothing
    ids = ("01a20127-d823-77b7-8f2d-d7bc50c99046",)
    return Tricks(
        document({"/v1/checks": checked}), "e30.e30.e30", "e30.e30.e31", ids, ("abc",), ("def",), chance
    )


async def test_a_server_that_hangs_up_gets_nothing_through_but_what_is_no_http() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1")
    async with server:
        outcome = await attack(server.sockets[0].getsockname()[1], tricks(), VERDICT, 500)
    assert len(outcome.offenders) >= OFFENDERS
    assert all("ended without an answer" in each for each in outcome.offenders)


def test_only_tricks_that_break_http_may_go_unanswered() -> None:
    made, unanswered = tricks(), Answered(None)
    requests = [made.request() for _ in range(500)]
    let_be = {each.kind for each in requests if VERDICT.wrong(each, unanswered) is None}
    assert let_be == {"headers", "length", "cut_upload"}


def test_what_must_be_refused_may_not_be_taken_in() -> None:
    upload = Hostile("upload", "POST", b"/v1/accounts/imports", refused=True)
    assert VERDICT.wrong(upload, Answered(202, b"HTTP/1.1 202 Accepted", b"{}")) == "was taken in with 202"
