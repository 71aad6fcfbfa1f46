"""Who was erased is kept beside the row, with the texts that may name them still."""

from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0013"
down_revision = "0012"

# What named those who were erased before cannot be found any more.
ERASED_BEFORE = """
INSERT INTO erasure (person_id, account_id, erased_at, reason, mentions, more)
SELECT id, account_id, erased_at, erasure_reason, '[]', true FROM contact WHERE erased_at IS NOT NULL"""


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0009_erasure.sql")
    op.execute(ERASED_BEFORE)
