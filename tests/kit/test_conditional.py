"""Conditional requests: whoever has the present state already is told so, and is sent nothing."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.conditional import etag, etag_of, has
from tests.conftest import DatabaseUrl
from tests.kit.library import Library, opened, prepare

BEFORE, NOW = etag(1), etag(2)


@pytest.fixture
async def library(database_url: DatabaseUrl) -> AsyncIterator[Library]:
    async with opened(database_url("conditional", prepare)) as it:
        yield it


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        ([], False),
        ([""], False),
        (['"2"'], True),
        (['W/"2"'], True),
        (['"1"'], False),
        (['"1", "2"'], True),
        (['"1",W/"2" , "3"'], True),
        (['"1"', '"2"'], True),
        (['"22"', '"12"', '"2", x'], True),
        (["*"], True),
        ([" * "], True),
        (['"*"'], False),
        (['"1, 2"'], False),
        (['"2'], False),
        (["\xff"], False),
        ([",,,"], False),
    ],
)
def test_a_tag_is_found_in_a_list_of_tags_weak_or_strong(lines: list[str], known: bool) -> None:
    assert has(lines, NOW) is known
    assert has(lines, f"W/{NOW}") is known


@given(st.text(max_size=50))
def test_whatever_is_sent_as_tags_is_read(text: str) -> None:
    assert has([text], etag_of(b"what nobody has")) is (text.strip() == "*")


def test_what_says_the_same_has_the_same_tag() -> None:
    assert etag_of(b"{}") == etag_of(b"{}") != etag_of(b"{ }")


async def test_who_has_the_present_version_is_sent_nothing(library: Library) -> None:
    path = (await library.call("admin", "POST", "/v1/books", {"title": "Emma"})).headers["location"]
    first = await library.call("admin", "GET", path)
    assert first.headers["cache-control"] == "private, no-cache"
    for tags in (BEFORE, f"W/{BEFORE}", f'"x", {BEFORE}', "*"):
        again = await library.call("admin", "GET", path, if_none_match=tags)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert not again.headers.keys() & {"content-type", "content-length"}
    await library.call("admin", "PATCH", path, {"pages": 1}, if_match="*")
    changed = await library.call("admin", "GET", path, if_none_match=BEFORE)
    assert (changed.status_code, changed.headers["etag"], changed.json()["pages"]) == (200, NOW, 1)


async def test_what_is_hidden_or_gone_is_no_match(library: Library) -> None:
    path = (await library.call("admin", "POST", "/v1/books", {"title": "Emma"})).headers["location"]
    assert (await library.call("rep", "GET", path, if_none_match="*")).status_code == 404
    await library.call("admin", "DELETE", path, if_match="*")
    assert (await library.call("admin", "GET", path, if_none_match=BEFORE)).status_code == 404


async def test_a_change_takes_no_notice_of_what_the_caller_has(library: Library) -> None:
    path = (await library.call("admin", "POST", "/v1/books", {"title": "Emma"})).headers["location"]
    changed = await library.call("admin", "PATCH", path, {"pages": 1}, if_match="*", if_none_match="*")
    assert (changed.status_code, changed.headers["etag"]) == (200, NOW)
