"""`foothold api` asks what it is told to, and says what went wrong in one sentence."""

import subprocess
import sys

import httpx
import pytest

from deploy.local import asking
from deploy.local.problems import StackProblem
from deploy.local.stack import ROOT


def client(answer: httpx.Response, asked: list[httpx.Request]) -> httpx.Client:
    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    return httpx.Client(transport=httpx.MockTransport(handle), base_url="http://gateway.test")


def ask(
    path: str, *, method: str | None = None, data: str | None = None, headers: tuple[str, ...] = ()
) -> httpx.Request:
    asked: list[httpx.Request] = []
    with client(httpx.Response(200, json={}), asked) as to:
        asking.ask(to, path, method=method, data=data, headers=headers)
    return asked[0]


def test_path_alone_is_a_get() -> None:
    request = ask("/v1/accounts?q=acme&limit=2")
    assert (request.method, request.url.path, request.url.query) == ("GET", "/v1/accounts", b"q=acme&limit=2")
    assert "Idempotency-Key" not in request.headers


def test_data_makes_a_post_with_a_key_of_its_own() -> None:
    first, second = (ask("/v1/activities", data='{"type":"CALL"}') for _ in range(2))
    assert first.method == "POST"
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]


def test_method_and_headers_are_the_callers() -> None:
    request = ask(
        "/v1/accounts/1", method="patch", data="{}", headers=('If-Match: "3"', "Idempotency-Key:mine")
    )
    assert request.method == "PATCH"
    assert request.headers["If-Match"] == '"3"'
    assert request.headers["Idempotency-Key"] == "mine"


def test_header_without_a_colon_is_refused() -> None:
    with pytest.raises(StackProblem, match="'If-Match' is no header"):
        ask("/v1/me", headers=("If-Match",))


def test_silence_is_told_in_a_sentence() -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with (
        httpx.Client(transport=httpx.MockTransport(silent), base_url="http://gateway.test") as to,
        pytest.raises(StackProblem, match=r"The API at http://gateway\.test does not answer: refused"),
    ):
        asking.ask(to, "/v1/me", method=None, data=None, headers=())


def test_answer_is_shown_over_lines_and_in_its_own_letters() -> None:
    assert asking.shown(httpx.Response(200, json={"name": "林晓燕"})) == '{\n  "name": "林晓燕"\n}'


def test_answer_that_is_no_json_is_shown_as_it_is() -> None:
    assert asking.shown(httpx.Response(200, text="<p>")) == "<p>"


def test_head_is_the_status_and_each_field() -> None:
    answer = httpx.Response(304, headers={"ETag": '"3"', "X-Request-Id": "r"})
    assert asking.head(answer) == 'HTTP/1.1 304 Not Modified\netag: "3"\nx-request-id: r'


def test_what_is_picked_is_shown_bare() -> None:
    answer = httpx.Response(200, json={"items": [{"id": "a"}, {"id": "b"}]})
    assert asking.shown(answer, "items.1.id") == "b"
    assert asking.shown(answer, "items.0") == '{\n  "id": "a"\n}'


@pytest.mark.parametrize("path", ["items.2.id", "items.x", "nothing", "items.0.id.more"])
def test_what_is_not_there_to_pick_is_told(path: str) -> None:
    answer = httpx.Response(200, json={"items": [{"id": "a"}]})
    with pytest.raises(StackProblem, match="The answer has no"):
        asking.shown(answer, path)


def test_refusal_is_shown_whole_whatever_was_to_be_picked() -> None:
    answer = httpx.Response(404, json={"code": "not_found"})
    assert '"not_found"' in asking.shown(answer, "items.0.id")


def test_a_command_that_asks_starts_without_the_clients_of_the_servers() -> None:
    seen = "import sys, deploy.local.command; print({'kafka', 'psycopg', 'jgo'} & set(sys.modules) or 'none')"
    ran = subprocess.run([sys.executable, "-c", seen], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout == "none\n"
