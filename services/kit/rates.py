"""How often one caller may ask: so many requests in so long, each process counting its own share.

A window begins with a caller's first request and has a fixed length. What is left of one is said as the IETF draft has
it (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy` and `RateLimit`.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

from services.kit.problems import TooMany

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OFF: Final = "0"

Fields = list[tuple[bytes, bytes]]

_RATE = re.compile(r"([1-9][0-9]{0,8})/(second|minute|hour|day)")
_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_FEW = 1_000


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds, as in `600/minute`."""

    text: str
    amount: int
    seconds: int


def rate(text: str) -> Rate | None:
    """The rate that a setting names, as in `600/minute`; None for `0`, which is off. Raises ValueError."""
    if text == OFF:
        return None
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError("is no rate, as in 600/minute, or 0 for none")
    return Rate(text, int(found[1]), _SECONDS[found[2]])


class _Quota:
    """A rate under its name, and how much of it each caller has used in a window of theirs."""

    def __init__(self, name: str, of: Rate) -> None:
        self.rate = of
        self.policy = f'"{name}";q={of.amount};w={of.seconds}'.encode()
        self._name = name
        self._used: dict[str, tuple[int, float]] = {}
        self._many = _FEW

    def use(self, whose: str) -> tuple[bool, bytes, int]:
        """Counts a request: whether it is within the rate, what is left as the draft says it, seconds to the end."""
        at = time.time()
        used, ends = self._used.get(whose, (0, at))
        if ends <= at:
            used, ends = 0, at + self.rate.seconds
        self._used[whose] = used + 1, ends
        if len(self._used) > self._many:
            self._forget(at)
        left, seconds = max(self.rate.amount - used - 1, 0), max(ceil(ends - at), 1)
        return used < self.rate.amount, f'"{self._name}";r={left};t={seconds}'.encode(), seconds

    def _forget(self, at: float) -> None:
        """Lets go of windows that have ended, whenever there are twice as many as were left the last time."""
        self._used = {whose: window for whose, window in self._used.items() if window[1] > at}
        self._many = max(_FEW, 2 * len(self._used))


class Rates:
    """The rates of a process: `reads` and `writes` of each caller, and `failures` of each address to show a good token.

    `refused` is told of every request that is too much.
    """

    def __init__(
        self, *, reads: str, writes: str, failures: str, refused: Callable[[str], None] = lambda _: None
    ) -> None:
        self._reads, self._writes = _quota("reads", reads), _quota("writes", writes)
        self._failures = _quota("failures", failures)
        self._refused = refused

    def asked(self, method: str, caller: str) -> Fields:
        """Counts a request of the caller, and gives the header fields of its answer. Raises TooMany."""
        return self._counted(self._reads if method in READS else self._writes, caller)

    def failed(self, address: str) -> Fields:
        """Counts a token that was not good, by the address that it came from. Raises TooMany."""
        return self._counted(self._failures, address)

    def _counted(self, quota: _Quota | None, whose: str) -> Fields:
        if quota is None:
            return []
        within, left, seconds = quota.use(whose)
        fields = [(b"ratelimit-policy", quota.policy), (b"ratelimit", left)]
        if not within:
            self._refused("rate_limited")
            raise TooMany(f"That is more than {quota.rate.text} in this window.", fields, seconds)
        return fields


def _quota(name: str, text: str) -> _Quota | None:
    found = rate(text)
    return None if found is None else _Quota(name, found)
