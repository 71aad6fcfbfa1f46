"""Parked keys have numbers, what is given up of them stays, and topics are known as they were declared."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0003_kit.sql")
