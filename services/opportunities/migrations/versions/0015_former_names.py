"""What people were called before is kept beside their copies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column(
        "contact",
        sa.Column("former_names", ARRAY(sa.Text()), nullable=False, server_default=sa.text("'{}'")),
    )
