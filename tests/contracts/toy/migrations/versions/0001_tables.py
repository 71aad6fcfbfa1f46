"""The tables of the toy."""

from alembic import context, op

from services.kit.migrations import execute_kit_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0001_kit.sql")
    execute_kit_sql(op.get_bind(), "0002_kit.sql")
    execute_kit_sql(op.get_bind(), "0003_kit.sql")
    execute_kit_sql(op.get_bind(), "0004_kit.sql")
    execute_kit_sql(op.get_bind(), "0005_changes.sql")
    context.config.attributes["metadata"].create_all(op.get_bind())
    op.execute("SELECT watch_members(), watch_accounts(), watch_deals(), watch_external_ids('rival')")
