"""A small service for the kit's tests: books of every kind of column, seen through their account and their owner."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from fastapi import FastAPI, Request, Response
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import Field as Bounded
from pydantic import SecretStr
from sqlalchemy import BigInteger, Boolean, CheckConstraint, Date, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.kit import asking, changes, current, history, idempotency, journal, listing, past
from services.kit.access import Sight, may_edit
from services.kit.aggregates import Aggregate
from services.kit.answers import json_text, shown
from services.kit.app import create_api
from services.kit.calls import Call
from services.kit.changes import Limit, Since, Wait
from services.kit.clients import AsyncClient
from services.kit.clock import now
from services.kit.conditional import TAGGED, IfMatch
from services.kit.db import Database, OnStatement
from services.kit.descriptor import Service
from services.kit.feeds import Feed, Followed
from services.kit.fields import Body, Count, Day, ExternalIds, Flag, Instant, Money, Name
from services.kit.filters import (
    BOOLEAN,
    DAY,
    IDENTIFIER,
    INSTANT,
    INTEGER,
    TEXT,
    Filter,
    code,
    day,
    greatest_first,
    number,
    plain,
)
from services.kit.grammar import DEFAULT_LIMIT, Listing, Pair, Within
from services.kit.identity import Viewer
from services.kit.journal import Cause
from services.kit.past import AsOf, Names, Past
from services.kit.problems import Conflict
from services.kit.routing import CallDep, Reading, Statement, Transaction, router
from services.kit.rows import STAMPS, External, Row, live
from services.kit.rows import Instant as InstantType
from services.kit.settings import Settings
from tests.apis import Callers, callers, prepared, serving
from tests.kit.known import KnownAccount, KnownDeal


class Base(SQLModel, registry=registry()):
    """Tables of the library."""


class Member(Base, Row, table=True):
    """One of our people."""

    __table_args__ = (Index("member_manager", "manager_id"),)

    name: str = Field(sa_type=Text)
    manager_id: UUID | None = None


class Account(Base, KnownAccount, Row, table=True):
    """Whom books are for."""


class Opportunity(Base, KnownDeal, table=True):
    """A copy of a deal."""


class Genre(StrEnum):
    """What a book is about."""

    NOVEL = "NOVEL"
    POEMS = "POEMS"
    MATHS = "MATHS"


class Book(Base, External, Row, table=True):
    """A column of every kind."""

    __table_args__ = (
        CheckConstraint("pages <= 100000", name="book__pages__range"),
        Index("book__title__taken", "title", unique=True, postgresql_where=text("genre = 'MATHS'")),
        Index("book_title", "title", "id"),
        Index("book_owner", "owner_id", "title", "id"),
        Index("book_account", "account_id", "title", "id"),
        Index("book_born", "created_at", "id"),
        live("book_genre", "genre", "title", "id"),
        live("book_genre_price", "genre", text("coalesce(price, '-9223372036854775808'::bigint)"), "id"),
        live("book_lent", "lent_at", "title", "id", also="lent_at IS NOT NULL"),
        live("book_dear", text("coalesce(-price, 9223372036854775807)"), "title", "id"),
        Index("book_price_up", text("coalesce(price, 9223372036854775807)"), "id"),
        Index("book_price_down", text("coalesce(price, '-9223372036854775808'::bigint)"), "id"),
        Index("book_printed_up", text("coalesce(printed_on, 'infinity'::date)"), "id"),
        Index("book_printed_down", text("coalesce(printed_on, '-infinity'::date)"), "id"),
        Index("book_search", "title", postgresql_using="gin", postgresql_ops={"title": "gin_trgm_ops"}),
    )

    title: str = Field(sa_type=Text)
    genre: str = Field(sa_type=Text)
    pages: int | None = Field(default=None, sa_type=Integer)
    price: int | None = Field(default=None, sa_type=BigInteger)
    printed_on: date | None = Field(default=None, sa_type=Date)
    lent_at: datetime | None = Field(default=None, sa_type=InstantType)
    sold: bool = Field(sa_type=Boolean)
    tags: list[Any] = Field(
        default_factory=list, sa_type=JSONB, sa_column_kwargs={"server_default": text("'[]'")}
    )
    account_id: UUID | None = None
    owner_id: UUID | None = None
    secret: str | None = Field(default=None, sa_type=Text)


BOOK = Aggregate(
    "book",
    "books",
    Book,
    (
        "id", "title", "genre", "pages", "price", "printed_on", "lent_at", "sold", "tags", "account_id", "owner_id",
        "external_ids", "version", *STAMPS,
    ),
    kept=("secret",),
)  # fmt: skip
SIGHT = Sight(account="r.account_id", owner="r.owner_id")
BOOKS = Listing(
    aggregate=BOOK,
    relation="book",
    sight=SIGHT,
    filters={
        "title": Filter("r.title", TEXT),
        "genre": Filter("r.genre", code(Genre)),
        "pages": Filter("r.pages", INTEGER),
        "price": Filter("r.price", INTEGER),
        "printed_on": Filter("r.printed_on", DAY),
        "lent_at": Filter("r.lent_at", INSTANT),
        "sold": Filter("r.sold", BOOLEAN),
        "account_id": Filter("r.account_id", IDENTIFIER, selective=True),
        "owner_id": Filter("r.owner_id", IDENTIFIER, selective=True),
    },
    sorts={
        "title": plain("r.title", "text"),
        "price": number("r.price"),
        "printed_on": day("r.printed_on"),
        "created_at": plain("r.created_at", "timestamptz"),
    },
    together={"-price,title": (greatest_first("r.price"), plain("r.title", "text").up)},
    default_sort="title",
    search="r.title",
    pairs={
        "genre": Pair(("title", "-title", "-price")),
        "lent_at": Pair(("title", "-title"), sparse=True),
        "owner_id": Pair(("title", "-title")),
        "account_id": Pair(),
    },
)
# The same without the rule that an index finds what is asked for.
BOXED = replace(BOOKS, small=True)
PAST = Past(BOOK, SIGHT.visible, names=(Names("member"),))
SHELF = replace(
    BOOKS,
    search=None,
    where="r.deleted_at IS NULL AND r.account_id = %(account)s::uuid",
    filters={},
    pairs={},
    within=Within("shelf", "account", "account", Sight(account="r.id")),
)


class BookCreate(Body):
    """A new book."""

    title: Name
    genre: Genre = Genre.NOVEL
    pages: Count | None = None
    price: Money | None = None
    printed_on: Day | None = None
    lent_at: Instant | None = None
    sold: Flag = False
    tags: Annotated[list[Annotated[str, Bounded(max_length=100_000)]], Bounded(max_length=10)] = Bounded(
        default_factory=list[str]
    )
    owner_id: UUID | None = None
    external_ids: ExternalIds = Bounded(default_factory=dict)


class BookUpdate(BookCreate):
    """A merge patch of a book."""

    title: Name = ""


routes = router("books")


@routes.get("/books", openapi_extra={"parameters": BOOKS.parameters()})
async def list_books(request: Request, call: CallDep, tx: Reading) -> Response:
    asked = asking.parse(BOOKS, request.query_params.multi_items())
    return json_text(await listing.page(tx, BOOKS, asked, call.viewer))


@routes.get("/boxed-books", openapi_extra={"parameters": BOXED.parameters()})
async def list_boxed(request: Request, call: CallDep, tx: Reading) -> Response:
    asked = asking.parse(BOXED, request.query_params.multi_items())
    return json_text(await listing.page(tx, BOXED, asked, call.viewer))


@routes.get("/shelves/{account}/books", openapi_extra={"parameters": SHELF.parameters()})
async def list_shelf(account: UUID, request: Request, call: CallDep, tx: Reading) -> Response:
    asked = asking.parse(SHELF, request.query_params.multi_items())
    return json_text(await listing.page(tx, SHELF, asked, call.viewer, {"account": account}))


@routes.post("/books", status_code=201)
async def create_book(body: BookCreate, call: CallDep, tx: Statement) -> Response:
    row = await journal.create(tx, BOOK, body.model_dump(), call.cause)
    assert row is not None
    return shown(row, status=201, location=f"/v1/books/{row.id}")


@routes.post("/books/pairs", status_code=201)
async def create_pair(body: BookCreate, call: CallDep, tx: Transaction) -> Response:
    """Two books of one transaction, the answer kept beside them."""
    plain = replace(call.cause, key=None)
    first = await journal.create(tx, BOOK, body.model_dump(), plain)
    second = await journal.create(tx, BOOK, body.model_dump() | {"external_ids": {}}, plain)
    assert first is not None
    assert second is not None
    answer = f'{{"first":"{first.id}","second":"{second.id}"}}'
    await idempotency.keep(tx, call.cause.key, status=201, answer=answer)
    return json_text(answer, status=201)


@routes.post("/books/{id}/sale")
async def sell_book(id: UUID, call: CallDep, tx: Statement) -> Response:
    """An action that the present state may refuse: a book is sold once."""
    row = await journal.update(tx, BOOK, id, {"sold": True}, call.cause, fact="sold")
    if row is None:
        await current.miss(tx, BOOK, id, viewer=call.member_id, sight=SIGHT.visible(call.viewer))
        raise Conflict("sold", "The book is sold already.")
    return shown(row)


@routes.get("/books/{id}", responses=TAGGED)
async def get_book(id: UUID, call: CallDep, tx: Reading, as_of: AsOf = None) -> Response:
    if as_of is not None:
        return shown(await past.at(tx, PAST, as_of, call.viewer, {"id": id}))
    return shown(await current.read(tx, BOOK, id, viewer=call.member_id, sight=SIGHT.visible(call.viewer)))


@routes.get("/books/{id}/history", openapi_extra={"parameters": history.PARAMETERS})
async def list_book_history(id: UUID, request: Request, call: CallDep, tx: Reading) -> Response:
    asked = history.parse(request.query_params.multi_items())
    return json_text(await history.page(tx, PAST, asked, call.viewer, {"id": id}))


@routes.patch("/books/{id}")
async def update_book(
    id: UUID, body: BookUpdate, call: CallDep, tx: Statement, expected: IfMatch
) -> Response:
    return shown(await _change(tx, call, id, body.model_dump(exclude_unset=True), expected))


async def _change(tx: Any, call: Call, id: UUID, values: Mapping[str, Any], expected: int | None) -> Any:
    sight, may = SIGHT.visible(call.viewer), may_edit(call.viewer, "r.owner_id")
    return await journal.change(tx, BOOK, id, values, call.cause, expected=expected, sight=sight, may=may)


@routes.delete("/books/{id}", status_code=204)
async def delete_book(id: UUID, call: CallDep, tx: Statement, expected: IfMatch) -> Response:
    sight = SIGHT.visible(call.viewer)
    row = await journal.remove(tx, BOOK, id, call.cause, at=now(), expected=expected, allowed=sight)
    if row is None:
        await current.miss(tx, BOOK, id, viewer=call.member_id, sight=sight, expected=expected)
    return Response(status_code=204)


FEED = Feed("library", (Followed(BOOK, SIGHT.visible, moves=("account_id", "owner_id")),))


@routes.get("/changes")
async def list_changes(
    call: CallDep, since: Since = None, limit: Limit = DEFAULT_LIMIT, wait: Wait = 0
) -> Response:
    return json_text(await changes.follow(call, FEED, since, limit, wait))


@routes.get("/crash")
async def crash(call: CallDep) -> Response:
    raise RuntimeError("the secret 4711")


SERVICE = Service(
    name="library",
    title="Library",
    description="Books.",
    routers=(routes,),
    metadata=Base.metadata,
    migrations=Path(__file__).parent / "library_migrations",
    aggregates=(BOOK,),
    public=(),
)


class LibrarySettings(Settings):
    """Settings of a service that the platform does not know."""

    url: SecretStr

    def database_url(self, service: str) -> str:  # noqa: ARG002  # there is one
        return self.url.get_secret_value()


prepare = prepared(SERVICE)


@dataclass
class Library:
    """The service under test: a client, the app behind it, its callers, the database, every statement executed."""

    url: str
    app: FastAPI
    client: AsyncClient
    callers: Callers
    statements: list[str] = field(default_factory=list[str])

    async def call(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Sends a request as the named caller; `if_match` and `key` among the headers are short for theirs."""
        return await self.client.request(method, path, json=body, headers=told(who, **headers))

    async def rows(self, query: LiteralString, **values: Any) -> list[dict[str, Any]]:
        """What another connection sees."""
        async with await psycopg.AsyncConnection.connect(self.url, autocommit=True) as other:
            cursor = await other.cursor(row_factory=dict_row).execute(query, values)
            return await cursor.fetchall() if cursor.description else []

    async def journal(self, id: str | UUID) -> list[dict[str, Any]]:
        """The journal of a row, oldest first."""
        return await self.rows("SELECT * FROM journal WHERE aggregate_id = %(id)s ORDER BY id", id=str(id))


def told(who: str, **headers: str) -> dict[str, str]:
    """The headers of a request by the named caller."""
    short = {"if_match": "If-Match", "key": "Idempotency-Key"}
    return {"Authorization": f"Bearer {who}"} | {
        short.get(n, n.replace("_", "-")): v for n, v in headers.items()
    }


@asynccontextmanager
async def opened(
    url: str, *, on_statement: OnStatement | None = None, **settings: Any
) -> AsyncGenerator[Library]:
    """The library on a prepared database, with the members `rep` and `other` among its callers."""
    known = callers()
    known.add("rep", "rep", member_id=uuid4())
    known.add("other", "rep", member_id=uuid4())
    statements: list[str] = []

    def heard(statement: str) -> None:
        statements.append(statement)
        if on_statement:
            on_statement(statement)

    app = create_api(
        SERVICE, LibrarySettings(url=SecretStr(url), **settings), judge=known, on_statement=heard
    )
    async with serving(app) as client:
        yield Library(url, app, client, known, statements)


@asynccontextmanager
async def database(url: str, on_statement: Callable[[str], None] | None = None) -> AsyncGenerator[Database]:
    """A database of tests that need no HTTP."""
    db = Database(url, name="tests", on_statement=on_statement)
    await db.open()
    yield db
    await db.close()


def member(name: str = "somebody", *roles: str) -> tuple[Viewer, Cause]:
    """A viewer of a fresh member id, and the cause of what they do."""
    id = uuid4()
    viewer = Viewer(name, "https://issuer.test", None, frozenset(roles or ("rep",)), frozenset(), id)
    return viewer, Cause(actor=str(id), member_id=id, request_id="request-1")


def book(**values: Any) -> dict[str, Any]:
    """The values of a book, all columns but those that are told."""
    plain: dict[str, Any] = {
        "title": "Emma", "genre": "NOVEL", "pages": None, "price": None, "printed_on": None, "lent_at": None,
        "sold": False, "tags": [], "account_id": None, "owner_id": None, "secret": None, "external_ids": {},
    }  # fmt: skip
    return plain | values


def json_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with lists and objects as the driver takes them."""
    return {n: Jsonb(v) if isinstance(v, list | dict) else v for n, v in values.items()}
