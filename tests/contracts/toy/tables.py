"""The registry of the toy's tables, with those that every service has: its people and the accounts it knows of."""

from uuid import UUID

from sqlalchemy import Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
