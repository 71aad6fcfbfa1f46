"""Fixtures of the kit's tests."""

import gc
import logging
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import pytest

from services.kit.db import Database
from services.kit.identity import Verifier
from tests.conftest import DatabaseUrl
from tests.kit.backbone import Backbone, prepare
from tests.kit.issuing import SETTINGS, StubIssuer


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


@pytest.fixture
def broken_connections() -> Iterator[None]:
    """For tests in which connections fail: kafka-python leaves their sockets to the garbage collector.

    Its log lines are not kept, because they hold on to the errors, and those to the sockets.
    """
    logger = logging.getLogger("kafka")
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(logging.NOTSET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def issuer() -> StubIssuer:
    """Whose tokens are believed."""
    return StubIssuer()


@pytest.fixture
async def verifier(issuer: StubIssuer) -> AsyncGenerator[Verifier]:
    """Who believes the issuer, and knows no member."""
    async with Verifier(SETTINGS, transport=issuer.transport, clock=issuer.clock) as opened:
        yield opened
