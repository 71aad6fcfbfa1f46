"""What the feeds tell a caller from the very beginning comes to what lists show to the same caller."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.conftest import DatabaseUrl
from tests.house.cast import SERVICES, Cast, opened
from tests.house.rights import CALLERS

# Each service's lists, and the lists of their rows' parts.
LISTS: Final = {
    "contacts": (("members", None), ("accounts", None), ("contacts", ("links", "contact-links"))),
    "opportunities": (("products", None), ("opportunities", ("stakeholders", "stakeholders"))),
    "activities": (("activities", None), ("time-logs", None)),
}
FOLLOWING: Final = [who for who in CALLERS if who not in ("mute", "guest", "nobody")]

Rows = dict[tuple[str, str], Any]


@pytest.fixture
async def cast_(database_url: DatabaseUrl) -> AsyncIterator[Cast]:
    async with opened(database_url) as cast:
        yield cast


@pytest.mark.parametrize("service", SERVICES)
async def test_a_feed_comes_to_what_lists_show(service: str, cast_: Cast) -> None:
    tokens = {who: (await got(cast_, service, who, "/v1/changes"))["next"] for who in FOLLOWING}
    await cast_.number(service)
    for who in FOLLOWING:
        told = await followed(cast_, service, who, tokens[who])
        assert told == await listed(cast_, service, who), who
    assert await listed(cast_, service, "owner") != {}


async def got(cast: Cast, service: str, who: str, path: str) -> Any:
    answer = await cast.ask(service, who, "GET", path)
    assert answer.status_code in (200, 404), answer.text
    return answer.json() if answer.status_code == 200 else {"items": []}


async def followed(cast: Cast, service: str, who: str, token: str) -> Rows:
    """What the changes leave there, by noun and id."""
    rows: Rows = {}
    more = True
    while more:
        page = await got(cast, service, who, f"/v1/changes?limit=200&since={token}")
        for item in page["items"]:
            if (
                item["version"] is None
            ):  # Who sees the account has changed; what is told of it is judged by who sees it now.
                continue
            rows.pop((item["noun"], item["id"]), None)
            if item["data"] is not None:
                rows[item["noun"], item["id"]] = item["data"]
        token, more = page["next"], page["more"]
    return rows


async def listed(cast: Cast, service: str, who: str) -> Rows:
    """What the lists show, by noun and id; each row is what GET of it shows."""
    rows: Rows = {}
    for noun, parts in LISTS[service]:
        for row in (await got(cast, service, who, f"/v1/{noun}?limit=200"))["items"]:
            rows[noun, row["id"]] = row
            assert row == await got(cast, service, who, f"/v1/{noun}/{row['id']}")
            if parts:
                path, name = parts
                for part in (await got(cast, service, who, f"/v1/{noun}/{row['id']}/{path}"))["items"]:
                    rows[name, part["id"]] = part
    return rows
