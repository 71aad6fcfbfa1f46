"""The services' databases, for commands that look into them by themselves."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg_pool import PoolTimeout

from deploy.local.problems import StackProblem
from services.kit.db import Database

Addresses: TypeAlias = Mapping[str, str]
"""The address of each service's database, by the service's name."""

T = TypeVar("T")


def using(url: str, use: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """What `use` gives of the database. Raises StackProblem where that does not answer."""
    return using_all({"": url}, lambda databases: use(databases[""]))


def using_all(addresses: Addresses, use: Callable[[Mapping[str, Database]], Coroutine[Any, Any, T]]) -> T:
    """What `use` gives of the databases, by the service's name. Raises StackProblem where one does not answer."""
    return asyncio.run(_using(addresses, use))


async def _using(addresses: Addresses, use: Callable[[Mapping[str, Database]], Coroutine[Any, Any, T]]) -> T:
    async with AsyncExitStack() as stack:
        opened = {name: Database(url, name="foothold", size=1) for name, url in addresses.items()}
        for db in opened.values():
            await db.open()
            stack.push_async_callback(db.close)
        try:
            return await use(opened)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise StackProblem(f"The database does not answer: {type(error).__name__}.") from error
