"""Fixtures of the kit's tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from services.kit.db import Database
from tests.conftest import DatabaseUrl
from tests.kit.backbone import Backbone, prepare


@pytest.fixture
def backbone(database_url: DatabaseUrl, kafka_bootstrap: str) -> Iterator[Backbone]:
    """A database with the kit's tables, and topics that no other test has."""
    made = Backbone(database_url("backbone", prepare), kafka_bootstrap)
    made.make_topics()
    yield made
    made.drop_topics()


@pytest.fixture
async def journal_db(database_url: DatabaseUrl) -> AsyncIterator[Database]:
    """A database with the kit's tables, and no broker."""
    db = Database(database_url("journal", prepare), name="tests")
    await db.open()
    yield db
    await db.close()


@pytest.fixture
async def db(backbone: Backbone) -> AsyncIterator[Database]:
    """The backbone's database, opened."""
    async with backbone.database() as opened:
        yield opened
