"""Ids: UUIDv7, made by the server, ordered by time of birth, and written in one way."""

import re
from typing import Final
from uuid import UUID

from uuid_utils.compat import uuid7

AN_ID: Final = "an id as in 0198c0de-0000-7000-8000-000000000002"

CANONICAL: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""The one way in which an id is written, in either case."""


def new_id() -> UUID:
    """A fresh id; later ones sort after earlier ones."""
    return uuid7()


def read_id(text: str) -> UUID:
    """The id that is written so, in either case. Raises ValueError for a UUID that is written in another way."""
    if not CANONICAL.fullmatch(text):
        raise ValueError(f"must be {AN_ID}")
    return UUID(text)
