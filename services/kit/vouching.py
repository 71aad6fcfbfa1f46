"""References for which only their owner can vouch: the use case is given up, the owner asked, and all done anew.

While the owner is asked, the request holds no connection and no lock: a slow neighbour keeps nobody else from ours.
"""

from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar
from uuid import UUID

Vouched: TypeAlias = frozenset[UUID]
"""The ids of what its owners have shown the caller."""

_T = TypeVar("_T")


class Unvouched(Exception):  # not an error: a question
    """Something is named that is not known here; `ask` asks its owners. Nothing that was done so far may stay."""

    def __init__(self, ask: Callable[[], Awaitable[Vouched]]) -> None:
        super().__init__()
        self.ask = ask


async def vouched_for(attempt: Callable[[Vouched | None], Awaitable[_T]]) -> _T:
    """What the attempt gives; where it is Unvouched, what another gives that knows what the owners have shown.

    Raises what asking raises.
    """
    try:
        return await attempt(None)
    except Unvouched as wanted:
        ask = wanted.ask
    return await attempt(await ask())
