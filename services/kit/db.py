"""The database of a process: one pool, autocommit for single statements, transactions for more.

Statements are SQL text typed `LiteralString`, so the type checker proves that no input enters SQL.
"""

import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from types import TracebackType
from typing import Any, LiteralString, Self, TypeAlias, cast

import orjson
import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composed
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool

from services.kit import tracing
from services.kit.sockets import Watched
from services.kit.tracing import SpanKind

Session: TypeAlias = psycopg.AsyncConnection[TupleRow]
Query: TypeAlias = LiteralString | SQL | Composed
OnStatement: TypeAlias = Callable[[str], None]


# A statement whose process has died is ended as well, as one is whose request was cancelled.
_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=2000 -c idle_in_transaction_session_timeout=5000"
    " -c client_connection_check_interval=2000"
)
# After ten seconds without a word of its machine a server is gone, whether a statement waits or not.
_SILENCE = {
    "keepalives": 1,
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Database:
    """A pool of connections to one database.

    `on_statement` is told the text of every statement that a session executes; tests count and read them.
    Sessions run in UTC, wait at most 2 s for a lock and never idle inside a transaction for longer than 5 s.
    """

    def __init__(
        self, url: str, *, name: str, size: int = 10, on_statement: OnStatement | None = None
    ) -> None:
        self._pool: AsyncConnectionPool[Watched[TupleRow]] = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=size,
            open=False,
            name=name,
            timeout=10,
            connection_class=_overheard(on_statement) if on_statement else Watched,
            kwargs={
                "autocommit": True,
                "application_name": name,
                "options": _OPTIONS,
                **_SILENCE,
            },
            configure=_configure,
        )

    async def open(self) -> None:
        """Opens the pool; connections come as they are needed, so a database that is down does not raise here."""
        await self._pool.open()

    async def close(self) -> None:
        """Closes every connection. Sessions still in use end with an error."""
        await self._pool.close()

    def usage(self) -> Mapping[str, int]:
        """Connections `used` and `idle`, and callers `waiting` for one."""
        found = self._pool.get_stats()
        idle = found.get("pool_available", 0)
        waiting = found.get("requests_waiting", 0)
        return {"used": found.get("pool_size", 0) - idle, "idle": idle, "waiting": waiting}

    def connect(self) -> AbstractAsyncContextManager[Session]:
        """A session in autocommit: each statement is its own transaction.

        Raises psycopg_pool.PoolTimeout after 10 s without a free connection.
        """
        return _Lease(self._pool)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Session]:
        """A session inside one transaction: committed on leaving, rolled back when an exception leaves."""
        async with self.connect() as session, session.transaction():
            yield session


_SYSTEM = {"db.system.name": "postgresql"}


class _Lease(AbstractAsyncContextManager[Session]):
    """A pool's connection for a while; the pool's own way of lending ends a transaction that autocommit never has."""

    __slots__ = ("_pool", "_session", "_span")

    def __init__(self, pool: AsyncConnectionPool[Watched[TupleRow]]) -> None:
        self._pool = pool

    async def __aenter__(self) -> Session:
        self._session = await self._lent()
        self._span = tracing.span(self._pool.name, SpanKind.CLIENT, _SYSTEM)
        self._span.__enter__()
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._span.__exit__(kind, error, trace)
        finally:
            await self._pool.putconn(self._session)

    async def _lent(self) -> Watched[TupleRow]:
        session = await self._pool.getconn()
        while session.closed:
            # Its server has hung up since; the pool makes another when it is given back.
            await self._pool.putconn(session)
            session = await self._pool.getconn()
        return session


async def _configure(session: Watched[TupleRow]) -> None:
    session.watch()
    set_json_loads(orjson.loads, session)
    set_json_dumps(_json, session)
    session.prepare_threshold = 2
    session.prepared_max = 500


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:  # A surrogate, which is no text.
        raise psycopg.DataError(str(error)) from error


def _overheard(on_statement: OnStatement) -> type[Watched[Any]]:
    def tell(query: Any, session: Session) -> None:
        on_statement(query.as_string(session) if isinstance(query, SQL | Composed) else str(query))

    class Cursor(psycopg.AsyncCursor[Any]):
        async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Self:
            tell(query, self.connection)
            return await super().execute(query, *args, **kwargs)

        async def executemany(self, query: Any, *args: Any, **kwargs: Any) -> None:
            tell(query, self.connection)
            await super().executemany(query, *args, **kwargs)

        def copy(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
            tell(statement, self.connection)
            return super().copy(statement, *args, **kwargs)

    class RawCursor(psycopg.AsyncRawCursor[Any]):
        async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Self:
            tell(query, self.connection)
            return await super().execute(query, *args, **kwargs)

    class Overheard(Watched[Any]):
        raw_cursor_factory = RawCursor

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.cursor_factory = Cursor

    return Overheard


def literal(text: Composed) -> LiteralString:
    """The text of a statement that is composed of literals and identifiers alone, so as to compose it only once."""
    return cast("LiteralString", text.as_string(None))


async def execute(
    session: Session,
    statement: LiteralString,
    parameters: Mapping[str, Any],
    *,
    prepare: bool | None = None,
) -> psycopg.AsyncCursor[TupleRow]:
    """Executes a statement with named placeholders that is read once, whatever its length.

    `prepare` is psycopg's: None leaves it to the session, False has the statement planned for its values.

    psycopg by itself remembers how it read short statements only, and one that writes a row with all that goes with it
    is long: reading it takes longer than anything else that is done for it here.
    """
    text, names = _numbered(statement)
    factory: type[psycopg.AsyncCursor[TupleRow]] = getattr(
        session, "raw_cursor_factory", psycopg.AsyncRawCursor
    )
    return await factory(session).execute(text, [parameters[name] for name in names], prepare=prepare)


async def blame_at_once(tx: Session) -> None:
    """Deferred constraints would speak up at the commit, when nobody knows any more whose fault it was."""
    await tx.execute("SET CONSTRAINTS ALL IMMEDIATE")


@lru_cache(maxsize=2048)
def _numbered(statement: LiteralString) -> tuple[LiteralString, tuple[str, ...]]:
    """The statement with numbers for placeholders, and their names in the order of the numbers."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        return f"${numbers.setdefault(name, len(numbers) + 1)}" if name else "%"

    return cast("LiteralString", _PLACEHOLDER.sub(number, statement)), tuple(numbers)


_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")


def violated(error: psycopg.Error) -> tuple[str, str]:
    """Field and code that the violated constraint names, as in `member__email__taken`; each empty where it does not."""
    field, _, code = (error.diag.constraint_name or "").partition("__")[2].rpartition("__")
    return field, code


async def one(session: Session, statement: Query, parameters: Mapping[str, Any]) -> TupleRow | None:
    """The first row of the statement's answer, or None."""
    if isinstance(statement, str):
        return await (await execute(session, statement, parameters)).fetchone()
    return await (await session.execute(statement, parameters)).fetchone()
