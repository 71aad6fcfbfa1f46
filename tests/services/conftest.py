"""Every statement that an API test lets a service execute is held to the rule of sight."""

from collections.abc import Iterator

import pytest

from tests.apis import WATCHERS
from tests.house.sight import unguarded


@pytest.fixture(autouse=True)
def rule_of_sight() -> Iterator[None]:
    """Fails the test after which a visible table has been read without the mark."""
    broken: list[str] = []

    def hold(statement: str) -> None:
        if unguarded(statement):
            broken.append(statement)

    WATCHERS.append(hold)
    yield
    WATCHERS.remove(hold)
    assert not broken, broken[0]
