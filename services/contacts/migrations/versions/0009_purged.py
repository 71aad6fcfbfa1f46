"""What was deleted long ago is found at once, and a person can be erased."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TABLES = ("member", "account", "account_standing", "contact", "contact_link")


def upgrade() -> None:
    for table in TABLES:
        op.create_index(
            f"{table}_deleted", table, ["deleted_at"], postgresql_where=sa.text("deleted_at IS NOT NULL")
        )
    op.add_column("contact", sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contact", sa.Column("erasure_reason", sa.Text(), nullable=True))
