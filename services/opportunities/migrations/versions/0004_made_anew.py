"""Copies can be made anew by a republish, and what was erased stays so; positions may go on in another epoch."""

import sqlalchemy as sa
from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0004"
down_revision = "0003"

COPIES = ("member", "account", "contact", "contact_link", "joint_activity")


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0004_kit.sql")
    for copy in COPIES:
        op.add_column(
            copy, sa.Column("erased", sa.Boolean(), server_default=sa.text("false"), nullable=False)
        )
