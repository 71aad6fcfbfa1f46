"""Every answer with an ETag can be asked for again for nothing, in every service."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.kit.app import create_api
from tests.apis import as_, prepared, settings_for
from tests.conftest import DatabaseUrl
from tests.house.grounds import GROUNDS, Ground
from tests.house.test_sight import Swept, filled, operations, queue_imports


@pytest.fixture(params=GROUNDS)
async def ground(request: pytest.FixtureRequest, database_url: DatabaseUrl) -> AsyncIterator[Ground]:
    service, opened = GROUNDS[request.param]
    async with opened(database_url(service.name, prepared(service))) as it:
        yield it


async def shown(ground: Ground, url: str) -> tuple[str, Any]:
    """Who is shown what is there, and how: its seller, or an administrator."""
    answer = await ground.ask("seller", "GET", url)
    if answer.status_code == 200:
        return "seller", answer
    answer = await ground.ask("admin", "GET", url)
    assert answer.status_code == 200, (url, answer.text)
    return "admin", answer


async def test_every_row_and_view_is_sent_once(ground: Ground) -> None:
    await queue_imports(ground, Swept())
    app = create_api(ground.service, settings_for(ground.service, ground.url), judge=ground.callers)
    told = 0
    for method, path, operation in operations(app):
        if method != "GET":
            continue
        url = filled(path, ground.ids)
        who, first = await shown(ground, url)
        declared = "304" in operation["responses"]
        assert declared or not path.endswith("}"), f"{path} shows a row and does not answer If-None-Match"
        assert ("etag" in first.headers) is declared, path
        if declared:
            tag = first.headers["etag"]
            again = await ground.client.get(url, headers=as_(who) | {"If-None-Match": tag})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
            other = await ground.client.get(url, headers=as_(who) | {"If-None-Match": '"another"'})
            assert (other.status_code, other.content) == (200, first.content), path
            told += 1
    assert told > 2
