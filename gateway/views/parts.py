"""Answers made of the services' objects, whose bytes are spliced and never parsed.

A service's part is a JSON object. What it says stands between its outer braces, so the whole is those stretches one
after the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

Reason: TypeAlias = Literal["unreachable", "timeout", "error", "not_yet"]
Given: TypeAlias = Mapping[str, bytes | Reason]
"""For each part its object, or why there is none."""


@dataclass(frozen=True)
class Missing:
    """A part that is not there, and why."""

    part: str
    reason: Reason


def missing(given: Given) -> list[Missing]:
    """The parts that are not there."""
    return [Missing(part, reason) for part, reason in given.items() if isinstance(reason, str)]


@dataclass(frozen=True)
class Parts:
    """What an answer is made of: for each service, in the order in which they are shown, the keys of its part."""

    keys: Mapping[str, Sequence[str]]

    @cached_property
    def _named(self) -> Mapping[str, Sequence[bytes]]:
        return {part: tuple(f'"{key}"'.encode() for key in keys) for part, keys in self.keys.items()}

    def holds(self, part: str, body: bytes) -> bool:
        """Whether the bytes look like the part: an object that speaks of every key. They are not parsed."""
        text = body.strip()
        return text.startswith(b"{") and text.endswith(b"}") and all(key in text for key in self._named[part])

    def said(self, given: Given) -> list[bytes]:
        """What each part says, one after the other; of one that is not there the keys. Objects are held by these."""
        return [self._said(part, given[part]) for part in self.keys]

    def _said(self, part: str, given: bytes | Reason) -> bytes:
        if isinstance(given, str):
            return b",".join(b"%b:null" % key for key in self._named[part])
        return given.strip()[1:-1]
