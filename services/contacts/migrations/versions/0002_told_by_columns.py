"""What changed is told without comparing whole states."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0002_kit.sql")
