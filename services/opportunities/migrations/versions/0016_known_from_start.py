"""Whether a copy of a person was told from its first version on is kept: of those at hand it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column(
        "contact",
        sa.Column("known_from_start", sa.Boolean(), nullable=False, server_default=sa.text("false")),
    )
