"""Fixtures of the gateway's tests."""

from collections.abc import AsyncGenerator

import pytest

from tests.gateway.standing import Standing, standing


@pytest.fixture
async def stand() -> AsyncGenerator[Standing]:
    """A gateway with three services of straw."""
    async with standing() as opened:
        yield opened
