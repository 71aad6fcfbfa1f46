"""What the gateway makes of several services' answers is held to the rules of every service's operations."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import cache

import httpx
import pytest

from deploy.local import openapi
from services.contacts.main import SERVICE as CONTACTS
from services.kit.clients import AsyncClient
from tests.apis import callers
from tests.conftest import DatabaseUrl
from tests.contracts.rules.behaviour import REFUSALS, Refusal
from tests.contracts.rules.conduct import CONDUCT, Conduct
from tests.contracts.rules.reading import Operation, operations
from tests.contracts.test_operations import careless
from tests.gateway.platform import Platform, platform
from tests.gateway.standing import made_here
from tests.house.grounds import Ground


@cache
def made() -> Sequence[Operation]:
    """The operations that the gateway composes: the reads at its routes. Writes there are forwarded."""
    routes = made_here()
    return [each for each in operations(openapi.document()) if each.path in routes and each.method == "get"]


HELD = [refusal for refusal in REFUSALS if any(map(refusal.make, made()))]
KEPT = [conduct for conduct in CONDUCT if any(map(conduct.of, made()))]


def _says(each: Refusal | Conduct) -> str:
    return each.says


def test_all_that_is_composed_is_told_of() -> None:
    assert {each.path for each in made()} == made_here()


def test_what_holds_over_every_read_holds_here() -> None:
    assert {each.names for each in HELD} >= {"no_such", "id"}
    assert {each.status for each in HELD} >= {401, 404, 422}
    assert len(KEPT) == 2


async def test_what_is_composed_refuses_what_is_not_as_it_should_be(database_url: DatabaseUrl) -> None:
    async with _ground(database_url) as ground:
        told = [
            (refusal.says, await refusal.broken(ground.client, each)) for refusal in HELD for each in made()
        ]
    wrong = [f"{says}: {offence}" for says, offence in told if offence]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("refusal", HELD, ids=_says)
async def test_a_door_that_refuses_nothing_is_found(refusal: Refusal) -> None:
    async with careless() as client:
        assert any([await refusal.broken(client, each) for each in made()])


@pytest.mark.parametrize("conduct", KEPT, ids=_says)
async def test_what_is_composed_keeps_to_what_callers_rely_on(
    conduct: Conduct, database_url: DatabaseUrl
) -> None:
    async with _ground(database_url) as ground:
        wrong = await conduct.offenders(ground, made())
        assert not wrong, "\n".join(wrong)
        ground.client.event_hooks["request"] = [conduct.missed]
        assert await conduct.offenders(ground, made())


class _Speaking(httpx.AsyncHTTPTransport):
    """Speaks for callers known by name, with the token of each."""

    def __init__(self, small: Platform) -> None:
        super().__init__()
        self._small = small

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if who := request.headers.get("Authorization", "").removeprefix("Bearer "):
            request.headers.update(self._small.headers(who))
        return await super().handle_async_request(request)


@asynccontextmanager
async def _ground(database_url: DatabaseUrl) -> AsyncGenerator[Ground]:
    """The door, with an account of the seller's behind it, a person there, and another who was erased."""
    async with (
        platform(database_url) as small,
        AsyncClient(transport=_Speaking(small), base_url=small.client.base_url) as client,
    ):
        ground = Ground(CONTACTS, client, callers(), [], "")
        for who in ("seller", "stranger"):
            await small.hire(who)
        ground.ids["accounts"] = await ground.make("/v1/accounts", {"name": "云山电网"})
        for name in ("contacts", "erased"):
            person = {"name": name, "account_id": ground.ids["accounts"]}
            ground.ids[name] = await ground.make("/v1/contacts", person)
        path = f"/v1/contacts/{ground.ids['erased']}/erasure"
        await small.ok("admin", "POST", path, {"reason": "REQUESTED"})
        await small.carry()
        for each in small.running.values():
            # A service makes its part of the catalogue when it is first asked for it, which takes a while.
            await small.client.get(f"http://127.0.0.1:{each.port}/v1/catalog", headers=small.headers("admin"))
        yield ground
