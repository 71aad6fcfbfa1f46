"""Whoever's sight of an account changes is told so in the journal, for the feed of changes."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0005_changes.sql")
