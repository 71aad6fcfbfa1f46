"""The account view: one object made of three services' objects, whose bytes are spliced and never parsed.

A service's part is a JSON object. What it says stands between its outer braces, so the view is those stretches
one after the other, followed by what only the composer knows: which parts are missing, why, and as of when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Reason: TypeAlias = Literal["unreachable", "timeout", "error", "not_yet"]

# What each part holds, in the order in which the view shows it. Each key is there even when its part is not.
PARTS: Mapping[str, Sequence[str]] = {
    "contacts": ("account", "standing", "people"),
    "opportunities": ("deals", "totals"),
    "activities": ("activities", "minutes", "last_touch"),
}
_NAMED = {part: tuple(f'"{key}"'.encode() for key in keys) for part, keys in PARTS.items()}
_NOTHING = {part: b",".join(b'"%s":null' % key.encode() for key in keys) for part, keys in PARTS.items()}


@dataclass(frozen=True)
class Missing:
    """A part that is not there, and why."""

    part: str
    reason: Reason


def is_part(part: str, body: bytes) -> bool:
    """Whether the bytes look like the part: an object that speaks of every key. They are not parsed."""
    text = body.strip()
    return text.startswith(b"{") and text.endswith(b"}") and all(name in text for name in _NAMED[part])


def spliced(parts: Mapping[str, bytes | Reason], as_of: datetime) -> bytes:
    """The view as JSON bytes. `parts` holds for each part its object, held by `is_part`, or why it is missing."""
    moment = as_of.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return b'{%b,"as_of":"%b"}' % (said(parts), moment.encode())


def said(parts: Mapping[str, bytes | Reason]) -> bytes:
    """What the view says apart from its moment: the same bytes as long as nothing that it shows has changed."""
    stretches = [_stretch(part, parts[part]) for part in PARTS]
    missing = [Missing(part, given) for part, given in parts.items() if isinstance(given, str)]
    listed = ",".join(f'{{"part":"{each.part}","reason":"{each.reason}"}}' for each in missing)
    return b",".join([*stretches, f'"missing":[{listed}]'.encode()])


def _stretch(part: str, given: bytes | Reason) -> bytes:
    return _NOTHING[part] if isinstance(given, str) else given.strip()[1:-1]
