"""Members who are let go, and accounts first heard of as deleted, in the feed of changes."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0007_let_go.sql")
