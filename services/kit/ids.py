"""Ids: UUIDv7, made by the server, ordered by time of birth."""

from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A fresh id; later ones sort after earlier ones."""
    return uuid7()
