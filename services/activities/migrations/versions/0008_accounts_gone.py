"""What hangs on a deleted account is hidden: the accounts that are deleted are found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index("account_gone", "account", ["id"], postgresql_where=sa.text("deleted_at IS NOT NULL"))
