"""Rates at the door: counted by caller once the token is good, by address while it is not."""

from collections.abc import AsyncGenerator

import pytest

from tests.gateway.standing import Standing, standing
from tests.problems import assert_problem


@pytest.fixture
async def strict() -> AsyncGenerator[Standing]:
    async with standing(rate_reads="2/minute", rate_writes="1/minute", rate_failures="2/minute") as opened:
        yield opened


async def test_every_answer_says_what_is_left(strict: Standing) -> None:
    for left in ("r=1", "r=0"):
        answer = await strict.client.get("/v1/accounts")
        assert answer.headers["ratelimit-policy"] == '"reads";q=2;w=60'
        assert left in answer.headers["ratelimit"]
    assert '"writes";q=1;w=60' in (await strict.client.post("/v1/accounts")).headers["ratelimit-policy"]


async def test_the_gateways_own_refusals_say_it_as_well(strict: Standing) -> None:
    await strict.contacts.kill()
    away = await strict.client.get("/v1/accounts")
    assert (away.status_code, away.headers["ratelimit-policy"]) == (503, '"reads";q=2;w=60')
    unwritten = await strict.client.post("/v1/catalog")
    assert (unwritten.status_code, unwritten.headers["ratelimit-policy"]) == (405, '"writes";q=1;w=60')
    unknown = await strict.client.get("/v1/accounts", headers={"Authorization": "Bearer x"})
    assert (unknown.status_code, unknown.headers.get("ratelimit")) == (401, None)


async def test_a_flood_is_refused_before_any_service_is_asked(strict: Standing) -> None:
    answers = [await strict.client.get("/v1/accounts") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429]
    assert_problem(answers[-1], 429, "rate_limited")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert len(strict.contacts.seen) == 2
    told = (await strict.client.get("/metrics")).text
    assert 'foothold_refusals_total{reason="rate_limited",service="gateway"} 3.0' in told


async def test_the_view_counts_as_one_request(strict: Standing) -> None:
    assert "r=1" in (await strict.view()).headers["ratelimit"]


async def test_another_caller_has_a_share_of_their_own(strict: Standing) -> None:
    for _ in range(3):
        await strict.client.get("/v1/accounts")
    other = {"Authorization": f"Bearer {strict.issuer.token(sub='other')}"}
    assert (await strict.client.get("/v1/accounts", headers=other)).status_code == 200


async def test_a_caller_is_the_same_with_another_token(strict: Standing) -> None:
    tokens = [{"Authorization": f"Bearer {strict.issuer.token(jti=str(n))}"} for n in range(3)]
    answers = [await strict.client.get("/v1/accounts", headers=token) for token in tokens]
    assert_problem(answers[-1], 429, "rate_limited")


async def test_bad_tokens_are_counted_by_address_and_shut_nobody_else_out(strict: Standing) -> None:
    bad = {"Authorization": "Bearer abc.def.ghi"}
    codes = [(await strict.client.get("/v1/accounts", headers=bad)).json()["code"] for _ in range(3)]
    assert codes == ["token_malformed", "token_malformed", "rate_limited"]
    assert (await strict.client.get("/v1/accounts")).status_code == 200


async def test_health_and_metrics_are_not_counted(strict: Standing) -> None:
    assert {(await strict.client.get("/readyz")).status_code for _ in range(5)} == {200}
