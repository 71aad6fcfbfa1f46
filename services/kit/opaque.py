"""Tokens that callers hand back as they were given: cursors of pages, places in a feed. They say nothing to anybody.

A token is no secret and no proof: whoever opens one checks what is in it.
"""

import base64
from collections.abc import Sequence
from typing import Any

import orjson


def closed(told: Sequence[object]) -> str:
    """What is told, as a token."""
    return base64.urlsafe_b64encode(orjson.dumps(list(told))).decode()


def opened(token: str) -> Any:
    """What a token tells, a list if it is one of ours. Raises ValueError where it cannot be read."""
    return orjson.loads(base64.urlsafe_b64decode(token.encode()))
