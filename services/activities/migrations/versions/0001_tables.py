"""The tables of activities."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.kit.migrations import execute_kit_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    execute_kit_sql(op.get_bind(), "0001_kit.sql")
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("team", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "account_source",
        "account",
        ["external_ids"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"external_ids": "jsonb_path_ops"},
    )
    op.create_table(
        "activity",
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
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("planned_start_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "starts_at",
            sa.DateTime(timezone=True),
            sa.Computed("coalesce(started_at, planned_start_at)", persisted=True),
            nullable=False,
        ),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("opportunity_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column(
            "our_attendees",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("contact_ids", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("two_way", sa.Boolean(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("next_step", sa.Text(), nullable=True),
        sa.Column("important", sa.Boolean(), nullable=True),
        sa.Column("urgent", sa.Boolean(), nullable=True),
        sa.CheckConstraint("minutes BETWEEN 1 AND 1440", name="activity__minutes__range"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "activity_account",
        "activity",
        ["account_id", "starts_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "activity_born",
        "activity",
        ["created_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "activity_opportunity",
        "activity",
        ["opportunity_id", "starts_at", "id"],
        unique=False,
        postgresql_where=sa.text("opportunity_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "activity_owner",
        "activity",
        ["owner_id", "starts_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "activity_status",
        "activity",
        ["status", "starts_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "activity_time",
        "activity",
        ["starts_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "activity_touch",
        "activity",
        ["account_id", "started_at", "id"],
        unique=False,
        postgresql_where=sa.text("status = 'DONE' AND two_way AND deleted_at IS NULL"),
    )
    op.create_index(
        "activity_type",
        "activity",
        ["type", "starts_at", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("function", sa.Text(), nullable=False),
        sa.Column("manager_id", sa.Uuid(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("external_ids", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("member_email", "member", [sa.literal_column("lower(email)")], unique=False)
    op.create_index("member_manager", "member", ["manager_id"], unique=False)
    op.create_index(
        "member_source",
        "member",
        ["external_ids"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"external_ids": "jsonb_path_ops"},
    )
    op.create_table(
        "opportunity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "time_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partition_key", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("spent_on", sa.Date(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("robber", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("minutes BETWEEN 1 AND 1440", name="time_log__minutes__range"),
        sa.ForeignKeyConstraint(["activity_id"], ["activity.id"], name="time_log__activity_id__unknown"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "time_log_account",
        "time_log",
        ["account_id", "spent_on", "id"],
        unique=False,
        postgresql_where=sa.text("account_id IS NOT NULL AND deleted_at IS NULL"),
        postgresql_include=["category", "minutes"],
    )
    op.create_index(
        "time_log_activity",
        "time_log",
        ["activity_id", "spent_on", "id"],
        unique=False,
        postgresql_where=sa.text("activity_id IS NOT NULL AND deleted_at IS NULL"),
    )
    op.create_index(
        "time_log_category",
        "time_log",
        ["category", "spent_on", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "time_log_day",
        "time_log",
        ["spent_on", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "time_log_member",
        "time_log",
        ["member_id", "spent_on", "id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_index(
        "time_log_robber",
        "time_log",
        ["robber", "spent_on", "id"],
        unique=False,
        postgresql_where=sa.text("robber IS NOT NULL AND deleted_at IS NULL"),
    )
    op.execute("SELECT watch_members()")
    op.execute("SELECT watch_accounts()")
    op.execute("SELECT watch_deals()")
    op.execute("SELECT watch_external_ids('activity')")
