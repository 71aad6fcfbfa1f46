"""A bounded memory: values that are good until a time of their own."""

from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

Clock: TypeAlias = Callable[[], float]
"""Gives seconds since 1970."""

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """At most `size` values, each until its time; the oldest give way first."""

    def __init__(self, size: int, clock: Clock) -> None:
        self._size, self._clock = size, clock
        self._kept: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        """The value, or None when there is none or its time is over."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and kept[0] > self._clock() else None

    def put(self, key: K, value: V, until: float) -> None:
        """Keeps the value until the clock shows `until`."""
        self._kept.pop(key, None)
        if len(self._kept) >= self._size:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (until, value)

    def __len__(self) -> int:
        return len(self._kept)
