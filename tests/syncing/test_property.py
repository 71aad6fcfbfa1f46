"""Whatever people do and whatever happens to a client meanwhile, it ends with what a fresh read shows."""

import asyncio
import json
import random
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.contacts.changes.queries import FEED as CONTACTS
from services.kit import opaque
from services.kit.changes import closed
from services.kit.feeds import Token
from tests.conftest import DatabaseUrl
from tests.syncing.story import STEPS, Step, add_person, hand_account_over
from tests.syncing.world import FOLLOWERS, HAPPENINGS, Cable, act, differences


# The simplest story and two that nobody told before, in CI too. One that fails is printed with what tells it again;
# making it shorter would take minutes.
@settings(
    max_examples=3, deadline=None, derandomize=False, print_blob=True, database=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.large_base_example],
)  # fmt: skip
@given(
    st.lists(
        st.tuples(st.integers(0, len(HAPPENINGS) - 1), st.integers(0, 2**32)),
        min_size=25,
        max_size=45,
        unique_by=lambda happening: happening[1],
    )
)
def test_a_client_ends_with_what_a_fresh_read_shows(
    database_url: DatabaseUrl, tmp_path_factory: pytest.TempPathFactory, told: list[tuple[int, int]]
) -> None:
    found = asyncio.run(differences(database_url, tmp_path_factory.mktemp("clients"), told))
    assert found == {who: [] for who in FOLLOWERS}


# Mistakes of a feed, planted on the way to its readers


class Spoiling(Cable):
    """The way to the gateway, where pages of changes are spoilt."""

    def __init__(self, spoil: Callable[[Any], None]) -> None:
        super().__init__()
        self._spoil = spoil

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if request.url.path != "/v1/changes" or "since" not in request.url.params or answer.is_error:
            return answer
        page = json.loads(await answer.aread())
        self._spoil(page)
        return httpx.Response(200, json=page)


def nothing(_: Any) -> None:
    """Leaves the page as it is."""


def an_event_is_skipped(page: Any) -> None:
    page["items"] = page["items"][1:]


def loss_of_sight_is_not_told(page: Any) -> None:
    page["items"] = [item for item in page["items"] if item["type"] != "revoked"]


def the_token_overtakes_a_row_that_is_not_numbered_yet(page: Any) -> None:
    own, *others = page["next"].split(".")
    epoch, position, eyes, _ = opaque.opened(own + "==")
    page["next"] = ".".join((closed(CONTACTS, Token(epoch, position + 1, eyes)), *others))


def seeds(step: Step, number: int) -> list[tuple[int, int]]:
    """So many happenings of the step, each with dice of its own."""
    fitting = (seed for seed in count() if random.Random(seed).choice(STEPS) is step)  # noqa: S311
    return [(HAPPENINGS.index(act), seed) for seed in islice(fitting, number)]


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (nothing, False),
        (an_event_is_skipped, True),
        (loss_of_sight_is_not_told, True),
        (the_token_overtakes_a_row_that_is_not_numbered_yet, True),
    ],
)
async def test_a_mistake_of_the_feed_is_found(
    database_url: DatabaseUrl, tmp_path: Path, spoil: Callable[[Any], None], found: bool
) -> None:
    told = [*seeds(add_person, 1), *seeds(hand_account_over, 6)]
    differ = await differences(database_url, tmp_path, told, lambda: Spoiling(spoil))
    assert any(differ.values()) == found, differ
