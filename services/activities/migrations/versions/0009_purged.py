"""What was deleted long ago is found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = ("activity", "time_log")


def upgrade() -> None:
    for table in TABLES:
        op.create_index(
            f"{table}_deleted", table, ["deleted_at"], postgresql_where=sa.text("deleted_at IS NOT NULL")
        )
