"""Whoever followed the feed of changes ends with what a fresh read shows."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tests.chaos.finding import Finding

Rows: TypeAlias = Mapping[tuple[str, str], Any]
"""Rows by noun and id."""


def check(email: str, held: Rows, shown: Rows) -> Iterator[Finding]:
    """What the follower holds is held against what is shown."""
    for noun, id in sorted(held.keys() | shown.keys()):
        if (noun, id) not in held:
            yield Finding("feeds", f"{email} was never told of one of the {noun}", (id,))
        elif (noun, id) not in shown:
            yield Finding("feeds", f"{email} was not told that one of the {noun} is gone", (id,))
        elif held[noun, id] != shown[noun, id]:
            yield Finding("feeds", f"{email} holds one of the {noun} otherwise than it is", (id,))
