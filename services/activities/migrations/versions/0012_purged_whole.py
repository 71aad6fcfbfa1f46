"""Who sees an account by what hangs there is told in parts; hours go on naming an activity that was purged."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0008_hung_in_parts.sql")
    op.drop_constraint("time_log__activity_id__unknown", "time_log")
