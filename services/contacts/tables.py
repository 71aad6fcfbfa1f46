"""The base of this service's tables: a registry of its own, so that its metadata holds nothing of other services."""

from sqlalchemy.orm import registry
from sqlmodel import SQLModel


class Base(SQLModel, registry=registry()):
    """Tables of contacts."""
