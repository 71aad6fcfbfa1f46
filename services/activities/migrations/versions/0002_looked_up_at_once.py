"""External ids of copies are found without reading a list of pending entries."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for index in ("member_source", "account_source"):
        op.execute(f"ALTER INDEX {index} SET (fastupdate = off)")
        op.execute(f"SELECT gin_clean_pending_list('{index}')")
