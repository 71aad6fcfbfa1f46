"""The door: paths that two readers could understand differently stay outside, and logs name routes, not rows."""

from urllib.parse import quote

import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from deploy.local import openapi
from gateway.routes.door import judged, template
from gateway.upstreams import MOST_SEGMENTS, NOUNS, WORDS
from services.kit.problems import BadRequest, NotFound
from tests.gateway.standing import ACCOUNT, Standing
from tests.problems import assert_problem

TRICKS = [
    "/v1/accounts/../members",
    "/v1/accounts/./x",
    "/v1/accounts/%2e%2e/members",
    "/v1/accounts/.%2E/members",
    "/v1/accounts/%2e",
    "/v1/accounts/..",
    "/v1/accounts//x",
    "/v1//accounts",
    "/v1/accounts/x%2Fy",
    "/v1/accounts/x%2fview",
    "/v1/accounts/x%5Cy",
    "/v1/accounts/x\\y",
    "/v1/accounts/x%00y",
    "/v1/accounts/x%0d%0aHost:%20evil",
    "/v1/accounts/%ff%fe",
    "/v1/accounts/%E2%80%AE",
    "/v1/accounts/%7F",
]


@pytest.mark.parametrize("path", TRICKS)
def test_tricks_with_paths_are_refused(path: str) -> None:
    with pytest.raises(BadRequest) as refused:
        judged(path.encode())
    assert refused.value.code == "path_malformed"


@pytest.mark.parametrize("path", ["/v1/accounts/", "/v1/"])
def test_a_slash_at_the_end_names_nothing(path: str) -> None:
    with pytest.raises(NotFound):
        judged(path.encode())


@pytest.mark.parametrize("given", ["远景", "Müller & Söhne", "a:b;c=d,e", "50%", "x.y", "...", "%2F"])
def test_ordinary_words_pass_in_any_writing(given: str) -> None:
    assert judged(f"/v1/accounts/{quote(given)}".encode()) == ["v1", "accounts", given]


@pytest.mark.parametrize("path", TRICKS)
async def test_tricks_reach_nobody(path: str, stand: Standing) -> None:
    answer = await asked_raw(stand, path.encode())
    assert answer[0]["status"] == 400
    assert not any(straw.seen for straw in stand.straws.values())


@pytest.mark.parametrize(
    "path", ["//v1/accounts", "/%761/accounts", "/V1/accounts", "/v1", "/v1%2Faccounts", "/../v1/accounts"]
)
async def test_what_only_resembles_the_api_is_not_found(path: str, stand: Standing) -> None:
    answer = await asked_raw(stand, path.encode())
    assert answer[0]["status"] == 404
    assert not any(straw.seen for straw in stand.straws.values())


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/accounts-", "/v1/Accounts", "/v1/healthz", "/v1/openapi.json"]
)
async def test_an_unknown_noun_is_not_found(path: str, stand: Standing) -> None:
    for headers in ({}, {"Authorization": ""}):
        answer = await stand.client.get(path, headers=headers)
        assert_problem(answer, 404, "not_found")
        assert "ratelimit" not in answer.headers


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
async def test_of_other_methods_the_owner_of_the_path_says_which_it_takes(
    method: str, stand: Standing
) -> None:
    stand.straws["contacts"].answers(405, Allow="GET, POST")
    answer = await stand.client.request(method, "/v1/accounts")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert [seen.method for seen in stand.straws["contacts"].seen] == ["OPTIONS"]


async def test_a_query_of_raw_bytes_is_refused(stand: Standing) -> None:
    answer = await asked_raw(stand, b"/v1/accounts", query=b"q=\xff")
    assert answer[0]["status"] == 400


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/accounts", "/v1/accounts"),
        (f"/v1/accounts/{ACCOUNT}", "/v1/accounts/{id}"),
        (f"/v1/accounts/{ACCOUNT}/view", "/v1/accounts/{id}/view"),
        (f"/v1/opportunities/{ACCOUNT}/stakeholders/{ACCOUNT}", "/v1/opportunities/{id}/stakeholders/{id}"),
        (f"/v1/accounts/imports/{ACCOUNT}/report", "/v1/accounts/imports/{id}/report"),
        ("/v1/accounts/by-external-id/crm/mueller", "/v1/accounts/by-external-id/{value}/{value}"),
        ("/v1/accounts/Anna Meier", "/v1/accounts/{value}"),
        ("/v1/accounts/meier", "/v1/accounts/{value}"),
        ("/v1/accounts/anna.meier@example.com/view", "/v1/accounts/{value}/view"),
        ("/v1/anna-meier/1", "unmatched"),
        ("/v1/accounts/a/b/c/d/e/f/g", "unmatched"),
    ],
)
def test_logs_name_routes_and_no_rows(path: str, shown: str) -> None:
    assert template(path[1:].split("/")) == shown


async def test_the_access_line_of_a_forwarded_request(stand: Standing) -> None:
    with capture_logs() as lines:
        await stand.client.get(f"/v1/accounts/{ACCOUNT}?q=Meier")
    assert [(line["route"], line["status"], line["service"]) for line in lines] == [
        ("/v1/accounts/{id}", 200, "gateway")
    ]


async def asked_raw(stand: Standing, path: bytes, query: bytes = b"") -> list[Message]:
    """The messages of the answer to a path that no client library would send."""
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": path.decode("latin-1"),
        "raw_path": path,
        "query_string": query,
        "headers": [(b"authorization", stand.client.headers["authorization"].encode())],
        "root_path": "",
        "scheme": "http",
        "server": ("gateway.test", 80),
        "http_version": "1.1",
    }
    await stand.app(scope, nothing, keep)
    return sent


def test_logs_know_the_words_of_every_route_and_no_others() -> None:
    paths = [path[1:].split("/") for path in openapi.document()["paths"] if path.startswith("/v1/")]
    words = {each for path in paths for each in path[2:] if not each.startswith("{")}
    assert words == WORDS
    assert {path[1] for path in paths} == NOUNS
    assert max(map(len, paths)) <= MOST_SEGMENTS
