"""The tables of the toy."""

from alembic import context, op

from tests.kit.known import lay_kit

revision = "0001"
down_revision = None


def upgrade() -> None:
    lay_kit(op.get_bind())
    context.config.attributes["metadata"].create_all(op.get_bind())
    op.execute("SELECT watch_members(), watch_accounts(), watch_deals(), watch_external_ids('rival')")
