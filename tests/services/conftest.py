"""Every statement that an API test lets a service execute is held to the rule of sight."""

from collections.abc import Iterator

import pytest

from services.kit import testing
from tests.house.sight import unguarded


@pytest.fixture(autouse=True)
def rule_of_sight() -> Iterator[None]:
    """Fails the test after which a visible table has been read without the mark."""
    broken: list[str] = []

    def hold(statement: str) -> None:
        if unguarded(statement):
            broken.append(statement)

    testing.WATCHERS.append(hold)
    yield
    testing.WATCHERS.remove(hold)
    assert not broken, broken[0]
