"""What changed is told without comparing whole states; maps are read without planning anew."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0002_kit.sql")
    # Its subqueries find a few rows by their keys, whatever the deal.
    op.execute("ALTER FUNCTION deal_map(uuid, uuid[], timestamptz) SET plan_cache_mode = force_generic_plan")
