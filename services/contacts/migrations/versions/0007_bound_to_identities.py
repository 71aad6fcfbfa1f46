"""Members may be bound to an identity of the issuer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("member", sa.Column("subject", sa.Text(), nullable=True))
    op.create_index("member__subject__taken", "member", ["subject"], unique=True)
