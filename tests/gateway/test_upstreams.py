"""Calls to services: each is told of in figures once, to the end of its answer."""

from collections.abc import Callable

import pytest
from aiohttp import ClientOSError, ClientPayloadError
from prometheus_client import CollectorRegistry

from gateway.upstreams import Answer, Calls, Upstreams
from services.kit.clients import ClientResponse, ClientSession, Trouble
from tests.gateway.standing import PARTS, Standing


def breaking(error: Exception) -> Callable[[], ClientSession]:
    """Opens sessions whose answers are good, and break while they are let go of."""

    class Breaking(ClientResponse):
        async def wait_for_close(self) -> None:
            await super().wait_for_close()
            raise error

    return lambda: ClientSession(response_class=Breaking)


def told(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """How many calls of which service ended, and of those which failed for what reason."""
    return {
        (sample.labels["upstream"], sample.labels.get("reason", "")): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name in ("foothold_upstream_seconds_count", "foothold_upstream_failures_total")
        if sample.value
    }


async def test_a_call_that_is_answered_has_not_failed(stand: Standing) -> None:
    registry = CollectorRegistry()
    async with Upstreams(stand.settings, Calls(registry)) as upstreams:
        answer = await upstreams.ask("contacts", "/v1/accounts", [], seconds=10)
    assert isinstance(answer, Answer)
    assert answer.body == PARTS["contacts"]
    assert told(registry) == {("contacts", ""): 1}


@pytest.mark.parametrize(
    ("error", "trouble"),
    [(ClientOSError(), "unreachable"), (TimeoutError(), "timeout"), (ClientPayloadError(), "error")],
)
async def test_a_call_that_breaks_while_it_is_let_go_of_has_failed(
    error: Exception, trouble: Trouble, stand: Standing
) -> None:
    registry = CollectorRegistry()
    async with Upstreams(stand.settings, Calls(registry), session=breaking(error)) as upstreams:
        assert await upstreams.ask("contacts", "/v1/accounts", [], seconds=10) == trouble
    assert [(seen.method, seen.target) for seen in stand.contacts.seen] == [("GET", "/v1/accounts")]
    assert told(registry) == {("contacts", ""): 1, ("contacts", trouble): 1}
