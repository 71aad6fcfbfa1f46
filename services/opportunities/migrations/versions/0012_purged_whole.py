"""Who sees an account by what hangs there is told in parts; maps' versions only grow, and deals go on naming a product
that was purged."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0008_hung_in_parts.sql")
    op.drop_constraint("opportunity__product_id__unknown", "opportunity")
    op.create_table(
        "map_purged",
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("opportunity_id", name=op.f("map_purged_pkey")),
    )
    op.get_bind().exec_driver_sql((Path(__file__).parents[1] / "0012_map.sql").read_text(encoding="utf-8"))
