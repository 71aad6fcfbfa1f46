"""Pages, health, frontends of other origins, and the gateway as a process."""

import asyncio
import os
import re
import signal
import sys

import httpx
import pytest
from structlog.testing import capture_logs

from deploy.local.launch import free_ports
from tests.gateway.standing import ACCOUNT, Standing, standing, until
from tests.problems import assert_problem

ORIGIN = "https://app.example.com"


async def test_the_front_page_leads_on_without_a_network(stand: Standing) -> None:
    del stand.client.headers["authorization"]
    page = await stand.client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://gateway.test/v1/me" in page.text
    assert not re.search(r"(src|href)=\"(https?:)?//|@import|<script", page.text)
    for link in re.findall(r"href=\"([^\"]+)\"", page.text):
        assert (await stand.client.get(link)).status_code == 200


async def test_the_front_page_shows_nothing_of_its_caller_raw(stand: Standing) -> None:
    page = await stand.client.get("/", headers={"Host": 'x"><script>alert(1)</script>'})
    assert "<script" not in page.text


async def test_health_is_the_gateways_own(stand: Standing) -> None:
    for straw in stand.straws.values():
        await straw.kill()
    assert (await stand.client.get("/healthz")).json() == {"status": "alive"}
    assert (await stand.client.get("/readyz")).json() == {"status": "ready"}


async def test_a_gateway_that_can_verify_nothing_is_not_ready(stand: Standing) -> None:
    stand.issuer.down = True
    assert (await stand.client.get("/healthz")).status_code == 200
    answer = await stand.client.get("/readyz")
    assert_problem(answer, 503, "not_ready")
    stand.issuer.down = False
    stand.issuer.clock.now += 1
    assert (await stand.client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/healthz/", "/docs/static/nothing.js", "/favicon.ico", "/redoc"]
)
async def test_what_is_not_there_is_a_problem(path: str, stand: Standing) -> None:
    assert_problem(await stand.client.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/", "/healthz", "/openapi.json", "/docs"])
async def test_pages_are_read_only(path: str, stand: Standing) -> None:
    answer = await stand.client.post(path)
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    head = await stand.client.head(path)
    assert (head.status_code, head.content) == ((await stand.client.get(path)).status_code, b"")


async def test_pages_name_their_route_in_the_log(stand: Standing) -> None:
    with capture_logs() as lines:
        await stand.client.get("/healthz")
    assert lines[0]["route"] == "/healthz"


# Frontends of other origins


async def test_a_frontend_that_settings_name_may_ask() -> None:
    async with standing(cors_origins=(ORIGIN,)) as stand:
        asked = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type,if-match,idempotency-key",
        }
        allowed = await stand.client.options("/v1/accounts", headers=asked)
        answer = await stand.client.get("/v1/accounts", headers={"Origin": ORIGIN})
        refused = await stand.client.get("/v1/nothing", headers={"Origin": ORIGIN})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ORIGIN)
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    assert (
        answer.headers["access-control-allow-origin"]
        == refused.headers["access-control-allow-origin"]
        == ORIGIN
    )
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_frontend_goes_on_where_its_stream_broke_off() -> None:
    async with standing(cors_origins=(ORIGIN,)) as stand:
        asked = {
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization,last-event-id",
        }
        assert (await stand.client.options("/v1/stream", headers=asked)).status_code == 200


async def test_a_frontend_reads_why_it_was_refused() -> None:
    async with standing(cors_origins=(ORIGIN,)) as stand:
        refused = await stand.client.get(
            "/v1/accounts", headers={"Origin": ORIGIN, "Authorization": "Bearer x"}
        )
        unfit = await stand.client.post("/v1/changes", headers={"Origin": ORIGIN})
    assert "www-authenticate" in refused.headers
    assert "allow" in unfit.headers
    for answer in (refused, unfit):
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"WWW-Authenticate", "Allow"} <= set(exposed)


async def test_another_frontend_may_not() -> None:
    async with standing(cors_origins=(ORIGIN,)) as stand:
        asked = {"Origin": "https://evil.example.org", "Access-Control-Request-Method": "GET"}
        preflight = await stand.client.options("/v1/accounts", headers=asked)
        answer = await stand.client.get("/v1/accounts", headers={"Origin": "https://evil.example.org"})
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


async def test_without_settings_nobody_is_named(stand: Standing) -> None:
    answer = await stand.client.get("/v1/accounts", headers={"Origin": ORIGIN})
    assert not [name for name in answer.headers if name.startswith("access-control")]


# The process


async def test_the_process_serves_and_ends_when_told(stand: Standing) -> None:
    [port] = free_ports(1)
    addresses = {
        f"{name.upper()}_URL": f"http://127.0.0.1:{straw.port}" for name, straw in stand.straws.items()
    }
    told = {"PORT": str(port), "OIDC_ISSUER": "http://127.0.0.1:9", "LOG_LEVEL": "warning", **addresses}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.main", env={**os.environ, **told}
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await serving(client)
            assert (await client.get("/readyz")).status_code == 503
            answer = await client.get(f"/v1/accounts/{ACCOUNT}", headers=stand.client.headers)
            assert_problem(answer, 503, "issuer_unreachable")
            assert "server" not in answer.headers
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) in (0, -signal.SIGTERM)


async def serving(client: httpx.AsyncClient) -> None:
    answered: list[int] = []

    async def ask() -> None:
        while not answered:
            try:
                answered.append((await client.get("/healthz")).status_code)
            except httpx.TransportError:
                await asyncio.sleep(0.05)

    asking = asyncio.create_task(ask())
    await until(lambda: bool(answered), seconds=60)
    await asking
