"""The feed of changes: what it tells, to whom, in which order, and when it sends its reader to begin afresh."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID, uuid4

import pytest

from services.kit import changes, epochs, feeds, journal
from services.kit.db import Database
from services.kit.journal import Cause
from services.kit.numbering import number
from tests.conftest import DatabaseUrl
from tests.kit.library import BOOK, Library, book, database, opened, prepare

BY = Cause(actor="sub:test", request_id="request-1")


@dataclass
class Reader:
    """Somebody who reads the feed."""

    library: Library
    who: str
    token: str = ""
    pages: list[Any] = field(default_factory=list[Any])

    async def start(self) -> "Reader":
        answer = await self.library.call(self.who, "GET", "/v1/changes")
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"] == []
        self.token = answer.json()["next"]
        return self

    async def ask(self, **query: Any) -> Any:
        asked = "&".join(f"{name}={value}" for name, value in {"since": self.token, **query}.items())
        return await self.library.call(self.who, "GET", f"/v1/changes?{asked}")

    async def read(self, **query: Any) -> list[Any]:
        """Everything new, until there is no more."""
        items: list[Any] = []
        more = True
        while more:
            answer = await self.ask(**query)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            self.pages.append(page)
            items += page["items"]
            self.token, more = page["next"], page["more"]
        return items

    async def types(self, **query: Any) -> list[tuple[str, str]]:
        """Type and noun of everything new."""
        return [(item["type"], item["noun"]) for item in await self.read(**query)]


@dataclass
class Place:
    """A library with its worker's numbering at hand, and people in it."""

    library: Library
    db: Database

    async def number(self) -> None:
        while (await number(self.db))[0]:
            pass

    async def run(self, text: LiteralString, **values: Any) -> None:
        await self.library.rows(text, **values)
        await self.number()

    async def hang(self, account: UUID, *, book_of: UUID, deal_of: UUID) -> None:
        """A book and an open deal at the account, of these two."""
        await self.run("SELECT watch_hanging('book')")
        await self.run(
            "INSERT INTO opportunity (id, version, account_id, owner_id, status)"
            " VALUES (uuidv7(), 1, %(account)s, %(owner)s, 'OPEN')",
            account=account, owner=deal_of,
        )  # fmt: skip
        await self.write(owner_id=book_of, account_id=account)

    async def write(self, **values: Any) -> UUID:
        async with self.db.connect() as session:
            row = await journal.create(session, BOOK, book(**values), BY)
        assert row is not None
        await self.number()
        return row.id

    async def change(self, id: UUID, **values: Any) -> None:
        async with self.db.connect() as session:
            assert await journal.update(session, BOOK, id, values, BY)
        await self.number()

    async def hire(self, name: str, manager: UUID | None = None) -> UUID:
        id = uuid4()
        await self.run(
            "INSERT INTO member"
            " (id, version, partition_key, created_by, updated_by, created_at, updated_at, name, manager_id)"
            " VALUES (%(id)s, 1, %(id)s, 'x', 'x', now(), now(), %(name)s, %(manager)s)",
            id=id, name=name, manager=manager,
        )  # fmt: skip
        self.library.callers.add(name, "rep", member_id=id)
        return id

    async def open(self, owner: UUID | None = None) -> UUID:
        id = uuid4()
        await self.run(
            "INSERT INTO account (id, version, partition_key, created_by, updated_by, created_at, updated_at, owner_id)"
            " VALUES (%(id)s, 1, %(id)s, 'x', 'x', now(), now(), %(owner)s)",
            id=id, owner=owner,
        )  # fmt: skip
        return id

    async def reader(self, who: str) -> Reader:
        return await Reader(self.library, who).start()


@pytest.fixture
async def place(database_url: DatabaseUrl) -> AsyncIterator[Place]:
    url = database_url("library", prepare)
    async with opened(url) as library, database(url) as db:
        yield Place(library, db)


async def test_what_happens_to_a_row_is_told_in_order_with_its_state_after(place: Place) -> None:
    reader = await place.reader("admin")
    id = await place.write(title="Emma", secret="4711")
    await place.change(id, title="Emma II", pages=3)
    created, updated = await reader.read()
    assert (created["noun"], created["id"], created["type"], created["version"]) == (
        "books",
        str(id),
        "created",
        1,
    )
    assert (created["service"], created["actor"], created["data"]["title"]) == ("library", "sub:test", "Emma")
    assert (updated["type"], updated["version"]) == ("updated", 2)
    shown = await place.library.call("admin", "GET", f"/v1/books/{id}")
    assert list(updated["data"].items()) == list(shown.json().items())
    assert "4711" not in str(reader.pages)
    assert await reader.read() == []


async def test_a_deleted_row_is_told_of_without_its_data_and_without_what_went_before(place: Place) -> None:
    reader = await place.reader("admin")
    id = await place.write()
    answer = await place.library.call("admin", "DELETE", f"/v1/books/{id}", if_match="*")
    assert answer.status_code == 204
    await place.number()
    (item,) = await reader.read()
    assert (item["type"], item["id"], item["data"]) == ("deleted", str(id), None)


async def test_a_facts_name_is_the_type(place: Place) -> None:
    reader = await place.reader("admin")
    id = await place.write()
    assert (await place.library.call("admin", "POST", f"/v1/books/{id}/sale")).status_code == 200
    await place.number()
    assert await reader.types() == [("created", "books"), ("sold", "books")]


async def test_who_does_not_see_a_row_hears_nothing_and_moves_on(place: Place) -> None:
    seller, stranger = await place.hire("seller"), await place.hire("stranger")
    assert seller != stranger
    readers = await place.reader("seller"), await place.reader("stranger")
    await place.write(owner_id=seller)
    before = readers[1].token
    assert await readers[0].types() == [("created", "books")]
    assert await readers[1].read() == []
    assert readers[1].token != before


async def test_an_account_that_changes_hands_is_granted_and_revoked_in_order(place: Place) -> None:
    boss = await place.hire("boss")
    seller = await place.hire("seller", boss)
    heir = await place.hire("heir", boss)
    account = await place.open(seller)
    readers = [await place.reader(who) for who in ("boss", "seller", "heir")]
    id = await place.write(account_id=account)
    await place.run("UPDATE account SET owner_id = %(heir)s WHERE id = %(id)s", heir=heir, id=account)
    await place.change(id, pages=7)
    told = [await reader.types() for reader in readers]
    assert told[0] == [("created", "books"), ("updated", "books")]
    assert told[1] == [("revoked", "accounts")]
    assert told[2] == [("created", "books"), ("granted", "accounts"), ("updated", "books")]
    item = readers[2].pages[-1]["items"][1]
    assert (item["id"], item["version"], item["actor"], item["data"]) == (str(account), None, None, None)


async def test_an_account_that_is_born_grants_nothing(place: Place) -> None:
    seller = await place.hire("seller")
    await place.open(seller)
    assert await place.library.rows("SELECT FROM journal WHERE aggregate = 'sight'") == []


async def test_a_deal_seats_its_owner_and_a_closed_one_no_longer_does(place: Place) -> None:
    boss = await place.hire("boss")
    seller = await place.hire("seller", boss)
    heir = await place.hire("heir", boss)
    account = await place.open()
    readers = [await place.reader(who) for who in ("boss", "seller", "heir")]
    deal = {"id": uuid4(), "account": account, "owner": seller}
    await place.run(
        "INSERT INTO opportunity (id, version, account_id, owner_id, status)"
        " VALUES (%(id)s, 1, %(account)s, %(owner)s, 'OPEN')",
        **deal,
    )
    granted, revoked = ("granted", "accounts"), ("revoked", "accounts")
    assert [await reader.types() for reader in readers] == [[granted], [granted], []]
    await place.run("UPDATE opportunity SET owner_id = %(heir)s WHERE id = %(id)s", heir=heir, id=deal["id"])
    assert [await reader.types() for reader in readers] == [[], [revoked], [granted]]
    await place.run("UPDATE opportunity SET status = 'WON' WHERE id = %(id)s", id=deal["id"])
    assert [await reader.types() for reader in readers] == [[revoked], [], [revoked]]


async def test_an_account_that_follows_its_deal_is_granted_to_its_owner(place: Place) -> None:
    """Events of a deal may come before those of its account, and rows hang on it meanwhile."""
    seller, owner = await place.hire("seller"), await place.hire("owner")
    reader = await place.reader("owner")
    account = uuid4()
    await place.run(
        "INSERT INTO opportunity (id, version, account_id, owner_id, status)"
        " VALUES (uuidv7(), 1, %(account)s, %(owner)s, 'OPEN')",
        account=account, owner=seller,
    )  # fmt: skip
    await place.run(
        "INSERT INTO account (id, version, partition_key, created_by, updated_by, created_at, updated_at, owner_id)"
        " VALUES (%(id)s, 1, %(id)s, 'x', 'x', now(), now(), %(owner)s)",
        id=account, owner=owner,
    )  # fmt: skip
    assert await reader.types() == [("granted", "accounts")]


async def test_a_row_that_goes_to_another_owner_is_revoked_for_who_saw_it_by_the_old_one(
    place: Place,
) -> None:
    boss = await place.hire("boss")
    seller, heir = await place.hire("seller", boss), await place.hire("heir")
    id = await place.write(owner_id=seller)
    readers = [await place.reader(who) for who in ("boss", "seller", "heir", "admin")]
    await place.change(id, owner_id=heir)
    revoked, updated = ("revoked", "books"), ("updated", "books")
    assert [await reader.types() for reader in readers] == [[revoked], [revoked], [updated], [updated]]
    assert readers[1].pages[-1]["items"][0]["data"] is None


async def test_who_sees_what_hangs_on_an_account_without_a_seat_there_hears_of_it_too(place: Place) -> None:
    boss = await place.hire("boss")
    owner = await place.hire("owner", boss)
    await place.hire("stranger")
    account = await place.open()
    await place.run("SELECT watch_hanging('book')")
    await place.write(owner_id=owner, account_id=account)
    readers = [await place.reader(who) for who in ("admin", "boss", "owner", "stranger")]
    revoked, granted = ("revoked", "accounts"), ("granted", "accounts")
    await place.run("UPDATE account SET deleted_at = now() WHERE id = %(id)s", id=account)
    assert [await reader.types() for reader in readers] == [[revoked], [revoked], [revoked], []]
    await place.run("UPDATE account SET deleted_at = NULL WHERE id = %(id)s", id=account)
    told = [await reader.types() for reader in readers]
    assert told == [[granted], [revoked], [revoked], []], (
        "who has no seat reads what is theirs at the account"
    )


async def test_who_sees_an_account_by_a_deal_hears_what_its_deletion_hides(place: Place) -> None:
    owner, seller = await place.hire("owner"), await place.hire("seller")
    account = await place.open()
    await place.hang(account, book_of=owner, deal_of=seller)
    reader = await place.reader("seller")
    await place.run("UPDATE account SET deleted_at = now() WHERE id = %(id)s", id=account)
    assert await reader.types() == [("revoked", "accounts")]


async def test_a_deletion_that_is_the_first_news_of_an_account_is_told_to_who_holds_what_hangs_there(
    place: Place,
) -> None:
    owner, seller = await place.hire("owner"), await place.hire("seller")
    await place.hire("stranger")
    account = uuid4()
    await place.hang(account, book_of=owner, deal_of=seller)
    readers = [await place.reader(who) for who in ("admin", "owner", "seller", "stranger")]
    await place.run(
        "INSERT INTO account (id, version, partition_key, created_by, updated_by, created_at, updated_at, deleted_at)"
        " VALUES (%(id)s, 2, %(id)s, 'x', 'x', now(), now(), now())",
        id=account,
    )
    revoked = [("revoked", "accounts")]
    assert [await reader.types() for reader in readers] == [revoked, revoked, revoked, []]


async def test_who_is_let_go_begins_afresh_and_nobody_else_does(place: Place) -> None:
    boss = await place.hire("boss")
    seller = await place.hire("seller", boss)
    readers = await place.reader("seller"), await place.reader("boss")
    waiting = asyncio.create_task(readers[0].ask(wait=30))
    await asyncio.sleep(0.3)
    await place.write(title="first")
    await place.run("UPDATE member SET deleted_at = now() WHERE id = %(id)s", id=seller)
    async with asyncio.timeout(10):
        answer = await waiting
    assert (answer.status_code, answer.json()["code"]) == (410, "sight_changed")
    assert await readers[1].read() == []


async def test_who_only_has_another_name_goes_on(place: Place) -> None:
    seller = await place.hire("seller")
    reader = await place.reader("seller")
    await place.run("UPDATE member SET name = 'other', version = 2 WHERE id = %(id)s", id=seller)
    assert await reader.read() == []


async def test_who_is_put_above_others_begins_afresh_and_so_does_who_was(place: Place) -> None:
    top = await place.hire("top")
    old, new = await place.hire("old", top), await place.hire("new", top)
    seller = await place.hire("seller", old)
    await place.open(seller)
    readers = {who: await place.reader(who) for who in ("top", "old", "new", "seller")}
    await place.run("UPDATE member SET manager_id = %(new)s WHERE id = %(id)s", new=new, id=seller)
    statuses = {who: (await reader.ask()).status_code for who, reader in readers.items()}
    assert statuses == {"top": 200, "old": 410, "new": 410, "seller": 200}
    assert (await readers["old"].ask()).json()["code"] == "sight_changed"
    assert await (await place.reader("old")).read() == []


async def test_who_is_new_overturns_nothing(place: Place) -> None:
    top = await place.hire("top")
    reader = await place.reader("top")
    await place.hire("seller", top)
    assert await reader.read() == []


async def test_a_statement_that_moves_very_many_accounts_sends_its_viewers_to_begin_afresh(
    place: Place,
) -> None:
    seller, other = await place.hire("seller"), await place.hire("other")
    assert other
    await place.run(
        "INSERT INTO account (id, version, partition_key, created_by, updated_by, created_at, updated_at)"
        " SELECT uuidv7(), 1, uuidv7(), 'x', 'x', now(), now() FROM generate_series(1, 201)"
    )
    readers = await place.reader("seller"), await place.reader("other")
    await place.run(
        "INSERT INTO opportunity (id, version, account_id, owner_id, status)"
        " SELECT uuidv7(), 1, id, %(owner)s, 'OPEN' FROM account",
        owner=seller,
    )
    told = await place.library.rows("SELECT type FROM journal WHERE aggregate = 'sight'")
    assert [row["type"] for row in told] == ["sight.overturned"]
    assert (await readers[0].ask()).status_code == 410
    assert await readers[1].read() == []


async def test_other_roles_or_another_member_begin_afresh(place: Place) -> None:
    await place.hire("seller")
    reader = await place.reader("seller")
    place.library.callers.add("seller", "rep", "executive", member_id=uuid4())
    answer = await reader.ask()
    assert (answer.status_code, answer.json()["code"]) == (410, "sight_changed")


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_pages_tell_each_change_once_whatever_their_size(place: Place, limit: int) -> None:
    reader = await place.reader("admin")
    written = [str(await place.write(title=f"t{n}")) for n in range(5)]
    assert [item["id"] for item in await reader.read(limit=limit)] == written
    assert all(len(page["items"]) <= limit for page in reader.pages)


@pytest.mark.parametrize(
    "text",
    ["", "x", "W10", "WzEsMCwiYSIsImIiXQ", "\u00e9", "A" * 400, "bnVsbA", "e30", "WzEsMmU5OTksIngiLCJ5Il0"],
)
async def test_a_token_that_was_never_given_is_refused_by_name(place: Place, text: str) -> None:
    answer = await place.library.call("admin", "GET", f"/v1/changes?since={text}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "since")


async def test_a_token_of_another_service_is_refused(place: Place) -> None:
    feed = feeds.Feed("elsewhere", ())
    token = changes.closed(feed, feeds.Token(1, 0, "x"))
    answer = await place.library.call("admin", "GET", f"/v1/changes?since={token}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "since")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "wait=31", "wait=-1", "limit=x", "since=&x=1"])
async def test_what_is_out_of_range_is_refused(place: Place, query: str) -> None:
    assert (await place.library.call("admin", "GET", f"/v1/changes?{query}")).status_code == 422


async def test_a_token_from_before_what_the_journal_keeps_is_too_old(place: Place) -> None:
    reader = await place.reader("admin")
    for _ in range(3):
        await place.write()
    await place.run("DELETE FROM journal_order WHERE position = 1")
    answer = await reader.ask()
    assert (answer.status_code, answer.json()["code"]) == (410, "too_old")


async def test_a_token_older_than_deleted_rows_are_kept_is_too_old(place: Place) -> None:
    reader = await place.reader("admin")
    await place.write()
    await place.run("UPDATE journal_order SET recorded_at = recorded_at - interval '31 days'")
    assert (await reader.ask()).json()["code"] == "too_old"


async def test_a_token_of_what_a_restore_has_undone_is_too_old(place: Place) -> None:
    kept = await place.reader("admin")
    await place.write()
    late = await place.reader("admin")
    await place.run("DELETE FROM journal_order; UPDATE journal_head SET position = 0")
    assert (await late.ask()).json()["code"] == "too_old"
    async with place.db.transaction() as tx:
        await epochs.begin(tx, above=50)
    id = await place.write()
    assert (await late.ask()).json()["code"] == "too_old"
    assert [item["id"] for item in await kept.read()] == [str(id)]


async def test_who_waits_is_answered_as_soon_as_there_is_something_and_holds_no_connection(
    place: Place,
) -> None:
    reader = await place.reader("admin")
    waiting = asyncio.create_task(reader.ask(wait=30))
    # The library's pool has ten connections: more wait than it could ever lend.
    others = [asyncio.create_task(reader.ask(wait=30)) for _ in range(30)]
    await asyncio.sleep(0.5)
    id = await place.write()
    for answer in await asyncio.gather(waiting, *others):
        assert [item["id"] for item in answer.json()["items"]] == [str(id)]


async def test_what_does_not_concern_who_waits_moves_the_token_on(place: Place) -> None:
    await place.hire("stranger")
    reader = await place.reader("stranger")
    waiting = asyncio.create_task(reader.ask(wait=1))
    await place.write()
    page = (await waiting).json()
    assert (page["items"], page["more"]) == ([], False)
    assert page["next"] != reader.token


async def test_an_end_lets_go_of_all_who_wait(place: Place) -> None:
    reader = await place.reader("admin")
    waiting = asyncio.create_task(reader.ask(wait=30))
    await asyncio.sleep(0.2)
    place.library.app.state.head.end()
    page = (await waiting).json()
    assert (page["items"], page["next"]) == ([], reader.token)


async def test_an_answer_costs_one_statement(place: Place) -> None:
    reader = await place.reader("admin")
    await place.write()
    place.library.statements.clear()
    assert len(await reader.read()) == 1
    assert len(place.library.statements) == 1


async def test_a_walk_looks_at_so_many_positions_and_says_that_there_is_more(place: Place) -> None:
    await place.hire("stranger")
    reader = await place.reader("stranger")
    async with place.db.transaction() as tx:
        await tx.execute(
            "WITH entry AS (INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)"
            " SELECT 'book.created', 'book', uuidv7(), 1, uuidv7(), 'x', '{}' FROM generate_series(1, 2100)"
            " RETURNING id, recorded_at) INSERT INTO journal_queue SELECT id, recorded_at FROM entry"
        )
    await place.number()
    assert await reader.read() == []
    assert [page["more"] for page in reader.pages] == [True, False]


async def test_nothing_is_missed_and_nothing_told_twice_under_writers_that_overlap(place: Place) -> None:
    reader = await place.reader("admin")
    stop = asyncio.Event()
    told: list[tuple[str, int]] = []

    async def numbering() -> None:
        while not stop.is_set():
            await number(place.db)
            await asyncio.sleep(0.001)

    async def writing(n: int) -> list[tuple[str, int]]:
        written: list[tuple[str, int]] = []
        for turn in range(10):
            async with place.db.transaction() as tx:
                row = await journal.create(tx, BOOK, book(title=f"{n} {turn}"), BY)
                assert row is not None
                await asyncio.sleep(0.001 * ((n + turn) % 3))
                if turn % 4 == 3:
                    changed = await journal.update(tx, BOOK, row.id, {"pages": turn}, BY)
                    assert changed is not None
                    written.append((str(row.id), 2))
                written.append((str(row.id), 1))
        return written

    async def reading() -> None:
        while not stop.is_set():
            told.extend((item["id"], item["version"]) for item in await reader.read(limit=7))

    helpers = [asyncio.create_task(numbering()), asyncio.create_task(reading())]
    written = [each for batch in await asyncio.gather(*map(writing, range(6))) for each in batch]
    stop.set()
    await asyncio.gather(*helpers)
    await place.number()
    told.extend((item["id"], item["version"]) for item in await reader.read())
    assert sorted(told) == sorted(written)
    assert all(told.index((id, 1)) < told.index((id, 2)) for id, version in told if version == 2)
