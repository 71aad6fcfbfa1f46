"""Fixtures of the gateway's tests."""

from collections.abc import AsyncGenerator

import pytest

from tests.conftest import DatabaseUrl
from tests.gateway.platform import Platform, platform
from tests.gateway.standing import Standing, standing


@pytest.fixture
async def stand() -> AsyncGenerator[Standing]:
    """A gateway with three services of straw."""
    async with standing() as opened:
        yield opened


@pytest.fixture
async def small(database_url: DatabaseUrl) -> AsyncGenerator[Platform]:
    """A gateway with the three services behind it, and an administrator."""
    async with platform(database_url) as opened:
        yield opened
