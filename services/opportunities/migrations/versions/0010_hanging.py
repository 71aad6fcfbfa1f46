"""Who hears of what hangs on an account that is deleted or comes back, in the feed of changes."""

import sqlalchemy as sa
from alembic import op

from services.kit.migrations import execute_kit_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0006_hanging.sql")
    op.get_bind().execute(sa.text("SELECT watch_hanging('opportunity')"))
