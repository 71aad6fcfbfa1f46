"""Those who see an account by what hangs there are told in parts, however many they are."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0008_hung_in_parts.sql")
