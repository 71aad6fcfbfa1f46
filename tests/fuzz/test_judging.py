"""What an answer must not be is found in it, and ordinary answers are left alone."""

import json

import pytest

from deploy.local.stack import ROOT
from tests.fuzz.judging import Verdict
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
        Answered(None),
    ],
)
def test_what_may_be_answered_is_let_be(answer: Answered) -> None:
    assert VERDICT.wrong(REQUEST, answer) is None
