"""How often one caller may ask: so many requests in so long, each process counting its own share.

The counts are the library's (`limits`), in memory, in fixed windows that begin with a caller's first request. What is
left of one is said as the IETF draft has it (draft-ietf-httpapi-ratelimit-headers): `RateLimit-Policy` and `RateLimit`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from services.kit.problems import TooMany

READS = frozenset({"GET", "HEAD", "OPTIONS"})
OFF = "0"

Fields = list[tuple[bytes, bytes]]


def rate(text: str) -> RateLimitItem | None:
    """The rate that a setting names, as in `600/minute`; None for `0`, which is off. Raises ValueError."""
    found = None if text == OFF else parse(text)
    if found is not None and found.amount < 1:
        raise ValueError("a rate that lets nobody in")
    return found


class _Windows(Storage):
    """Counts in a dictionary. The library keeps its own in memory by threads, of which it starts 100 a second."""

    STORAGE_SCHEME = None
    _FEW = 1000

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, tuple[int, float]] = {}
        self._many = self._FEW

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        count, ends = self._window(key)
        self._counts[key] = (count + amount, ends if count else time.time() + expiry)
        if len(self._counts) > self._many:
            self._sweep()
        return count + amount

    def get(self, key: str) -> int:
        return self._window(key)[0]

    def get_expiry(self, key: str) -> float:
        return self._window(key)[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        gone = len(self._counts)
        self._counts.clear()
        return gone

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)

    def _window(self, key: str) -> tuple[int, float]:
        now = time.time()
        count, ends = self._counts.get(key, (0, now))
        return (count, ends) if ends > now else (0, now)

    def _sweep(self) -> None:
        now = time.time()
        self._counts = {key: window for key, window in self._counts.items() if window[1] > now}
        self._many = max(self._FEW, 2 * len(self._counts))


@dataclass(frozen=True, eq=False)
class _Quota:
    name: str
    rate: RateLimitItem
    policy: bytes


class Rates:
    """The rates of a process: `reads` and `writes` of each caller, and `failures` of each address to show a good token.

    `refused` is told of every request that is too much.
    """

    def __init__(
        self, *, reads: str, writes: str, failures: str, refused: Callable[[str], None] = lambda _: None
    ) -> None:
        self._limiter = FixedWindowRateLimiter(_Windows())
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
        within = self._limiter.hit(quota.rate, whose)
        ends, left = self._limiter.get_window_stats(quota.rate, whose)
        seconds = max(ceil(ends - time.time()), 1)
        fields = [
            (b"ratelimit-policy", quota.policy),
            (b"ratelimit", f'"{quota.name}";r={left};t={seconds}'.encode()),
        ]
        if not within:
            self._refused("rate_limited")
            raise TooMany(f"That is more than {quota.rate} in this window.", fields, seconds)
        return fields


def _quota(name: str, text: str) -> _Quota | None:
    found = rate(text)
    if found is None:
        return None
    return _Quota(name, found, f'"{name}";q={found.amount};w={found.get_expiry()}'.encode())
