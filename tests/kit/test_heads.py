"""Addresses, parameters and header fields: the last size that is taken, and the first that is refused."""

from collections.abc import AsyncGenerator

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.responses import Response

from services.kit.heads import MAX_FIELD_BYTES, MAX_FIELDS, MAX_PARAMETERS, MAX_TARGET, HeadLimit
from services.kit.telemetry import Telemetry
from tests.problems import assert_problem


@pytest.fixture
async def client() -> AsyncGenerator[AsyncClient]:
    app = Telemetry(HeadLimit(Response("fine")), service="sample")
    async with AsyncClient(transport=ASGITransport(app), base_url="http://s", headers={}) as opened:
        opened.headers.clear()
        yield opened


async def test_an_address_has_an_end(client: AsyncClient) -> None:
    assert (await client.get("/" + "a" * (MAX_TARGET - 1))).status_code == 200
    assert_problem(await client.get("/" + "a" * MAX_TARGET), 414, "uri_too_long")
    assert_problem(await client.get("/?q=" + "a" * MAX_TARGET), 414, "uri_too_long")


async def test_parameters_are_counted(client: AsyncClient) -> None:
    assert (await client.get("/?" + "&".join(["a=1"] * MAX_PARAMETERS))).status_code == 200
    answer = await client.get("/?" + "&".join(["a=1"] * (MAX_PARAMETERS + 1)))
    assert_problem(answer, 400, "too_many_parameters")


async def test_fields_are_counted_and_weighed(client: AsyncClient) -> None:
    few = {f"x-{n}": "1" for n in range(MAX_FIELDS - 5)}
    many = {f"x-{n}": "1" for n in range(MAX_FIELDS + 1)}
    assert (await client.get("/", headers=few)).status_code == 200
    assert_problem(await client.get("/", headers=many), 431, "headers_too_large")
    assert (await client.get("/", headers={"x": "a" * (MAX_FIELD_BYTES // 2)})).status_code == 200
    answer = await client.get("/", headers={"x": "a" * MAX_FIELD_BYTES})
    assert_problem(answer, 431, "headers_too_large")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("name", ["If-Match", "Idempotency-Key", "Last-Event-ID"])
async def test_a_field_of_one_value_is_given_once(client: AsyncClient, name: str) -> None:
    assert (await client.get("/", headers=[(name, "1"), ("x", "1"), ("x", "1")])).status_code == 200
    problem = assert_problem(await client.get("/", headers=[(name, "1"), (name, "1")]), 422, "invalid")
    assert [(each["field"], each["code"]) for each in problem["errors"]] == [(name, "duplicate")]
