"""`python -m deploy.local.migrating`: every service's database to the head of its migrations, told of the topics.

The addresses come from the environment, as they do for every process of the stack.
"""

import asyncio
import os
import sys
from collections.abc import Mapping

import psycopg

from deploy.local import topics
from deploy.local.problems import StackProblem
from deploy.local.stack import SERVICES, service_of
from services.kit import migrations
from services.kit.topics import declare


def migrate_all() -> dict[str, str]:
    """Migrate each service; returns its name and the version it is at."""
    partitions = {topic.name: topic.partitions for topic in topics.declared(topics.profile())}
    return {name: _migrate(name, partitions) for name in SERVICES}


def _migrate(name: str, partitions: Mapping[str, int]) -> str:
    url = os.environ[f"{name.upper()}_DATABASE_URL"]
    try:
        version = migrations.upgrade(service_of(name), url)
    except migrations.ServerTooOld as error:
        raise StackProblem(str(error)) from error
    asyncio.run(_declare(url, partitions))
    return version


async def _declare(url: str, partitions: Mapping[str, int]) -> None:
    async with await psycopg.AsyncConnection.connect(url) as session:
        await declare(session, partitions)


def _main() -> None:
    try:
        for name, version in migrate_all().items():
            sys.stdout.write(f"{name}: at {version}\n")
    except StackProblem as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    _main()
