"""A file of rows comes in whole or not at all; each of its rows is written once, or refused with the reason."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from services.kit.fields import MAX_MONEY
from services.kit.imports_file import BLOCK, MOST_CHARACTERS, MOST_IN_ROW, FileRows
from services.kit.profiles import Column, Profile, Reference, Walk, of
from tests.conftest import DatabaseUrl
from tests.kit.backbone import until
from tests.kit.importing import HEADER, SHELVES, Desk, desk_at, prepare, worker_of
from tests.kit.library import told
from tests.problems import assert_problem

EMMA = "1,Emma,novel,474,12.50,1815-12-23,,"
WAVES = "2,Waves,novel,324,,1931-10-08,,"


@pytest.fixture
def url(database_url: DatabaseUrl) -> str:
    return database_url("imports", prepare)


@pytest.fixture
async def desk(url: str) -> AsyncIterator[Desk]:
    async with desk_at(url) as opened:
        yield opened


def novels(count: int, first: int = 0) -> list[str]:
    return [f"{n},Novel {n},novel,{100 + n % 700},{n}.25,2001-02-03,," for n in range(first, first + count)]


# What a file comes to


async def test_a_row_becomes_a_row_with_its_entry_and_its_ids(desk: Desk) -> None:
    job = await desk.bring(EMMA, X_Request_Id="request-of-upload")
    assert job["state"] == "DONE"
    assert job["counts"] == {"read": 1, "created": 1, "updated": 0, "unchanged": 0, "refused": 0}
    assert job["progress"] == {"done": 1, "total": 1}
    emma = (await desk.books())["1"]
    assert (emma["title"], emma["genre"], emma["pages"]) == ("Emma", "NOVEL", 474)
    assert (emma["price"], emma["printed_on"]) == (1250, date(1815, 12, 23))
    assert (emma["version"], emma["created_by"], emma["partition_key"]) == (1, "sub:admin", emma["id"])
    assert emma["secret"] == "from a file"
    entry = (await desk.rows("SELECT * FROM journal"))[0]
    assert (entry["type"], entry["aggregate_id"], entry["version"]) == ("book.created", emma["id"], 1)
    assert (entry["imported"], entry["actor"], entry["changed"]) == (True, "sub:admin", None)
    assert entry["request_id"] == "request-of-upload"
    assert (entry["state"]["title"], entry["state"]["price"]) == ("Emma", 1250)
    assert entry["state"]["secret"] == "from a file"
    assert await desk.count() == {"books": 1, "entries": 1, "queued": 1, "ids": 1, "staged": 0, "jobs": 1}


async def test_a_row_that_was_imported_is_the_row_that_the_api_shows(desk: Desk) -> None:
    await desk.bring(EMMA)
    answer = await desk.client.get("/v1/books", headers=told("admin"))
    shown = answer.json()["items"][0]
    state = (await desk.rows("SELECT state FROM journal"))[0]["state"]
    assert shown == {name: value for name, value in state.items() if name != "secret"}
    assert shown["external_ids"] == {"shelves": "1"}


async def test_what_the_file_leaves_empty_is_unknown(desk: Desk) -> None:
    await desk.bring("1,Emma,novel,,,,,")
    emma = (await desk.books())["1"]
    assert (emma["pages"], emma["price"], emma["printed_on"], emma["account_id"]) == (None, None, None, None)


async def test_mark_line_ends_order_of_columns_quotes_and_empty_lines_do_not_matter(desk: Desk) -> None:
    text = (
        '\ufefftitle, isbn ,kind,price,pages,reader,printed,lent\r\n"Emma, or: ""E""",1,novel,,,,,\r\n\r\n'
        ' Waves ,2,novel,,,,,\r\n"Two\r\nlines",3,poems,,,,,\r\n'
    )
    answer = await desk.send(text)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/books/imports/{answer.json()['id']}"
    await desk.work()
    titles = {isbn: book["title"] for isbn, book in (await desk.books()).items()}
    assert titles == {"1": 'Emma, or: "E"', "2": "Waves", "3": "Two\r\nlines"}


async def test_a_header_alone_is_a_file_without_rows(desk: Desk) -> None:
    job = await desk.bring()
    assert (job["state"], job["counts"]["read"], job["error"]) == ("DONE", 0, None)


async def test_the_job_is_shown_from_its_queue_to_its_end(desk: Desk) -> None:
    id = await desk.queue(EMMA, WAVES)
    queued = await desk.job(id)
    assert (queued["state"], queued["progress"]) == ("QUEUED", {"done": 0, "total": 2})
    assert queued["counts"] == {"read": 0, "created": 0, "updated": 0, "unchanged": 0, "refused": 0}
    assert (queued["profile"], queued["dry_run"], queued["created_by"]) == ("shelves", False, "sub:admin")
    assert (queued["started_at"], queued["finished_at"], queued["error"]) == (None, None, None)
    await desk.work()
    ended = await desk.job(id)
    assert queued["created_at"] < ended["started_at"] < ended["finished_at"]
    assert ended["finished_at"].endswith("Z")


async def test_a_slip_is_mended_with_a_line_in_the_report(desk: Desk) -> None:
    job = await desk.bring("1,Ema,novel,,,,,", WAVES)
    assert (await desk.books())["1"]["title"] == "Emma"
    line = {
        "row": 2,
        "external_id": "1",
        "outcome": "MENDED",
        "message": "title: 'Ema' is read as 'Emma'",
        "findings": [{"field": "title", "code": "mended", "message": "'Ema' is read as 'Emma'"}],
    }
    assert await desk.report(job["id"]) == [line]


# The file as a whole


BAD_FILES: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "file", "is empty"),
    "only blank lines": (b"\n\n\r\n", "file", "is empty"),
    "a spreadsheet": (b"PK\x03\x04\x14\x00\x08\x00", "file", "NUL"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "file", "UTF-8"),
    "another encoding": (f"{HEADER}\n1,Caf\xe9,novel,,,,,".encode("latin-1"), "file", "UTF-8"),
    "UTF-16": (f"{HEADER}\n{EMMA}".encode("utf-16"), "file", "UTF-8"),
    "a late NUL": (f"{HEADER}\n{EMMA}\n2,Wa\x00ves,novel,,,,,".encode(), "file", "NUL"),
    "late bytes": (f"{HEADER}\n".encode() + 9_000 * f"{EMMA}\n".encode() + b"\xff", "file", "UTF-8"),
    "a quote never closed": (f'{HEADER}\n1,"Emma,novel,,,,,\n'.encode(), "file", "not CSV"),
    "text after a quote": (f'{HEADER}\n1,"Em"ma,novel,,,,,\n'.encode(), "file", "not CSV"),
    "one endless line": (HEADER.encode() + b"\n" + MOST_CHARACTERS * b"x", "file", "characters"),
    "one endless cell": (f'{HEADER}\n1,"'.encode() + 200_000 * b"x\n" + b'"', "file", "not CSV"),
    "a column too few": (b"isbn,title,kind,pages,price,printed,reader\n", "file.lent", "is missing"),
    "a column too many": (f"{HEADER},shelf\n".encode(), "file.shelf", "is no column of shelves"),
    "a column twice": (f"{HEADER},isbn\n".encode(), "file.isbn", "twice"),
    "no header": (f"{EMMA}\n".encode(), "file.isbn", "is missing"),
    "semicolons": (HEADER.replace(",", ";").encode(), "file.isbn", "is missing"),
    "JSON": (b'{"isbn": 1}', "file.isbn", "is missing"),
}


@pytest.mark.parametrize("name", BAD_FILES)
async def test_a_file_that_cannot_be_read_is_refused_and_nothing_is_kept(desk: Desk, name: str) -> None:
    content, field, said = BAD_FILES[name]
    problem = assert_problem(await desk.send(content), 422, "invalid")
    errors = {error["field"]: error["message"] for error in problem["errors"]}
    assert said in errors[field]
    assert set((await desk.count()).values()) == {0}


async def test_what_is_sent_beside_the_file_is_read_strictly(desk: Desk) -> None:
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        ({"profile": "salesforce"}, "profile"),
        ({"profile": None}, "profile"),
        ({"dry_run": "maybe"}, "dry_run"),
        ({"dry_run": ["true", "true"]}, "dry_run"),
    )
    for given, field in wrong:
        problem = assert_problem(await desk.send(f"{HEADER}\n{EMMA}", **given), 422, "invalid")
        assert [error["field"] for error in problem["errors"]] == [field]
    assert "shelves" in assert_problem(await desk.send(HEADER, profile="x"), 422, "invalid")["detail"]
    assert set((await desk.count()).values()) == {0}


async def test_a_form_without_a_file_or_with_more_than_that_is_refused(desk: Desk) -> None:
    async def post(**sent: Any) -> Any:
        return await desk.client.post("/v1/books/imports", headers=told("admin"), **sent)

    file = ("books.csv", HEADER.encode(), "text/csv")
    problem = assert_problem(await post(files={"other": file}, data={"profile": "shelves"}), 422, "invalid")
    assert {error["field"] for error in problem["errors"]} == {"file", "other"}
    assert_problem(
        await post(files=[("file", file), ("file", file)], data={"profile": "shelves"}), 400, "bad_request"
    )
    assert_problem(await post(json={"profile": "shelves"}), 415, "media_type")
    bare = told("admin") | {"Content-Type": "text/csv"}
    plain = await desk.client.post("/v1/books/imports", content=HEADER.encode(), headers=bare)
    assert_problem(plain, 415, "media_type")
    nobody = await desk.client.post("/v1/books/imports", files={"file": file}, data={"profile": "shelves"})
    assert_problem(nobody, 401, "token_missing")
    unknown = await desk.client.post(
        "/v1/books/imports?dryrun=true", headers=told("admin"), files={"file": file}
    )
    assert_problem(unknown, 422, "invalid")
    assert set((await desk.count()).values()) == {0}


async def test_imports_are_an_administrators(desk: Desk) -> None:
    for who in ("rep", "executive", "marketing", "reporting"):
        assert_problem(await desk.send(f"{HEADER}\n{EMMA}", who=who), 403, "admin_only")
    id = await desk.queue(EMMA)
    for path in (f"/v1/books/imports/{id}", f"/v1/books/imports/{id}/report"):
        assert_problem(await desk.client.get(path, headers=told("rep")), 403, "admin_only")


async def test_an_import_is_found_under_its_noun_alone(desk: Desk) -> None:
    id = await desk.queue(EMMA)
    for path in (
        f"/v1/others/imports/{id}",
        f"/v1/books/imports/{uuid4()}",
        f"/v1/books/imports/{uuid4()}/report",
    ):
        assert_problem(await desk.client.get(path, headers=told("admin")), 404, "not_found")


async def test_a_large_file_is_read_block_by_block(desk: Desk) -> None:
    text = "\n".join((HEADER, *novels(2 * BLOCK + 5)))
    rows = FileRows(io.BytesIO(text.encode()), SHELVES)
    blocks = list(iter(lambda: rows.block(b""), b""))
    assert [block.count(b"\n") for block in blocks] == [BLOCK, BLOCK, 5]
    assert rows.count == 2 * BLOCK + 5
    answer = await desk.send(text)
    assert answer.json()["progress"]["total"] == 2 * BLOCK + 5


# A row by itself


BAD_ROWS: dict[str, tuple[str, str, str]] = {
    "a cell too many": ("1,Emma,novel,,,,,,x", "", "has 9 cells where the header has 8"),
    "a cell too few": ("1,Emma,novel", "", "has 3 cells where the header has 8"),
    "a novel in a cell": (f"1,{MOST_IN_ROW * 'x'},novel,,,,,", "", "has more than 50,000 characters"),
    "no identity": (",Emma,novel,,,,,", "isbn", "is empty"),
    "nothing where something must be": ("1,,novel,,,,,", "title", "is empty"),
    "too long": (f"1,{51 * 'x'},novel,,,,,", "title", "at most 50 characters"),
    "an unknown code": ("1,Emma,drama,,,,,", "kind", "must be one of novel, poems, maths, not 'drama'"),
    "a code in capitals": ("1,Emma,NOVEL,,,,,", "kind", "must be one of"),
    "no number": (
        "1,Emma,novel,many,,,,",
        "pages",
        "must be a whole number from 0 to 2147483647, not 'many'",
    ),
    "a fraction": ("1,Emma,novel,1.5,,,,", "pages", "must be a whole number"),
    "foreign digits": ("1,Emma,novel,４７４,,,,", "pages", "must be a whole number"),
    "below nothing": ("1,Emma,novel,-1,,,,", "pages", "from 0"),
    "beyond a column": ("1,Emma,novel,2147483648,,,,", "pages", "to 2147483647"),
    "a price in words": ("1,Emma,novel,,much,,,", "price", "must be a number as in 1234.50"),
    "not a number": ("1,Emma,novel,,NaN,,,", "price", "must be a number"),
    "no end of a number": ("1,Emma,novel,,Infinity,,,", "price", "must be a number"),
    "an exponent": ("1,Emma,novel,,1e3,,,", "price", "must be a number"),
    "half a cent": ("1,Emma,novel,,0.005,,,", "price", "whole minor units"),
    "all the money": (f"1,Emma,novel,,{MAX_MONEY},,,", "price", "2^53-1"),
    "no day": ("1,Emma,novel,,,yesterday,,", "printed", "must be a day as in 2026-11-30, not 'yesterday'"),
    "a day that never was": ("1,Emma,novel,,,2026-02-30,,", "printed", "must be a day"),
    "the other way round": ("1,Emma,novel,,,23.12.1815,,", "printed", "must be a day"),
    "a day to come": ("1,Emma,novel,,,2999-01-01,,", "printed", "must not lie in the future"),
    "columns that contradict each other": ("1,Emma,novel,13,,,,", "lent", "counts to thirteen"),
    "a reference to nothing": ("1,Emma,novel,,,,nobody,", "reader", "'nobody' is no reader"),
    "a value that a constraint refuses": ("1,Emma,novel,100001,,,,", "pages", "cannot be stored"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
async def test_a_bad_row_is_refused_naming_the_column_and_the_others_go_on(desk: Desk, name: str) -> None:
    line, field, said = BAD_ROWS[name]
    job = await desk.bring(WAVES, line, "3,Orlando,novel,,,,,")
    assert (job["state"], job["counts"]["created"], job["counts"]["refused"]) == ("DONE", 2, 1)
    assert sorted(await desk.books()) == ["2", "3"]
    report = await desk.report(job["id"])
    assert [(told["row"], told["outcome"]) for told in report] == [(3, "REFUSED")]
    finding = report[0]["findings"][0]
    assert finding["field"] == field
    assert said in finding["message"]
    assert said in report[0]["message"]
    counted = await desk.count()
    assert (counted["entries"], counted["ids"], counted["staged"]) == (2, 2, 0)


async def test_all_that_is_wrong_with_a_row_is_said_at_once(desk: Desk) -> None:
    job = await desk.bring("1,,drama,many,,,,")
    findings = (await desk.report(job["id"]))[0]["findings"]
    assert [finding["field"] for finding in findings] == ["title", "kind", "pages"]


async def test_a_row_that_a_unique_rule_refuses_stands_alone(desk: Desk) -> None:
    lines = [f"{n},Title {n},maths,,,,," for n in range(50)]
    lines[33] = "33,Title 7,maths,,,,,"
    job = await desk.bring(*lines)
    assert (job["counts"]["created"], job["counts"]["refused"]) == (49, 1)
    line = (await desk.report(job["id"]))[0]
    assert (line["row"], line["external_id"]) == (35, "33")
    assert line["findings"][0]["field"] == "title"
    assert "the same title already" in line["message"]


async def test_an_identity_that_is_there_twice_is_taken_once(desk: Desk) -> None:
    job = await desk.bring(EMMA, WAVES, "1,Another,novel,,,,,")
    assert (job["counts"]["created"], job["counts"]["refused"]) == (2, 1)
    assert (await desk.books())["1"]["title"] == "Emma"
    assert "is the same as in row 2" in (await desk.report(job["id"]))[0]["message"]


async def test_the_report_is_paged_and_filtered_like_every_list(desk: Desk) -> None:
    lines = [f"{n},{'Ema' if n % 2 else ''},novel,,,,," for n in range(30)]
    job = await desk.bring(*lines, rows=7)
    report = await desk.report(job["id"], limit="4")
    assert [line["row"] for line in report] == list(range(2, 32))
    refused = await desk.report(job["id"], outcome="REFUSED")
    assert [line["row"] for line in refused] == list(range(2, 32, 2))
    path = f"/v1/books/imports/{job['id']}/report"
    assert_problem(await desk.client.get(path + "?colour=red", headers=told("admin")), 422, "invalid")
    counted = await desk.client.get(path + "?count=true&limit=1", headers=told("admin"))
    assert counted.json()["total"] == 30


# Again


async def test_importing_twice_changes_nothing(desk: Desk) -> None:
    lines = novels(30)
    await desk.bring(*lines, rows=7)
    before, books = await desk.count(), await desk.books()
    job = await desk.bring(*lines, rows=11)
    assert job["counts"] == {"read": 30, "created": 0, "updated": 0, "unchanged": 30, "refused": 0}
    assert await desk.books() == books
    assert await desk.count() == {**before, "jobs": 2}


async def test_what_people_edited_stays_where_the_file_has_not_changed(desk: Desk) -> None:
    await desk.bring(EMMA)
    emma = (await desk.books())["1"]
    patch = {"title": "Emma, read", "pages": 500}
    path = f"/v1/books/{emma['id']}"
    edited = await desk.client.patch(path, json=patch, headers=told("admin", if_match='"1"'))
    assert edited.status_code == 200, edited.text
    await desk.bring("1,Emma,novel,474,13.75,1815-12-23,,")
    again = (await desk.books())["1"]
    assert (again["title"], again["pages"], again["price"], again["version"]) == ("Emma, read", 500, 1375, 3)
    entries = await desk.rows("SELECT type, version, changed, imported FROM journal ORDER BY id")
    assert entries[2] == {
        "type": "book.updated",
        "version": 3,
        "changed": {"price": {"from": 1250, "to": 1375}},
        "imported": True,
    }


async def test_a_value_that_left_the_file_leaves_the_row(desk: Desk) -> None:
    await desk.bring(EMMA)
    job = await desk.bring("1,Emma,novel,474,,1815-12-23,,")
    assert job["counts"]["updated"] == 1
    assert (await desk.books())["1"]["price"] is None


async def test_what_the_file_says_and_people_have_said_already_is_no_change(desk: Desk) -> None:
    await desk.bring(EMMA)
    id = (await desk.books())["1"]["id"]
    await desk.client.patch(f"/v1/books/{id}", json={"pages": 475}, headers=told("admin", if_match="*"))
    job = await desk.bring("1,Emma,novel,475,12.50,1815-12-23,,")
    assert (job["counts"]["updated"], job["counts"]["unchanged"]) == (0, 1)
    assert (await desk.books())["1"]["version"] == 2
    await desk.client.patch(f"/v1/books/{id}", json={"pages": 476}, headers=told("admin", if_match="*"))
    await desk.bring("1,Emma,novel,475,12.50,1815-12-23,,")
    assert (await desk.books())["1"]["pages"] == 476


async def test_fields_that_go_together_meet_the_row_as_people_have_left_it(desk: Desk) -> None:
    await desk.bring("1,Emma,novel,,,,,Anne")
    id = (await desk.books())["1"]["id"]
    body = {"tags": ["Anne", "Jane"]}
    await desk.client.patch(f"/v1/books/{id}", json=body, headers=told("admin", if_match="*"))
    await desk.bring("1,Emma,novel,,,,,Anne")
    assert (await desk.books())["1"]["tags"] == ["Anne", "Jane"]
    await desk.bring("1,Emma,novel,,,,,Mary")
    assert (await desk.books())["1"]["tags"] == ["Anne", "Jane", "Mary"]
    last = (await desk.rows("SELECT type FROM journal ORDER BY id DESC LIMIT 1"))[0]
    assert last["type"] == "book.lent"


async def test_a_row_that_a_person_made_with_the_same_id_is_that_row(desk: Desk) -> None:
    body = {"title": "Emma by hand", "external_ids": {"shelves": "1"}}
    made = await desk.client.post("/v1/books", json=body, headers=told("admin"))
    assert made.status_code == 201, made.text
    job = await desk.bring(EMMA)
    assert job["counts"]["updated"] == 1
    assert [(b["title"], str(b["id"])) for b in (await desk.books()).values()] == [
        ("Emma", made.json()["id"])
    ]


async def test_a_deleted_row_is_refused_and_stays_deleted(desk: Desk) -> None:
    await desk.bring(EMMA)
    id = (await desk.books())["1"]["id"]
    gone = await desk.client.delete(f"/v1/books/{id}", headers=told("admin", if_match="*"))
    assert gone.status_code == 204, gone.text
    job = await desk.bring("1,Emma again,novel,,,,,", WAVES)
    assert (job["counts"]["created"], job["counts"]["refused"]) == (1, 1)
    assert "restore it first" in (await desk.report(job["id"]))[0]["message"]
    assert (await desk.books())["1"]["title"] == "Emma"


async def test_an_id_of_another_source_is_another_row(desk: Desk) -> None:
    body = {"title": "Emma by hand", "external_ids": {"elsewhere": "1"}}
    await desk.client.post("/v1/books", json=body, headers=told("admin"))
    assert (await desk.bring(EMMA))["counts"]["created"] == 1


async def test_a_changed_row_keeps_its_place_among_other_peoples_changes(desk: Desk) -> None:
    """The import waits for a person's transaction, and sees what it has left."""
    await desk.bring("1,Emma,novel,,,,,Anne")
    id = (await desk.books())["1"]["id"]
    queued = await desk.queue("1,Emma,novel,,,,,Mary")
    async with await psycopg.AsyncConnection.connect(desk.url) as person:
        await person.execute("UPDATE book SET tags = '[\"Jane\"]', version = 2 WHERE id = %s", (id,))
        working = asyncio.create_task(desk.work())
        await asyncio.sleep(0.5)
        await person.commit()
    await working
    assert (await desk.job(queued))["state"] == "DONE"
    book = (await desk.books())["1"]
    assert (book["tags"], book["version"]) == (["Jane", "Mary"], 3)


# A dry run


async def test_a_dry_run_reports_the_same_and_writes_nothing(desk: Desk) -> None:
    await desk.bring(EMMA, WAVES)
    before, books = await desk.count(), await desk.books()
    lines = (
        "1,Emma,novel,475,,,,",
        WAVES,
        "3,Ema,maths,,,,,",
        "4,Emma,maths,,,,,",
        "5,,drama,,,,,",
        "6,X,novel,,,,,",
    )
    dry = await desk.bring(*lines, dry_run="true")
    assert dry["dry_run"] is True
    assert await desk.books() == books
    assert await desk.count() == {**before, "jobs": 2}
    real = await desk.bring(*lines)
    assert dry["counts"] == real["counts"]
    assert real["counts"] == {"read": 6, "created": 2, "updated": 1, "unchanged": 1, "refused": 2}
    assert await desk.report(dry["id"]) == await desk.report(real["id"])


# References


async def account(desk: Desk) -> UUID:
    id = uuid4()
    await desk.rows(
        "INSERT INTO account (id, version, partition_key, created_at, created_by, updated_at, updated_by)"
        " VALUES (%(id)s, 1, %(id)s, now(), '', now(), '')",
        id=id,
    )
    return id


async def test_a_reference_names_a_row_and_the_events_follow_it(desk: Desk) -> None:
    reader = await account(desk)
    await desk.bring(f"1,Emma,novel,,,,{reader},")
    emma = (await desk.books())["1"]
    assert (emma["account_id"], emma["partition_key"]) == (reader, reader)


async def test_a_reference_that_arrives_a_little_later_is_waited_for(desk: Desk) -> None:
    reader = uuid4()
    id = await desk.queue(*novels(5), f"99,Emma,novel,,,,{reader},", *novels(5, first=100))
    working = asyncio.create_task(desk.work(wait=20.0, rows=3))
    await asyncio.sleep(0.7)
    assert (await desk.job(id))["state"] == "RUNNING"
    await desk.rows(
        "INSERT INTO account (id, version, partition_key, created_at, created_by, updated_at, updated_by)"
        " VALUES (%(id)s, 1, %(id)s, now(), '', now(), '')",
        id=reader,
    )
    async with asyncio.timeout(15):
        await working
    assert (await desk.job(id))["counts"]["created"] == 11
    assert (await desk.books())["99"]["account_id"] == reader


async def test_a_job_waits_once_however_many_references_are_missing(desk: Desk) -> None:
    lines = [f"{n},Novel {n},novel,,,,nobody {n}," for n in range(20)]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    job = await desk.bring(*lines, rows=2, wait=1.0)
    assert loop.time() - begun < 8
    assert job["counts"]["refused"] == 20


async def test_a_worker_that_is_stopped_while_it_waits_refuses_nothing(desk: Desk) -> None:
    reader = uuid4()
    id = await desk.queue(f"1,Emma,novel,,,,{reader},")
    stop = asyncio.Event()
    working = asyncio.create_task(worker_of(desk.db, desk.url, wait=60.0, poll=0.01).run(stop))
    await asyncio.sleep(0.5)
    stop.set()
    await working
    job = await desk.job(id)
    assert (job["state"], job["counts"]["read"]) == ("QUEUED", 0)


# Retries


async def test_a_key_gives_the_same_job_to_the_same_file(desk: Desk) -> None:
    first = await desk.send(f"{HEADER}\n{EMMA}", key="k1")
    again = await desk.send(f"{HEADER}\n{EMMA}", key="k1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert (await desk.count())["jobs"] == 1
    assert_problem(await desk.send(f"{HEADER}\n{WAVES}", key="k1"), 422, "invalid")
    assert_problem(await desk.send(f"{HEADER}\n{EMMA}", key="k1", dry_run="true"), 422, "invalid")
    assert (await desk.count())["jobs"] == 1


async def test_a_file_that_was_refused_leaves_its_key_free(desk: Desk) -> None:
    assert_problem(await desk.send("isbn\n1", key="k1"), 422, "invalid")
    assert (await desk.send(f"{HEADER}\n{EMMA}", key="k1")).status_code == 202


async def test_two_uploads_under_one_key_at_once_are_one_job(desk: Desk) -> None:
    text = "\n".join((HEADER, *novels(500)))
    answers = await asyncio.gather(*(desk.send(text, key="k1") for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 202}) == 1
    assert (await desk.count())["jobs"] == 1


# Kills


@contextmanager
def killable(url: str, rows: int) -> Generator[subprocess.Popen[bytes]]:
    """A worker in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kit.importing", url, str(rows)],
        stdout=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": "."},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def reached(desk: Desk, id: str, done: int) -> bool:
    return (await desk.job(id))["progress"]["done"] >= done


async def ended(desk: Desk, id: str) -> bool:
    return (await desk.job(id))["state"] == "DONE"


async def test_an_import_whose_worker_is_killed_again_and_again_loses_and_doubles_nothing(desk: Desk) -> None:
    lines = novels(1500)
    lines[700] = "700,,drama,,,,,"
    lines[900] = "900,Ema,novel,,,,,"
    id = await desk.queue(*lines)
    for done in (100, 400, 800):
        with killable(desk.url, 20) as worker:
            await until(lambda done=done: reached(desk, id, done))
            worker.send_signal(signal.SIGKILL)
    with killable(desk.url, 50):
        await until(lambda: ended(desk, id))
    job = await desk.job(id)
    assert job["counts"] == {"read": 1500, "created": 1499, "updated": 0, "unchanged": 0, "refused": 1}
    assert [(line["row"], line["outcome"]) for line in await desk.report(id)] == [
        (702, "REFUSED"),
        (902, "MENDED"),
    ]
    counted = await desk.count()
    assert (counted["books"], counted["entries"], counted["queued"]) == (1499, 1499, 1499)
    assert (counted["ids"], counted["staged"]) == (1499, 0)
    doubled = await desk.rows("SELECT aggregate_id FROM journal GROUP BY aggregate_id HAVING count(*) > 1")
    assert doubled == []


async def test_an_import_that_is_stopped_goes_on_where_it_was(desk: Desk) -> None:
    id = await desk.queue(*novels(300))
    while not await ended(desk, id):
        stop = asyncio.Event()
        working = asyncio.create_task(worker_of(desk.db, desk.url, rows=10, poll=0.01).run(stop))
        await asyncio.sleep(0.25)
        stop.set()
        await working
    assert (await desk.job(id))["counts"]["created"] == 300
    assert (await desk.count())["entries"] == 300


# Cost


async def test_a_piece_takes_the_same_few_statements_however_many_rows_it_has(desk: Desk) -> None:
    counted: list[int] = []
    for first, rows in ((0, 10), (1_000, 500)):
        await desk.queue(*novels(rows, first=first))
        desk.statements.clear()
        await desk.work()
        counted.append(len(desk.statements))
    assert counted[0] == counted[1]
    desk.statements.clear()
    await desk.bring(*novels(500, first=1_000))
    assert len(desk.statements) <= counted[0]


async def test_no_profile_contradicts_itself() -> None:
    columns = {"id": Column(str), "boss": Column(str), "name": Column(str, mends={"a": "b"})}
    main = Walk(identity="id", fields={"title": of("name")})
    Profile("good", columns, (main,))
    bad = (
        (),
        (main, main),
        (Walk(identity="id", fields={"title": of("nothing")}),),
        (Walk(identity="name"),),
        (Walk(identity="id", references={"owner_id": Reference("name", "book")}),),
    )
    for walks in bad:
        with pytest.raises(ValueError, match="contradicts itself"):
            Profile("bad", columns, walks)
