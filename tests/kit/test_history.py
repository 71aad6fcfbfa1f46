"""History and rows as they stood, of a row with a column of every kind, on a real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit import history, past
from services.kit.clock import instant
from services.kit.db import Session
from tests.conftest import DatabaseUrl
from tests.kit.library import BOOK, PAST, Library, opened, prepare
from tests.problems import assert_problem
from tests.servers import Databases

MOMENT = timedelta(microseconds=1)


@pytest.fixture
async def library(database_url: DatabaseUrl) -> AsyncIterator[Library]:
    async with opened(database_url("library", prepare)) as made:
        yield made


async def add(library: Library, who: str = "admin", **body: Any) -> str:
    """Makes a book; gives its path."""
    answer = await library.call(who, "POST", "/v1/books", {"title": "Emma"} | body)
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def change(library: Library, path: str, **body: Any) -> None:
    answer = await library.call("admin", "PATCH", path, body, if_match="*")
    assert answer.status_code == 200, answer.text


async def past_of(library: Library, path: str, query: str = "", who: str = "admin") -> Any:
    answer = await library.call(who, "GET", f"{path}/history{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def as_of(library: Library, path: str, moment: datetime | str, who: str = "admin") -> Any:
    text = moment if isinstance(moment, str) else instant(moment)
    return await library.call(who, "GET", f"{path}?as_of={quote(text)}")


async def moments(library: Library, path: str) -> list[datetime]:
    """When each version of the book was recorded, the first one first."""
    items = (await past_of(library, path))["items"]
    return [datetime.fromisoformat(item["recorded_at"]) for item in reversed(items)]


def told(item: Any) -> dict[str, Any]:
    """The changes of an entry by their fields."""
    return {each["field"]: {n: v for n, v in each.items() if n != "field"} for each in item["changes"]}


# History


async def test_a_change_is_told_by_field_with_who_and_when_and_in_which_request(library: Library) -> None:
    path = await add(library, external_ids={"crm": "1"}, tags=["a", "b"], price=100)
    headers = {"if_match": "*", "x_request_id": "request-of-tests"}
    await library.call("admin", "PATCH", path, {"title": "Persuasion", "price": None}, **headers)
    await change(library, path, tags=["b", "c"], external_ids={"crm": "2", "erp": "3"})
    lists, plain, born = (await past_of(library, path))["items"]
    assert (lists["version"], plain["version"], born["version"]) == (3, 2, 1)
    assert (lists["event"], plain["event"], born["event"]) == ("updated", "updated", "created")
    assert (plain["actor"], plain["actor_name"], plain["imported"]) == ("sub:admin", None, False)
    assert plain["request_id"] == "request-of-tests"
    assert plain["changes"] == [
        {"field": "title", "from": "Emma", "to": "Persuasion"},
        {"field": "price", "from": 100, "to": None},
    ]
    assert told(lists) == {
        "tags": {"from": ["a", "b"], "to": ["b", "c"], "added": ["c"], "removed": ["a"]},
        "external_ids": {
            "from": {"crm": "1"},
            "to": {"crm": "2", "erp": "3"},
            "added": {"erp": "3"},
            "removed": {},
            "changed": {"crm": {"from": "1", "to": "2"}},
        },
    }
    assert born["recorded_at"] < plain["recorded_at"] < lists["recorded_at"]
    [entry, *_] = await library.journal(path[-36:])
    assert born["recorded_at"] == instant(entry["recorded_at"])


async def test_a_birth_shows_what_was_set_from_nothing(library: Library) -> None:
    path = await add(library, pages=7, tags=["a"])
    [born] = (await past_of(library, path))["items"]
    assert {field: (each["from"], each["to"]) for field, each in told(born).items()} == {
        "title": (None, "Emma"),
        "genre": (None, "NOVEL"),
        "pages": (None, 7),
        "sold": (None, False),
        "tags": (None, ["a"]),
        "external_ids": (None, {}),
    }


async def test_what_is_journaled_for_other_ends_is_not_shown(library: Library) -> None:
    path = await add(library)
    await change(library, path, title="Persuasion")
    id = path[-36:]
    copied = """INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, changed, state)
      SELECT %(type)s, %(aggregate)s, aggregate_id, version + %(more)s, partition_key, actor, changed,
             state || '{"secret": "kept"}' FROM journal WHERE aggregate_id = %(id)s AND version = 2"""
    await library.rows(copied, type="book.snapshot", aggregate="book", more=0, id=id)
    # Something of the same id that has a history of its own, and more of it.
    for version in range(5):
        await library.rows(copied, type="shelf.updated", aggregate="shelf", more=version, id=id)
    await library.rows(
        'UPDATE journal SET changed = changed || \'{"secret": {"from": null, "to": "kept"}, "gone": 1}\''
    )
    items = (await past_of(library, path))["items"]
    assert [(item["version"], item["event"]) for item in items] == [(2, "updated"), (1, "created")]
    assert list(told(items[0])) == ["title"]
    assert not {"secret", "version", "id", "created_at", "updated_by"} & told(items[1]).keys()


async def test_names_stand_beside_ids_of_members_that_there_are(library: Library) -> None:
    jane, gone = str(uuid4()), str(uuid4())
    making = """INSERT INTO member (id, version, partition_key, created_at, created_by, updated_at, updated_by, name,
      deleted_at) VALUES (%(id)s, 1, %(id)s, now(), 'x', now(), 'x', %(name)s, %(deleted)s::timestamptz)"""
    await library.rows(making, id=jane, name="Jane", deleted=None)
    await library.rows(making, id=gone, name="Gone", deleted="2026-01-01")
    library.callers.add("jane", "rep", "admin", member_id=jane)  # type: ignore[arg-type]
    path = await add(library, "jane", owner_id=jane)
    await change(library, path, owner_id=gone, title=str(uuid4()))
    page = await past_of(library, path)
    assert page["names"] == {jane: "Jane"}
    assert [item["actor_name"] for item in page["items"]] == [None, "Jane"]
    assert (await past_of(library, path, "?limit=1"))["names"] == {jane: "Jane"}, "the owner before"
    rest = await past_of(library, await add(library))
    assert rest["names"] == {}


async def test_pages_follow_each_other_while_others_change_the_row(library: Library) -> None:
    path = await add(library, pages=0)
    for pages in range(1, 7):
        await change(library, path, pages=pages)
    page = await past_of(library, path, "?limit=3")
    seen = [item["version"] for item in page["items"]]
    while page["next_cursor"]:
        await asyncio.gather(*(change(library, path, pages=100 + len(seen) + n) for n in range(3)))
        page = await past_of(library, path, f"?limit=3&cursor={page['next_cursor']}")
        seen += [item["version"] for item in page["items"]]
    assert seen == [7, 6, 5, 4, 3, 2, 1]
    assert [item["version"] for item in (await past_of(library, path, "?limit=2"))["items"]] == [13, 12]
    assert len((await past_of(library, path))["items"]) == 13


async def test_a_page_that_holds_all_says_that_there_is_no_more(library: Library) -> None:
    path = await add(library)
    await change(library, path, pages=1)
    assert (await past_of(library, path, "?limit=2"))["next_cursor"] is None
    assert (await past_of(library, path, "?limit=1"))["next_cursor"] is not None


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("limit=0", "limit", "range"),
        ("limit=201", "limit", "range"),
        ("limit=x", "limit", "range"),
        ("limit=", "limit", "range"),
        ("limit=1&limit=2", "limit", "duplicate"),
        ("count=true", "count", "unknown_parameter"),
        ("cursor=", "cursor", "cursor"),
        ("cursor=%00%ff", "cursor", "cursor"),
        ("cursor=WzEsMl0=", "cursor", "cursor"),
        ("cursor=MQ==", "cursor", "cursor"),
    ],
)
async def test_what_asks_wrongly_is_refused_by_name(
    library: Library, query: str, field: str, code: str
) -> None:
    answer = await library.call("admin", "GET", f"{await add(library)}/history?{query}")
    problem = assert_problem(answer, 422, "invalid")
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)]


async def test_a_cursor_belongs_to_its_row(library: Library) -> None:
    path, other = await add(library), await add(library)
    await change(library, path, pages=1)
    cursor = (await past_of(library, path, "?limit=1"))["next_cursor"]
    answer = await library.call("admin", "GET", f"{other}/history?cursor={cursor}")
    assert assert_problem(answer, 422, "invalid")["errors"][0]["field"] == "cursor"


async def test_a_row_that_is_hidden_or_gone_has_no_past(library: Library) -> None:
    path = await add(library)
    born = (await moments(library, path))[0]
    for who, at in (("rep", path), ("admin", f"/v1/books/{uuid4()}")):
        assert_problem(await library.call(who, "GET", f"{at}/history"), 404, "not_found")
        assert_problem(await as_of(library, at, born, who), 404, "not_found")
    assert (await library.call("admin", "DELETE", path, if_match="*")).status_code == 204
    assert_problem(await library.call("admin", "GET", f"{path}/history"), 404, "not_found")
    assert_problem(await as_of(library, path, born), 404, "not_found")


async def test_what_has_been_scrubbed_is_told_as_nothing(library: Library) -> None:
    path = await add(library, pages=1)
    await change(library, path, title="Jane Roe", pages=2)
    scrub = """UPDATE journal SET state = jsonb_build_object('id', aggregate_id), changed = {changed}"""
    for changed in ("NULL", "'{}'::jsonb"):
        await library.rows(scrub.replace("{changed}", changed))  # type: ignore[arg-type]
        items = (await past_of(library, path))["items"]
        assert [(item["version"], item["changes"]) for item in items] == [(2, []), (1, [])]
        answer = await as_of(library, path, items[0]["recorded_at"])
        assert answer.headers["etag"] == '"2"'
        shown = dict.fromkeys(BOOK.fields) | {"id": path[-36:], "version": 2}
        assert answer.json() == shown


class Explained(Exception):
    """The plan by which a statement was carried out."""


class Cursor(psycopg.AsyncRawCursor[Any]):
    """Has its statement explained instead of answered."""

    async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Self:
        return await super().execute("EXPLAIN (ANALYZE, FORMAT JSON) " + query, *args, **kwargs)

    async def fetchone(self) -> Any:
        row = await super().fetchone()
        assert row is not None
        raise Explained(row[0][0]["Plan"])


class Explaining(psycopg.AsyncConnection[Any]):
    """A session whose statements are explained."""

    raw_cursor_factory = Cursor


async def entries_read(url: str, read: Callable[[Session], Awaitable[object]]) -> int:
    """How many entries of the journal a statement looks at."""
    async with await Explaining.connect(url, autocommit=True) as session:
        with pytest.raises(Explained) as explained:
            await read(session)
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes(explained.value.args[0])
        if str(node.get("Relation Name")).startswith("journal")
    )


def nodes(node: Any) -> list[Any]:
    return [node, *(inner for each in node.get("Plans", ()) for inner in nodes(each))]


async def test_what_is_read_of_the_journal_is_what_is_shown(library: Library) -> None:
    path = await add(library, pages=0)
    # A neighbour of the same id with a long past, as standings have, and strangers.
    for id in (path[-36:], str(uuid4())):
        await library.rows(
            """INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)
               SELECT 'shelf.updated', 'shelf', %(id)s, n, %(id)s, 'x', '{}' FROM generate_series(1, 20000) n""",
            id=id,
        )
    for pages in range(1, 20):
        await change(library, path, pages=pages)
    await library.rows("ANALYZE journal")
    admin, given = library.callers.viewers["admin"], {"id": UUID(path[-36:])}
    asked = history.Asked(2, None)
    assert await entries_read(library.url, lambda tx: history.page(tx, PAST, asked, admin, given)) <= 10
    moment = (await moments(library, path))[-1]
    assert await entries_read(library.url, lambda tx: past.at(tx, PAST, moment, admin, given)) <= 10


# Rows as they stood


async def test_a_row_is_shown_as_it_stood_at_between_and_after_its_changes(library: Library) -> None:
    path = await add(library, tags=["a"], printed_on="1815-12-23")
    shown = [(await library.call("admin", "GET", path)).json()]
    patches: list[dict[str, Any]] = [
        {"title": "Persuasion", "tags": []},
        {"printed_on": None, "price": 2**53 - 1},
    ]
    for body in patches:
        await change(library, path, **body)
        shown.append((await library.call("admin", "GET", path)).json())
    first, second, third = await moments(library, path)
    for moment, version in (
        (first, 1), (second - MOMENT, 1), (second, 2), (second + (third - second) / 2, 2), (third - MOMENT, 2),
        (third, 3), (third + MOMENT, 3),
    ):  # fmt: skip
        answer = await as_of(library, path, moment)
        assert answer.json() == shown[version - 1]
        assert list(answer.json()) == list(BOOK.fields)
        assert answer.headers["etag"] == f'"{version}"'
    in_another_zone = (second + timedelta(hours=8)).isoformat().replace("+00:00", "+08:00")
    assert (await as_of(library, path, in_another_zone)).json() == shown[1]


async def test_before_its_birth_and_while_it_was_deleted_a_row_was_not_there(library: Library) -> None:
    path = await add(library)
    await library.call("admin", "DELETE", path, if_match="*")
    await library.rows("UPDATE book SET deleted_at = NULL, version = 3")
    await library.rows(
        """INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, changed, state)
           SELECT 'book.restored', aggregate, aggregate_id, 3, partition_key, actor, '{}', state || '{"version": 3}'
           FROM journal WHERE version = 2"""
    )
    first, second, third = await moments(library, path)
    problem = assert_problem(await as_of(library, path, first - MOMENT), 404, "not_there_then")
    assert problem["detail"] == f"The book was not there yet; it is there since {instant(first)}."
    for moment in (second, third - MOMENT):
        problem = assert_problem(await as_of(library, path, moment), 404, "not_there_then")
        assert problem["detail"] == "The book was deleted at that instant."
    for moment, version in ((first, 1), (third, 3)):
        assert (await as_of(library, path, moment)).json()["version"] == version


async def test_what_is_older_than_the_journal_is_not_kept(library: Library) -> None:
    path = await add(library)
    for pages in (1, 2):
        await change(library, path, pages=pages)
    _, second, third = await moments(library, path)
    await library.rows("UPDATE book SET created_at = created_at - interval '1 day'")
    await library.rows("DELETE FROM journal WHERE version < 3")
    assert_problem(await as_of(library, path, second), 410, "too_old")
    assert_problem(await as_of(library, path, second - timedelta(hours=1)), 410, "too_old")
    assert_problem(await as_of(library, path, second - timedelta(days=2)), 404, "not_there_then")
    assert (await as_of(library, path, third)).json()["pages"] == 2
    assert [item["version"] for item in (await past_of(library, path))["items"]] == [3]
    await library.rows("DELETE FROM journal")
    assert (await past_of(library, path)) == {"items": [], "next_cursor": None, "names": {}}


async def test_a_snapshot_stands_for_a_change_that_is_not_kept(library: Library) -> None:
    path = await add(library, pages=1)
    await library.rows("UPDATE journal SET type = 'book.snapshot'")
    [entry] = await library.journal(path[-36:])
    await library.rows("UPDATE book SET created_at = created_at - interval '1 day'")
    assert (await as_of(library, path, entry["recorded_at"])).json()["pages"] == 1
    assert_problem(await as_of(library, path, entry["recorded_at"] - MOMENT), 410, "too_old")


async def test_fields_that_an_old_state_lacks_are_null_and_those_of_then_are_not_shown(
    library: Library,
) -> None:
    path = await add(library, pages=1)
    await library.rows("""UPDATE journal SET state = state - 'price' - 'tags' || '{"weight": 3}'""")
    [born] = await moments(library, path)
    found = (await as_of(library, path, born)).json()
    assert list(found) == list(BOOK.fields)
    assert (found["price"], found["tags"], found["pages"]) == (None, None, 1)


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        ("2999-01-01T00:00:00Z", "future"),
        ("9999-12-31T23:59:59-14:00", "future"),
        ("2026-01-01T00:00:00", "value_error"),
        ("2026-01-01", "value_error"),
        ("1767225600", "value_error"),
        ("now", "value_error"),
        ("", "value_error"),
    ],
)
async def test_instants_to_come_or_without_a_zone_are_refused(
    library: Library, moment: str, code: str
) -> None:
    problem = assert_problem(await as_of(library, await add(library), moment), 422, "invalid")
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [("as_of", code)]


async def test_the_first_instant_of_all_is_before_every_birth(library: Library) -> None:
    answer = await as_of(library, await add(library), "0001-01-01T00:00:00+14:00")
    assert_problem(answer, 404, "not_there_then")


# Replaying

SOURCES = st.dictionaries(st.sampled_from(["crm", "erp"]), st.text("12", min_size=1), min_size=1)
PATCHES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["Emma", "Persuasion", "爱玛", str(uuid4())]),
        "genre": st.sampled_from(["NOVEL", "POEMS"]),
        "pages": st.none() | st.integers(0, 3),
        "price": st.none() | st.sampled_from([0, -1, 2**53 - 1]),
        "printed_on": st.none() | st.sampled_from(["1815-12-23", "0001-01-01"]),
        "lent_at": st.none() | st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001+08:00"]),
        "sold": st.booleans(),
        "tags": st.lists(st.sampled_from(["a", "b", '"', "\\"]), max_size=4),
        "external_ids": SOURCES,
    },
)


@settings(max_examples=15, deadline=None)
@given(first=PATCHES, patches=st.lists(PATCHES, max_size=5), limit=st.integers(1, 4))
def test_replaying_changes_gives_every_version(
    shelf: str, first: dict[str, Any], patches: list[dict[str, Any]], limit: int
) -> None:
    asyncio.run(_replay(shelf, first, patches, limit))


@pytest.fixture(scope="module")
def shelf(databases: Databases) -> Iterator[str]:
    """One database for all examples."""
    url = databases.create("replaying", prepare)
    yield url
    databases.drop(url)


async def _replay(url: str, first: dict[str, Any], patches: list[dict[str, Any]], limit: int) -> None:
    async with opened(url) as library:
        # What books are called elsewhere is theirs alone, from one example to the next.
        await library.rows("DELETE FROM external_id")
        path = await add(library, **first)
        states = [(await library.call("admin", "GET", path)).json()]
        for body in patches:
            await change(library, path, **body)
            states.append((await library.call("admin", "GET", path)).json())
        # What says nothing new is no version.
        versions = {state["version"]: state for state in states}
        entries = await all_entries(library, path, limit)
        assert [entry["version"] for entry in entries] == list(versions)
        row: dict[str, Any] = dict.fromkeys(PAST.fields)
        for entry in entries:
            for each in entry["changes"]:
                assert row[each["field"]] == each["from"]
                row[each["field"]] = each["to"]
            assert row == {name: versions[entry["version"]][name] for name in PAST.fields}
            assert (await as_of(library, path, entry["recorded_at"])).json() == versions[entry["version"]]


async def all_entries(library: Library, path: str, limit: int) -> list[Any]:
    """The whole history of the book, the first version first."""
    page = await past_of(library, path, f"?limit={limit}")
    entries = list(page["items"])
    while page["next_cursor"]:
        page = await past_of(library, path, f"?limit={limit}&cursor={page['next_cursor']}")
        entries += page["items"]
    return entries[::-1]
