"""The tables of contacts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.kit.migrations import execute_kit_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0001_kit.sql")
    op.create_table(
        "account_standing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partition_key", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "deal_team_ids",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partition_key", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "external_ids", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("manager_id <> id", name="member__manager_id__cycle"),
        sa.ForeignKeyConstraint(["manager_id"], ["member.id"], name="member__manager_id__unknown"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "member__email__taken",
        "member",
        [sa.literal_column("lower(email)")],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index("member_manager", "member", ["manager_id", "name", "id"], unique=False)
    op.create_index("member_name", "member", ["name", "id"], unique=False)
    op.create_table(
        "opportunity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "opportunity_account",
        "opportunity",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("status = 'OPEN'"),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partition_key", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "external_ids", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_kind", sa.Text(), nullable=False),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("employees", sa.Integer(), nullable=True),
        sa.Column("annual_revenue", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("founded_year", sa.Integer(), nullable=True),
        sa.Column("office_location", sa.Text(), nullable=True),
        sa.Column("parent_account_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column(
            "team", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("target_type", sa.Text(), nullable=True),
        sa.CheckConstraint("parent_account_id <> id", name="account__parent_account_id__cycle"),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name="account__owner_id__unknown"),
        sa.ForeignKeyConstraint(
            ["parent_account_id"], ["account.id"], name="account__parent_account_id__unknown"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("account_born", "account", ["created_at", "id"], unique=False)
    op.create_index("account_name", "account", ["name", "id"], unique=False)
    op.create_index("account_owner", "account", ["owner_id", "name", "id"], unique=False)
    op.create_index("account_parent", "account", ["parent_account_id", "name", "id"], unique=False)
    op.create_index(
        "account_search",
        "account",
        ["name"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partition_key", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "external_ids", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column(
            "phones", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column(
            "emails", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("tenure_end_on", sa.Date(), nullable=True),
        sa.Column("real_influence", sa.Text(), nullable=True),
        sa.Column("public_official", sa.Boolean(), nullable=False),
        sa.Column("preferred_channel", sa.Text(), nullable=True),
        sa.Column("do_not_contact", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="contact__account_id__unknown"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("contact_account", "contact", ["account_id", "name", "id"], unique=False)
    op.create_index("contact_born", "contact", ["created_at", "id"], unique=False)
    op.create_index("contact_name", "contact", ["name", "id"], unique=False)
    op.create_index(
        "contact_search",
        "contact",
        ["name"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    )
    op.create_table(
        "contact_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partition_key", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("from_contact_id", sa.Uuid(), nullable=False),
        sa.Column("to_contact_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("from_contact_id <> to_contact_id", name="contact_link__to_contact_id__self"),
        sa.ForeignKeyConstraint(
            ["from_contact_id"], ["contact.id"], name="contact_link__from_contact_id__unknown"
        ),
        sa.ForeignKeyConstraint(
            ["to_contact_id"], ["contact.id"], name="contact_link__to_contact_id__unknown"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "contact_link__to_contact_id__linked",
        "contact_link",
        ["from_contact_id", "to_contact_id", "kind"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "contact_link_from", "contact_link", ["from_contact_id", "created_at", "id"], unique=False
    )
    op.create_index("contact_link_to", "contact_link", ["to_contact_id", "kind"], unique=False)
    op.execute("SELECT watch_members()")
    op.execute("SELECT watch_accounts()")
    op.execute("SELECT watch_deals()")
    op.execute("SELECT watch_external_ids('member')")
    op.execute("SELECT watch_external_ids('account')")
    op.execute("SELECT watch_external_ids('contact')")
