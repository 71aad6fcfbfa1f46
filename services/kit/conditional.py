"""Conditional requests: ETags are versions, and changes of a row say which version they were made on."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias, TypeVar

from fastapi import Depends, Header

from services.kit.problems import PreconditionFailed, PreconditionRequired, invalid

ANY = None
Expected: TypeAlias = int | None
T = TypeVar("T")

# How often a change of any version is tried while others change the row at the same moment.
RACES = 3

# A proxy that compresses answers weakens their tags; the version in them is as good as before.
_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


def etag(version: int) -> str:
    """The ETag of a version, quoted."""
    return f'"{version}"'


def parse_if_match(header: str | None) -> Expected:
    """The version that an If-Match header names, or None for `*`.

    Raises PreconditionRequired when there is no header, Invalid when it is not one quoted version or `*`.
    """
    if header is None:
        raise PreconditionRequired
    if header.strip() == "*":
        return ANY
    tag = _TAG.fullmatch(header.strip())
    if tag is None:
        raise invalid("If-Match", "etag", 'must be one version in quotes, as in "3", or *')
    return int(tag[1])


def if_match(value: Annotated[str | None, Header(alias="If-Match")] = None) -> Expected:
    """The dependency for routes that change an existing row."""
    return parse_if_match(value)


IfMatch = Annotated[Expected, Depends(if_match)]


async def settled(expected: Expected, change: Callable[[], Awaitable[T]]) -> T:
    """What `change` gives, which reads a row and then writes it at the version that it read.

    A caller who expects any version does not lose to somebody else's change in between: it is tried again.
    Raises what `change` raises.
    """
    for _ in range(RACES - 1 if expected is ANY else 0):
        try:
            return await change()
        except PreconditionFailed:
            continue
    return await change()
