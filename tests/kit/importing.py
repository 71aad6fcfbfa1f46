"""Books by the file: a profile of every kind of column for the kit's tests, and a worker that can be killed.

Run as a program (`python -m tests.kit.importing URL ROWS`) it works off the imports of a database, ROWS rows a piece.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from fastapi import Request, Response
from psycopg.rows import dict_row
from pydantic import SecretStr

from services.kit import imports, imports_work
from services.kit.answers import json_text
from services.kit.app import create_api
from services.kit.cells import code, money, past_day, whole, words
from services.kit.clients import AsyncClient
from services.kit.db import Database
from services.kit.jobs import Worker
from services.kit.profiles import Column, Import, Profile, Reference, Telling, Together, Told, Walk, of
from services.kit.routing import CallDep, Reading, router
from tests.apis import callers, serving
from tests.jobs import work_off
from tests.kit.library import BOOK, SERVICE, Genre, LibrarySettings, prepare, told

ACCOUNTS: LiteralString = """
SELECT a.id::text, a.id FROM account a WHERE a.id::text = ANY (%(keys)s::text[]) AND %(source)s = 'shelves'"""
HEADER = "isbn,title,kind,pages,price,printed,reader,lent"


def lending(telling: Telling) -> Told:
    """Who has the book; a book that somebody has lent since keeps that."""
    lent = telling.values["lent"]
    if telling.values["pages"] == 13:
        raise ValueError("is lent to nobody who counts to thirteen")
    if telling.present is None:
        return Told({"tags": [lent] if lent else [], "sold": False}, "created")
    tags = [*telling.present["tags"], *([lent] if lent else [])]
    return Told({"tags": tags, "sold": telling.present["sold"]}, "lent")


SHELVES = Profile(
    name="shelves",
    columns={
        "isbn": Column(words(20), required=True),
        "title": Column(words(50), required=True, mends={"Ema": "Emma"}),
        "kind": Column(
            code({"novel": Genre.NOVEL, "poems": Genre.POEMS, "maths": Genre.MATHS}), required=True
        ),
        "pages": Column(whole(0, 2**31 - 1)),
        "price": Column(money(100)),
        "printed": Column(past_day),
        "reader": Column(words(40)),
        "lent": Column(words(40)),
    },
    walks=(
        Walk(
            identity="isbn",
            born={"secret": "from a file"},
            fields={
                "title": of("title"),
                "genre": of("kind"),
                "pages": of("pages"),
                "price": of("price"),
                "printed_on": of("printed"),
            },
            together=Together(fields=("tags", "sold"), columns=("lent",), make=lending),
            references={"account_id": Reference("reader", "reader", ACCOUNTS)},
            partition="account_id",
        ),
    ),
)
IMPORT = Import("books", BOOK, (SHELVES,))
OTHER = Import("others", BOOK, (SHELVES,))

routes = router("imports")


@routes.post("/books/imports", status_code=202, openapi_extra=imports.UPLOAD)
async def import_books(request: Request, call: CallDep) -> Response:
    return await imports.begin(request, call, IMPORT)


@routes.get("/books/imports/{id}")
async def get_import(id: UUID, call: CallDep, tx: Reading) -> Response:
    return json_text(await imports.show(tx, call, IMPORT, id))


@routes.get("/others/imports/{id}")
async def get_other_import(id: UUID, call: CallDep, tx: Reading) -> Response:
    return json_text(await imports.show(tx, call, OTHER, id))


@routes.get("/books/imports/{id}/report", openapi_extra=imports.REPORT)
async def get_report(id: UUID, request: Request, call: CallDep, tx: Reading) -> Response:
    return json_text(await imports.report(tx, call, IMPORT, id, request))


SHOP = replace(SERVICE, routers=(routes, *SERVICE.routers), imports=(IMPORT,))


def worker_of(db: Database, url: str, *, rows: int = 1_000, wait: float = 0.0, **times: float) -> Worker:
    """A worker of imports; `wait` is for references, in seconds, `times` are the worker's own."""
    settings = LibrarySettings(url=SecretStr(url))
    return Worker(db, [imports_work.kind(SHOP.imports, settings, rows=rows, wait=wait)], **times)


@dataclass
class Desk:
    """Where files are handed in: a client of the API, and a worker beside it that works when it is told to."""

    url: str
    client: AsyncClient
    db: Database
    statements: list[str]

    async def send(self, file: bytes | str, *, who: str = "admin", **given: Any) -> Any:
        """Hands a file in; gives the answer. `profile` and `dry_run` are the request's, the rest are headers."""
        content = file.encode() if isinstance(file, str) else file
        form = {"profile": given.pop("profile", "shelves")}
        query = {"dry_run": given.pop("dry_run")} if "dry_run" in given else None
        return await self.client.post(
            "/v1/books/imports",
            files={"file": ("books.csv", content, "text/csv")},
            data={name: value for name, value in form.items() if value is not None},
            params=query,
            headers=told(who, **given),
        )

    async def queue(self, *lines: str, **given: Any) -> str:
        """Hands these rows in under the header; gives the job's id."""
        answer = await self.send("\n".join((HEADER, *lines)), **given)
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    async def work(self, **given: Any) -> None:
        """Works until there is nothing left to do."""
        await work_off(worker_of(self.db, self.url, **given))

    async def bring(self, *lines: str, rows: int = 1_000, wait: float = 0.0, **given: Any) -> dict[str, Any]:
        """Imports these rows and gives the job as it ends."""
        id = await self.queue(*lines, **given)
        await self.work(rows=rows, wait=wait)
        return await self.job(id)

    async def job(self, id: str) -> dict[str, Any]:
        """The job as the API shows it."""
        answer = await self.client.get(f"/v1/books/imports/{id}", headers=told("admin"))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def report(self, id: str, **query: str) -> list[dict[str, Any]]:
        """All lines of the report, page by page."""
        lines: list[dict[str, Any]] = []
        path, more = f"/v1/books/imports/{id}/report", True
        while more:
            answer = await self.client.get(path, params=query, headers=told("admin"))
            assert answer.status_code == 200, answer.text
            page = answer.json()
            lines += page["items"]
            more = page["next_cursor"] is not None
            query["cursor"] = page["next_cursor"]
        return lines

    async def rows(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        """What another connection sees."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as other:
            cursor = await other.cursor(row_factory=dict_row).execute(query, values)
            return await cursor.fetchall() if cursor.description else []

    async def books(self) -> dict[str, dict[str, Any]]:
        """Every book by its isbn."""
        found = await self.rows("SELECT r.*, r.external_ids ->> 'shelves' AS isbn FROM book r")
        return {row["isbn"]: row for row in found}

    async def count(self) -> Mapping[str, int]:
        """How many rows there are of all that an import writes."""
        counted = await self.rows(
            "SELECT (SELECT count(*) FROM book) AS books, (SELECT count(*) FROM journal) AS entries,"
            " (SELECT count(*) FROM journal_queue) AS queued, (SELECT count(*) FROM external_id) AS ids,"
            " (SELECT count(*) FROM import_row) AS staged, (SELECT count(*) FROM job) AS jobs"
        )
        return counted[0]


@asynccontextmanager
async def desk_at(url: str) -> AsyncGenerator[Desk]:
    """A desk on a prepared database."""
    statements: list[str] = []
    known = callers()
    known.add("rep", "rep", member_id=UUID(int=7))
    app = create_api(SHOP, LibrarySettings(url=SecretStr(url)), judge=known)
    db = Database(url, name="tests", on_statement=statements.append)
    await db.open()
    async with serving(app) as client:
        yield Desk(url, client, db, statements)
    await db.close()


async def _work(url: str, rows: int) -> None:
    db = Database(url, name="worker")
    await db.open()
    await worker_of(db, url, rows=rows, heartbeat=0.1, lapse=0.5).run(asyncio.Event())


__all__ = ["HEADER", "Desk", "desk_at", "prepare", "worker_of"]

if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], int(sys.argv[2])))
