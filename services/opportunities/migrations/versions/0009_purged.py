"""What was deleted long ago is found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = ("opportunity", "product", "stakeholder", "opportunity_standing")


def upgrade() -> None:
    for table in TABLES:
        op.create_index(
            f"{table}_deleted", table, ["deleted_at"], postgresql_where=sa.text("deleted_at IS NOT NULL")
        )
