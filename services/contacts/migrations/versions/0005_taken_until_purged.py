"""A mail address stays taken while its member is deleted, so that the member can come back."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.drop_index("member__email__taken", "member")
    op.create_index("member__email__taken", "member", [sa.text("lower(email)")], unique=True)
