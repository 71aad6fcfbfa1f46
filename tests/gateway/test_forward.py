"""Forwarding: what goes in comes out at the service that owns the noun, and every way in which a service can fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.upstreams import OWNERS
from services.kit.bodies import MAX_BODY
from tests.gateway.standing import ACCOUNT, Standing, reads_itself, spoken, standing, until, whole_body
from tests.problems import assert_problem

WRITES = ("POST", "PUT", "PATCH", "DELETE")
NOUNS = [(noun, service) for service, nouns in OWNERS.items() for noun in nouns]
JSON = {"Content-Type": "application/json"}


# What goes on


@pytest.mark.parametrize(("noun", "service"), NOUNS)
async def test_every_noun_goes_to_its_owner(noun: str, service: str, stand: Standing) -> None:
    await stand.client.get(f"/v1/{noun}?limit=2")
    assert {name: len(straw.seen) for name, straw in stand.straws.items() if straw.seen} == {service: 1}
    assert stand.straws[service].seen[0].target == f"/v1/{noun}?limit=2"


@pytest.mark.parametrize(
    "target",
    [
        f"/v1/accounts/{ACCOUNT}",
        f"/v1/accounts/{ACCOUNT}/views",
        "/v1/accounts?name[contains]=a%20b&name[contains]=%E8%BF%9C&sort=-amount,name&cursor=a%2Fb%3D%3D",
        "/v1/accounts?",
        "/v1/accounts/by-external-id/hub%20spot/M%C3%BCller:1",
        "/v1/accounts/a..b/.hidden",
        "/v1/accounts/%2E%2E%2E",
    ],
)
async def test_targets_arrive_as_they_were_sent(target: str, stand: Standing) -> None:
    async with stand.over_sockets() as port:
        await spoken(port, f"GET {target} HTTP/1.1", stand.client.headers["authorization"])
    assert stand.contacts.seen[0].target == target.rstrip("?")


@pytest.mark.parametrize("method", WRITES)
async def test_writes_go_on_with_body_and_headers(method: str, stand: Standing) -> None:
    headers = {**JSON, "If-Match": '"3"', "Idempotency-Key": "k1", "Accept-Language": "zh"}
    stand.contacts.answers(
        201, b'{"id":1}', etag='"4"', location="/v1/accounts/1", idempotency_replayed="true"
    )
    answer = await stand.client.request(method, "/v1/accounts", content=b'{"name":"x"}', headers=headers)
    [seen] = stand.contacts.seen
    assert (seen.method, seen.body) == (method, b'{"name":"x"}')
    assert [seen.header(name.lower()) for name in headers] == list(headers.values())
    assert (answer.status_code, answer.content) == (201, b'{"id":1}')
    assert answer.headers["etag"] == '"4"'
    assert answer.headers["location"] == "/v1/accounts/1"
    assert answer.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("method", WRITES)
async def test_writes_without_a_body_have_none(method: str, stand: Standing) -> None:
    await stand.client.request(method, "/v1/accounts")
    assert stand.contacts.seen[0].body == b""


async def test_token_request_id_and_trace_go_on(stand: Standing) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await stand.client.get(
        "/v1/accounts", headers={"X-Request-Id": "abcdefgh", "traceparent": trace}
    )
    [seen] = stand.contacts.seen
    assert seen.header("authorization") == stand.client.headers["authorization"]
    assert (seen.header("x-request-id"), seen.header("traceparent")) == ("abcdefgh", trace)
    assert answer.headers.get_list("x-request-id") == ["abcdefgh"]


async def test_a_request_id_made_here_is_the_one_the_service_sees(stand: Standing) -> None:
    answer = await stand.client.get("/v1/accounts", headers={"X-Request-Id": "not sane"})
    seen = [value for name, value in stand.contacts.seen[0].headers if name == "x-request-id"]
    assert seen == [answer.headers["x-request-id"]]


async def test_headers_of_a_connection_stay_on_it(stand: Standing) -> None:
    stand.contacts.answers(keep_alive="timeout=9", proxy_authenticate="Basic", x_kept="yes")
    dropped = {
        "TE": "trailers",
        "Proxy-Authorization": "Basic x",
        "Upgrade": "h2c",
        "X-Secret": "1",
        "Expect": "x",
    }
    headers = {**dropped, "Connection": "X-Secret, upgrade", "X-Kept": "2"}
    answer = await stand.client.get("/v1/accounts", headers=headers)
    names = {name for name, _ in stand.contacts.seen[0].headers}
    assert names.isdisjoint({name.lower() for name in dropped} | {"connection"})
    assert "x-kept" in names
    assert stand.contacts.seen[0].header("host") == f"127.0.0.1:{stand.contacts.port}"
    assert {"keep-alive", "proxy-authenticate"}.isdisjoint(answer.headers)
    assert answer.headers["x-kept"] == "yes"


async def test_nothing_is_said_for_the_caller(stand: Standing) -> None:
    for name in ("accept", "accept-encoding", "user-agent"):
        del stand.client.headers[name]
    await stand.client.post("/v1/accounts", content=b"{}")
    names = {name for name, _ in stand.contacts.seen[0].headers}
    assert names == {"host", "authorization", "content-length", "x-request-id"}


async def test_a_body_of_a_read_is_left_behind(stand: Standing) -> None:
    answer = await stand.client.request("GET", "/v1/accounts", content=b"{}", headers=JSON)
    assert answer.status_code == 200
    assert {"content-length", "content-type"}.isdisjoint(name for name, _ in stand.contacts.seen[0].headers)


async def test_repeated_headers_arrive_and_return_repeated(stand: Standing) -> None:
    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 204, "headers": [(b"link", b"<a>"), (b"link", b"<b>")]}
        )
        await send({"type": "http.response.body"})

    stand.contacts.behave = twice
    answer = await stand.client.get("/v1/accounts", headers=[("x-a", "1"), ("x-a", "2")])
    assert [value for name, value in stand.contacts.seen[0].headers if name == "x-a"] == ["1", "2"]
    assert answer.headers.get_list("link") == ["<a>", "<b>"]


async def test_cookies_of_one_caller_never_reach_another() -> None:
    # Addresses of digits keep no cookies anyway.
    async with standing(host="localhost") as stand:
        stand.contacts.answers(set_cookie="session=1")
        await stand.client.get("/v1/accounts")
        stand.client.cookies.clear()
        await stand.client.get("/v1/accounts")
    assert [seen.header("cookie") for seen in stand.contacts.seen] == [None, None]


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 409, 412, 428, 500, 503])
async def test_answers_come_back_as_they_are(status: int, stand: Standing) -> None:
    body = b"" if status in (204, 304) else b'{"code":"x"}'
    stand.contacts.behave = Response(
        body, status, {"content-type": "application/problem+json", "retry-after": "1"}
    )
    answer = await stand.client.get("/v1/accounts")
    assert (answer.status_code, answer.content) == (status, body)
    assert (answer.headers["content-type"], answer.headers["retry-after"]) == (
        "application/problem+json",
        "1",
    )


async def test_redirects_are_not_followed(stand: Standing) -> None:
    stand.contacts.answers(307, b"", location=f"http://127.0.0.1:{stand.activities.port}/v1/activities")
    assert (await stand.client.get("/v1/accounts")).status_code == 307
    assert stand.activities.seen == []


async def test_compressed_answers_are_not_touched(stand: Standing) -> None:
    stand.contacts.answers(200, b"not really compressed", content_encoding="br")
    async with stand.client.stream("GET", "/v1/accounts") as answer:
        assert b"".join([piece async for piece in answer.aiter_raw()]) == b"not really compressed"


async def test_head_has_no_body(stand: Standing) -> None:
    async with stand.over_sockets() as port:
        answer = await spoken(port, "HEAD /v1/accounts HTTP/1.1", stand.client.headers["authorization"])
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-length: " in head
    assert body == b""


# Streams


async def test_an_upload_is_passed_on_while_it_comes(stand: Standing) -> None:
    first_piece = asyncio.Event()

    @reads_itself
    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"]
        first_piece.set()
        rest = await whole_body(receive)
        await Response(str(len(rest)))(scope, receive, send)

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        await first_piece.wait()
        for _ in range(30):
            yield b"y" * 100_000

    stand.contacts.behave = reading
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await stand.client.post("/v1/accounts/imports", content=pieces(), headers=headers)
    assert answer.status_code == 200
    assert 3_000_000 <= int(answer.text) < 3_100_000


@pytest.mark.parametrize("kind", ["multipart/form-data", "Multipart/Form-Data"])
async def test_an_upload_of_told_length_keeps_it(stand: Standing, kind: str) -> None:
    body = b"x" * 3_000_000
    headers = {"Content-Type": f"{kind}; boundary=b"}
    async with stand.client_over_sockets() as client:
        await client.post("/v1/accounts/imports", content=body, headers=headers)
    [seen] = stand.contacts.seen
    assert (seen.body, seen.header("content-length"), seen.header("transfer-encoding")) == (
        body,
        "3000000",
        None,
    )


async def test_a_long_answer_is_passed_back_while_it_comes(stand: Standing) -> None:
    read = asyncio.Event()

    async def slowly(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await read.wait()
        await send({"type": "http.response.body", "body": b"second"})

    stand.contacts.behave = slowly
    async with stand.client_over_sockets() as client, client.stream("GET", "/v1/accounts") as answer:
        pieces = answer.aiter_bytes()
        assert await anext(pieces) == b"first"
        read.set()
        assert await anext(pieces) == b"second"


async def test_an_answer_larger_than_what_is_read_whole(stand: Standing) -> None:
    stand.contacts.answers(200, b"z" * 3_000_000)
    assert len((await stand.client.get("/v1/accounts")).content) == 3_000_000


async def test_a_caller_that_leaves_takes_the_upload_along(stand: Standing) -> None:
    left = asyncio.Event()

    @reads_itself
    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            assert message["more_body"]
        left.set()

    stand.contacts.behave = reading
    async with stand.over_sockets() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        token = stand.client.headers["authorization"]
        writer.write(
            f"POST /v1/accounts/imports HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 5000000\r\n\r\n".encode()
        )
        writer.write(b"x" * 500_000)
        await writer.drain()
        await until(lambda: bool(stand.contacts.seen))
        writer.close()
        await asyncio.wait_for(left.wait(), 30)
        assert reader.at_eof() or not await reader.read()


@pytest.mark.parametrize("size", [MAX_BODY + 1, 10_000_000])
async def test_a_body_too_large_reaches_nobody(size: int, stand: Standing) -> None:
    answer = await stand.client.post("/v1/accounts", content=b"x" * size, headers=JSON)
    assert_problem(answer, 413, "body_too_large")
    assert stand.contacts.seen == []


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/accounts/by-external-id/crm/imports"])
async def test_what_calls_itself_an_upload_elsewhere_may_not_be_as_large(path: str, stand: Standing) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await stand.client.put(path, content=b"x" * (MAX_BODY + 1), headers=headers)
    assert_problem(answer, 413, "body_too_large")


async def test_a_body_that_grows_too_large_is_cut_off_on_its_way(stand: Standing) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    answer = await stand.client.post("/v1/accounts", content=pieces(), headers=JSON)
    assert_problem(answer, 413, "body_too_large")


# What goes wrong


async def test_a_service_that_is_gone_is_503_until_it_is_back(stand: Standing) -> None:
    await stand.contacts.kill()
    answer = await stand.client.get("/v1/accounts")
    assert "contacts" in assert_problem(answer, 503, "upstream_unreachable")["detail"]
    assert int(answer.headers["retry-after"]) > 0
    assert (await stand.client.get("/v1/opportunities")).status_code == 200
    await stand.contacts.start()
    assert (await stand.client.get("/v1/accounts")).status_code == 200


async def test_a_kept_connection_that_broke_costs_a_read_nothing(stand: Standing) -> None:
    await stand.client.get("/v1/accounts")
    await stand.contacts.kill()
    await stand.contacts.start()
    assert (await stand.client.get("/v1/accounts")).status_code == 200


async def sleeping(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_service_that_does_not_answer_is_504(method: str) -> None:
    async with standing(seconds=0.2) as stand:
        stand.contacts.behave = sleeping
        answer = await stand.client.request(method, "/v1/accounts")
        problem = assert_problem(answer, 504, "upstream_timeout")
    assert ("Idempotency-Key" in problem["detail"]) == (method == "POST")


async def test_what_calls_itself_an_upload_elsewhere_is_given_no_more_time() -> None:
    async with standing(seconds=0.2) as stand:
        stand.contacts.behave = sleeping
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await stand.client.post("/v1/accounts", content=b"x", headers=headers)
        assert_problem(answer, 504, "upstream_timeout")


@pytest.mark.parametrize("method", WRITES)
async def test_a_write_is_never_sent_twice(method: str) -> None:
    async with Cut() as cut, cut.as_contacts() as stand:
        assert (await stand.client.get("/v1/accounts")).status_code == 200
        cut.after_request = True
        answer = await stand.client.request(method, "/v1/accounts", content=b"{}", headers=JSON)
        problem = assert_problem(answer, 503, "upstream_broken")
    assert "Idempotency-Key" in problem["detail"]
    assert [line.split()[0] for line in cut.requests] == ["GET", method]


async def test_a_read_is_sent_again_once() -> None:
    async with Cut() as cut, cut.as_contacts() as stand:
        assert (await stand.client.get("/v1/accounts")).status_code == 200
        cut.after_request = True
        assert_problem(await stand.client.get("/v1/accounts"), 503, "upstream_unreachable")
    assert len(cut.requests) == 3


GARBAGE = [
    b"not HTTP at all\r\n\r\n",
    b"HTTP/9.9 hello\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"\x00\xff" * 5000,
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_is_a_problem(garbage: bytes) -> None:
    async with Cut(answer=garbage) as cut, cut.as_contacts() as stand:
        answer = await stand.client.post("/v1/accounts", content=b"{}", headers=JSON)
        assert_problem(answer, 503, "upstream_broken")
    assert len(cut.requests) == 1


async def test_an_answer_that_breaks_off_breaks_off() -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"
    async with Cut(answer=begun) as cut, cut.as_contacts() as stand, stand.client_over_sockets() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/v1/accounts")


class Cut:
    """A service that speaks one good answer or a given one, and can hang up on a request that it has read."""

    def __init__(self, answer: bytes | None = None) -> None:
        self.requests: list[str] = []
        self.after_request = False
        self._answer = answer
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._speak, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    def as_contacts(self) -> AbstractAsyncContextManager[Standing]:
        """A gateway that takes this for the contacts service."""
        return standing(contacts_url=f"http://127.0.0.1:{self.port}")

    async def _speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            self.requests.append(head.partition(b"\r\n")[0].decode())
            if self.after_request:
                break
            writer.write(self._answer or b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
            if self._answer:
                break
        writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    length = next(
        (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b": 0"
    )
    await reader.readexactly(int(length.partition(b":")[2]))
    return head


# Who may


async def test_no_token_reaches_nobody(stand: Standing) -> None:
    del stand.client.headers["authorization"]
    answer = await stand.client.get("/v1/accounts")
    assert_problem(answer, 401, "token_missing")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert stand.contacts.seen == []


@pytest.mark.parametrize(
    ("claims", "code"),
    [({"aud": "other"}, "token_audience"), ({"iss": "x"}, "token_issuer"), ({"exp": 1}, "token_expired")],
)
async def test_a_bad_token_reaches_nobody(claims: dict[str, Any], code: str, stand: Standing) -> None:
    headers = {"Authorization": f"Bearer {stand.issuer.token(**claims)}"}
    assert_problem(await stand.client.get("/v1/accounts", headers=headers), 401, code)
    assert stand.contacts.seen == []


async def test_two_tokens_are_one_too_many(stand: Standing) -> None:
    token = stand.client.headers["authorization"]
    answer = await stand.client.get(
        "/v1/accounts", headers=[("authorization", token), ("authorization", "Bearer x")]
    )
    assert_problem(answer, 401, "token_malformed")


async def test_without_the_issuer_nobody_gets_in(stand: Standing) -> None:
    stand.issuer.down = True
    answer = await stand.client.get("/v1/accounts")
    assert_problem(answer, 503, "issuer_unreachable")
    assert "retry-after" in answer.headers


async def test_header_bytes_that_are_no_text_are_refused(stand: Standing) -> None:
    answer = await stand.client.get("/v1/accounts", headers={b"x-odd": b"\xff\xfe"})  # type: ignore[dict-item]
    assert_problem(answer, 400, "header_malformed")
