"""Where a rebuild's republish begins is known."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0010_rebuilds.sql")
