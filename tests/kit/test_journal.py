"""One statement writes the row, what happened, its place in the queue and the answer; or nothing at all."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest

from services.kit import current, journal
from services.kit.access import Sight
from services.kit.current import Shown
from services.kit.db import Database
from services.kit.idempotency import Key
from services.kit.ids import new_id
from services.kit.journal import Cause
from services.kit.problems import Forbidden, NotFound, PreconditionFailed
from tests.conftest import DatabaseUrl
from tests.kit.library import BOOK, Library, book, database, member, opened, prepare
from tests.problems import assert_problem

SEEN = "/* sight */ true"
CAUSE = Cause(actor="sub:tests", request_id="request-1", traceparent="00-trace")
KEY = Key("issuer subject", "k1", b"fingerprint", "/v1/books/{id}")


@pytest.fixture
def url(database_url: DatabaseUrl) -> str:
    return database_url("journal", prepare)


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
async def db(url: str, statements: list[str]) -> AsyncIterator[Database]:
    async with database(url, statements.append) as opened_:
        yield opened_


async def rows(db: Database, query: str, *values: Any) -> list[Any]:
    async with db.connect() as session:
        return await (await session.execute(query.encode(), values)).fetchall()


async def everything(db: Database) -> list[int]:
    """How many books, entries, places in the queue and keys there are."""
    counts = "SELECT (SELECT count(*) FROM book), (SELECT count(*) FROM journal), (SELECT count(*) FROM journal_queue)"
    return list((await rows(db, counts + ", (SELECT count(*) FROM idempotency_key)"))[0])


async def made(db: Database, cause: Cause = CAUSE, **values: Any) -> Shown:
    async with db.connect() as session:
        row = await journal.create(session, BOOK, book(**values), cause)
    assert row is not None
    return row


async def changed(db: Database, id: UUID, cause: Cause = CAUSE, **values: Any) -> Shown | None:
    async with db.connect() as session:
        return await journal.update(session, BOOK, id, values, cause)


async def test_a_row_is_born_with_its_entry_its_place_and_its_answer_in_one_statement(
    db: Database, statements: list[str]
) -> None:
    row = await made(db, replace(CAUSE, key=KEY, imported=True), title="云山", secret="x", tags=["a"])
    assert len(statements) == 1
    assert await everything(db) == [1, 1, 1, 1]
    [entry] = await rows(
        db,
        "SELECT type, aggregate, aggregate_id, version, partition_key, actor, request_id, traceparent, imported,"
        " changed, state, state_version, id, recorded_at FROM journal",
    )
    assert entry[:10] == (
        "book.created", "book", row.id, 1, row.id, "sub:tests", "request-1", "00-trace", True, None,
    )  # fmt: skip
    shown = orjson.loads(row.json)
    assert entry[10] == shown | {"secret": "x"}
    assert entry[11] == 1
    assert await rows(db, "SELECT id, recorded_at FROM journal_queue") == [entry[12:14]]
    [kept] = await rows(db, "SELECT caller, key, fingerprint, status, version, answer FROM idempotency_key")
    assert kept == ("issuer subject", "k1", b"fingerprint", 201, 1, row.json)


async def test_a_row_is_shown_in_one_way(db: Database) -> None:
    lent, printed = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC), date(2020, 2, 29)
    row = await made(
        db, title="Emma", pages=501, price=9_007_199_254_740_991, printed_on=printed, lent_at=lent, sold=True,
        tags=["a", {"b": [1, None]}], external_ids={"shop": "17"},
    )  # fmt: skip
    shown = orjson.loads(row.json)
    assert list(shown) == [*BOOK.fields]
    assert shown["lent_at"] == "2026-03-01T12:30:00.000005Z"
    assert shown["printed_on"] == "2020-02-29"
    assert shown["price"] == 9_007_199_254_740_991
    assert shown["tags"] == ["a", {"b": [1, None]}]
    assert (shown["version"], shown["created_by"]) == (1, "sub:tests")
    assert shown["created_at"] == shown["updated_at"]
    async with db.connect() as session:
        read = await current.read(session, BOOK, row.id, viewer=None, sight=SEEN)
    assert read == row


async def test_what_changed_is_told_from_and_to(db: Database) -> None:
    row = await made(db, title="Emma", pages=400, tags=["a"], secret="x")
    after = await changed(db, row.id, title="Emma", pages=None, price=5, tags=["a", "b"], secret="y")
    assert after is not None
    [(change, version, type_)] = await rows(
        db, "SELECT changed, version, type FROM journal WHERE version > 1"
    )
    assert change == {
        "pages": {"from": 400, "to": None},
        "price": {"from": None, "to": 5},
        "tags": {"from": ["a"], "to": ["a", "b"]},
        "secret": {"from": "x", "to": "y"},
    }
    assert (version, type_) == (2, "book.updated")


async def test_what_says_nothing_new_leaves_no_trace(db: Database) -> None:
    row = await made(db, title="Emma", pages=None, tags=[{"a": 1, "b": 2}], external_ids={"shop": "1"})
    before = await everything(db)
    cases: tuple[dict[str, Any], ...] = (
        {"title": "Emma"}, {"pages": None}, {"tags": [{"b": 2, "a": 1}]}, {"external_ids": {"shop": "1"}},
        {"external_ids": {}}, {"external_ids": {"other": None}}, {"title": "Emma", "pages": None}, {},
    )  # fmt: skip
    for same in cases:
        assert await changed(db, row.id, **same) is None, same
    assert await everything(db) == before


async def test_external_ids_are_merged_source_by_source(db: Database) -> None:
    row = await made(db, external_ids={"shop": "1", "crm": "2"})
    after = await changed(db, row.id, external_ids={"crm": None, "erp": "3"})
    assert after is not None
    assert orjson.loads(after.json)["external_ids"] == {"shop": "1", "erp": "3"}
    taken = await rows(db, "SELECT noun, source, external_id, row_id FROM external_id ORDER BY source")
    assert taken == [("book", "erp", "3", row.id), ("book", "shop", "1", row.id)]


async def test_versions_are_dense_and_times_do_not_run_backwards(db: Database) -> None:
    row = await made(db)
    async with db.transaction() as early:
        await early.execute("SELECT now()")
        await changed(db, row.id, pages=1)
        await journal.update(early, BOOK, row.id, {"pages": 2}, CAUSE)
    entries = await rows(db, "SELECT version, recorded_at FROM journal ORDER BY version")
    assert [version for version, _ in entries] == [1, 2, 3]
    assert [at for _, at in entries] == sorted(at for _, at in entries)


async def test_a_fact_of_its_own_is_named(db: Database) -> None:
    row = await made(db)
    async with db.connect() as session:
        await journal.update(session, BOOK, row.id, {"sold": True}, CAUSE, fact="sold")
    assert await rows(db, "SELECT type FROM journal WHERE version = 2") == [("book.sold",)]


async def test_a_row_is_changed_at_the_version_expected_or_not_at_all(db: Database) -> None:
    row = await made(db)
    async with db.connect() as session:
        assert await journal.update(session, BOOK, row.id, {"pages": 1}, CAUSE, expected=2) is None
        assert await journal.update(session, BOOK, row.id, {"pages": 1}, CAUSE, expected=1) is not None
        assert await journal.update(session, BOOK, row.id, {"pages": 2}, CAUSE, expected=1) is None
        assert await journal.update(session, BOOK, row.id, {"pages": 2}, CAUSE) is not None
    assert len(await rows(db, "SELECT id FROM journal")) == 3


async def test_of_many_at_one_version_one_wins(db: Database) -> None:
    row = await made(db)

    async def try_(pages: int) -> Shown | None:
        async with db.connect() as session:
            return await journal.update(session, BOOK, row.id, {"pages": pages}, CAUSE, expected=1)

    found = await asyncio.gather(*(try_(n) for n in range(8)))
    assert sum(one is not None for one in found) == 1
    assert await rows(db, "SELECT count(*) FROM journal") == [(2,)]


async def test_what_is_not_allowed_is_not_written(db: Database) -> None:
    row = await made(db, owner_id=uuid4())
    viewer, cause = member()
    async with db.connect() as session:
        mine = "r.owner_id = %(viewer)s::uuid"
        assert await journal.update(session, BOOK, row.id, {"pages": 1}, cause, allowed=mine) is None
        either = "false OR r.title = %(word)s"
        allowed = await journal.update(
            session, BOOK, row.id, {"pages": 1}, cause, allowed=either, given={"word": "Persuasion"}
        )
        assert allowed is None
    assert viewer.member_id is not None
    assert len(await rows(db, "SELECT id FROM journal")) == 1


async def test_a_guard_that_does_not_hold_writes_nothing(db: Database) -> None:
    guard = "NOT EXISTS (SELECT FROM book WHERE title = %(title)s::text AND pages = %(most)s::integer)"
    async with db.connect() as session:
        first = await journal.create(
            session, BOOK, book(pages=7), replace(CAUSE, key=KEY), guard=guard, given={"most": 7}
        )
        second = await journal.create(
            session, BOOK, book(), replace(CAUSE, key=replace(KEY, key="k2")), guard=guard, given={"most": 7}
        )
    assert first is not None
    assert second is None
    assert await everything(db) == [1, 1, 1, 1]


async def test_a_removed_row_is_gone_for_readers_and_writers(db: Database) -> None:
    row = await made(db, external_ids={"shop": "1"})
    async with db.connect() as session:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        assert await journal.remove(session, BOOK, row.id, CAUSE, at=at, expected=7) is None
        gone = await journal.remove(session, BOOK, row.id, replace(CAUSE, key=KEY), at=at, expected=1)
        assert gone is not None
        assert gone.version == 2
        assert await journal.remove(session, BOOK, row.id, CAUSE, at=at) is None
        assert await journal.update(session, BOOK, row.id, {"pages": 1}, CAUSE) is None
        for ask in (current.read, current.miss):
            with pytest.raises(NotFound):
                await ask(session, BOOK, row.id, viewer=None, sight=SEEN)
    assert await rows(db, "SELECT type, changed FROM journal WHERE version = 2") == [("book.deleted", {})]
    assert await rows(db, "SELECT status, version, answer FROM idempotency_key") == [(204, None, None)]
    with pytest.raises(psycopg.errors.UniqueViolation):
        await made(db, external_ids={"shop": "1"})


async def test_a_removed_row_may_come_back(db: Database) -> None:
    row = await made(db)
    async with db.connect() as session:
        await journal.remove(session, BOOK, row.id, CAUSE, at=datetime.now(UTC))
        back = await journal.update(session, BOOK, row.id, {"deleted_at": None}, CAUSE, fact="restored")
        assert back is not None
        assert (await current.read(session, BOOK, row.id, viewer=None, sight=SEEN)).version == 3


async def test_why_a_change_wrote_nothing(db: Database) -> None:
    viewer, cause = member()
    row = await made(db, owner_id=uuid4())
    sight, mine = (
        Sight(account="r.account_id", owner="r.owner_id").visible(viewer),
        "r.owner_id = %(viewer)s::uuid",
    )
    async with db.connect() as session:

        async def miss(**told: Any) -> Shown:
            return await current.miss(session, BOOK, row.id, viewer=cause.member_id, **told)

        with pytest.raises(NotFound):
            await miss(sight=sight)
        with pytest.raises(Forbidden) as refused:
            await miss(sight=SEEN, may=mine)
        assert refused.value.code == "not_yours_to_edit"
        with pytest.raises(PreconditionFailed) as late:
            await miss(sight=SEEN, expected=2)
        assert orjson.loads(late.value.current or b"") == orjson.loads(row.json)
        assert await miss(sight=SEEN, expected=1) == row
        with pytest.raises(NotFound):
            await miss(sight="r.title = %(title)s::text", given={"title": "Persuasion"})
        with pytest.raises(NotFound):
            await current.miss(session, BOOK, new_id(), viewer=None, sight=SEEN)


async def test_a_change_that_says_nothing_new_answers_and_keeps_the_answer(db: Database) -> None:
    row = await made(db, title="Emma")
    cause = replace(CAUSE, key=KEY)
    async with db.connect() as session:
        same = await journal.change(session, BOOK, row.id, {"title": "Emma"}, cause, expected=1, sight=SEEN)
        assert same == row
        with pytest.raises(psycopg.errors.UniqueViolation):
            await journal.change(session, BOOK, row.id, {}, cause, expected=None, sight=SEEN)
    kept = await rows(db, "SELECT status, version, answer FROM idempotency_key")
    assert kept == [(200, 1, row.json)]
    assert len(await rows(db, "SELECT id FROM journal")) == 1


async def break_off(db: Database) -> None:
    async with db.transaction() as tx:
        row = await journal.create(tx, BOOK, book(external_ids={"shop": "1"}), replace(CAUSE, key=KEY))
        assert row is not None
        await journal.update(tx, BOOK, row.id, {"pages": 1}, CAUSE)
        raise ZeroDivisionError


async def die(db: Database) -> None:
    async with db.transaction() as tx:
        await journal.create(tx, BOOK, book(), replace(CAUSE, key=KEY))
        await rows(db, "SELECT pg_terminate_backend(%s)", tx.info.backend_pid)
        await tx.execute("SELECT 1")


async def test_a_transaction_that_breaks_off_leaves_nothing(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await break_off(db)
    assert await everything(db) == [0, 0, 0, 0]
    assert await rows(db, "SELECT * FROM external_id") == []


async def test_a_session_that_dies_leaves_nothing(db: Database) -> None:
    with pytest.raises(psycopg.OperationalError):
        await die(db)
    assert await everything(db) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "values", [{"title": None}, {"pages": 100_001}, {"genre": "MATHS"}, {"tags": ["x" * 250_000]}]
)
async def test_what_the_table_refuses_leaves_nothing(db: Database, values: dict[str, Any]) -> None:
    await made(db, genre="MATHS")
    before = await everything(db)
    with pytest.raises(psycopg.IntegrityError):
        await made(db, replace(CAUSE, key=KEY), **values)
    assert await everything(db) == before


async def test_a_record_may_be_as_large_as_topics_take(db: Database) -> None:
    row = await made(db, tags=["x" * 120_000])
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        await changed(db, row.id, tags=["y" * 120_000])
    assert refused.value.diag.constraint_name == "journal_record_size"
    assert len(await rows(db, "SELECT id FROM journal")) == 1


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
async def test_text_that_cannot_be_stored_is_refused(db: Database, text: str) -> None:
    cases: tuple[dict[str, Any], ...] = ({"title": text}, {"tags": [text]}, {"external_ids": {"shop": text}})
    for values in cases:
        with pytest.raises((psycopg.DataError, UnicodeEncodeError)):
            await made(db, **values)
    assert await everything(db) == [0, 0, 0, 0]


async def test_a_partition_is_for_ever(db: Database) -> None:
    account = uuid4()
    async with db.connect() as session:
        row = await journal.create(session, BOOK, book(account_id=account), CAUSE, partition_key=account)
        assert row is not None
        await journal.update(session, BOOK, row.id, {"account_id": uuid4()}, CAUSE)
    assert await rows(db, "SELECT DISTINCT partition_key FROM journal") == [(account,)]


async def test_a_column_may_be_found_by_sql(db: Database) -> None:
    other = await made(db, account_id=uuid4(), title="first")
    found = "(SELECT account_id FROM book WHERE id = %(like)s::uuid)"
    async with db.connect() as session:
        row = await journal.create(
            session, BOOK, book(), CAUSE, filled={"account_id": found, "partition_key": found},
            given={"like": other.id},
        )  # fmt: skip
    assert row is not None
    account = orjson.loads(other.json)["account_id"]
    assert orjson.loads(row.json)["account_id"] == account
    assert await rows(db, "SELECT partition_key FROM journal WHERE aggregate_id = %s", row.id) == [
        (UUID(account),)
    ]


# Months

MONTHS = """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'journal'::regclass ORDER BY 1"""


async def test_entries_go_to_the_month_in_which_they_are_recorded(db: Database) -> None:
    await made(db)
    [(partition,)] = await rows(db, "SELECT tableoid::regclass::text FROM journal")
    assert partition == datetime.now(UTC).strftime("journal_y%Ym%m")
    months = [name for (name,) in await rows(db, MONTHS)]
    assert len(months) == 4
    assert "journal_rest" in months


async def test_a_month_made_late_takes_its_rows_along(db: Database) -> None:
    late = "'2031-05-31T23:59:59.999999Z'::timestamptz"
    for at in (late, "'2031-06-01T00:00:00Z'::timestamptz"):
        await rows(
            db,
            "INSERT INTO journal (recorded_at, type, aggregate, aggregate_id, version, partition_key, actor, state)"
            f" VALUES ({at}, 'book.created', 'book', uuidv7(), 1, uuidv7(), 'x', '{{}}') RETURNING id",
        )
    before = await rows(db, "SELECT id, event_id FROM journal ORDER BY id")
    assert await rows(db, f"SELECT journal_month({late})") == [("journal_y2031m05",)]
    assert await rows(db, f"SELECT journal_month({late})") == [("journal_y2031m05",)]
    held = await rows(db, "SELECT tableoid::regclass::text FROM journal ORDER BY recorded_at")
    assert held == [("journal_y2031m05",), ("journal_rest",)]
    assert await rows(db, "SELECT id, event_id FROM journal ORDER BY id") == before


async def test_a_month_is_made_while_others_write(db: Database) -> None:
    async with db.transaction() as tx:
        await journal.create(tx, BOOK, book(), CAUSE)
        async with asyncio.timeout(5):
            assert await rows(db, "SELECT journal_month('2032-01-05Z')") == [("journal_y2032m01",)]
            await made(db, title="meanwhile")
    assert await rows(db, "SELECT count(*) FROM journal") == [(2,)]


async def test_a_record_beyond_its_size_is_a_problem_that_says_so(url: str) -> None:
    async with opened(url) as library:
        body = {"title": "Emma", "tags": ["x" * 90_000] * 3}
        problem = assert_problem(await library.call("admin", "POST", "/v1/books", body), 422, "invalid")
        assert problem["errors"] == [
            {
                "field": "body",
                "code": "too_large",
                "message": "is larger than 250,000 bytes as it would be recorded",
            }
        ]


async def test_the_actor_and_the_request_are_the_callers(url: str) -> None:
    async with opened(url) as library:
        await check_cause(library)


async def check_cause(library: Library) -> None:
    for who, actor in (("admin", "sub:admin"), ("rep", str(library.callers.viewers["rep"].member_id))):
        body = {"title": "Emma", "owner_id": str(library.callers.viewers["rep"].member_id)}
        made = await library.call(
            who, "POST", "/v1/books", body, X_Request_Id="request-4711",
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )  # fmt: skip
        assert made.status_code == 201
        [entry] = await library.journal(made.json()["id"])
        assert entry["actor"] == made.json()["created_by"] == actor
        assert entry["request_id"] == made.headers["x-request-id"] == "request-4711"
        assert entry["traceparent"].startswith("00-0af7651916cd43dd")
