"""The tables of opportunities."""

from pathlib import Path

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
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "contact_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("from_contact_id", sa.Uuid(), nullable=False),
        sa.Column("to_contact_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "contact_link_allies",
        "contact_link",
        ["from_contact_id", "to_contact_id"],
        unique=False,
        postgresql_where=sa.text("kind = 'ALLY' AND deleted_at IS NULL"),
    )
    op.create_table(
        "joint_activity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "joint_activity_people",
        "joint_activity",
        ["contact_ids"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
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
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "opportunity_standing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partition_key", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("weight_total", sa.Integer(), nullable=False),
        sa.Column("support", sa.Integer(), nullable=False),
        sa.Column("opposition", sa.Integer(), nullable=False),
        sa.Column("balance", sa.Integer(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("foothold", sa.Text(), nullable=False),
        sa.Column("surface", sa.Text(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("rating", sa.Text(), nullable=False),
        sa.Column("probability", sa.Integer(), nullable=False),
        sa.Column("warnings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("next_move", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "opportunity_standing_due",
        "opportunity_standing",
        ["valid_until"],
        unique=False,
        postgresql_where=sa.text("valid_until IS NOT NULL"),
    )
    op.create_table(
        "product",
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
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("list_price", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("product_name", "product", ["name", "id"], unique=False)
    op.create_index("product_series", "product", ["series", "name", "id"], unique=False)
    op.create_table(
        "opportunity",
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
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("expected_close_on", sa.Date(), nullable=True),
        sa.Column("procurement_mode", sa.Text(), nullable=True),
        sa.Column("buy_class", sa.Text(), nullable=True),
        sa.Column("need_summary", sa.Text(), nullable=True),
        sa.Column("budget_status", sa.Text(), nullable=False),
        sa.Column("funding_source", sa.Text(), nullable=True),
        sa.Column("entry_strategy", sa.Text(), nullable=True),
        sa.Column("sponsor_contact_id", sa.Uuid(), nullable=True),
        sa.Column("tactic", sa.Text(), nullable=True),
        sa.Column("probability_override", sa.Integer(), nullable=True),
        sa.Column("go_decision", sa.Text(), nullable=False),
        sa.Column("go_by", sa.Uuid(), nullable=True),
        sa.Column("shortlisted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shortlist_evidence", sa.Text(), nullable=True),
        sa.Column("tender_issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bid_deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("bid_submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("award_status", sa.Text(), nullable=False),
        sa.Column("contract_signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contract_amount", sa.BigInteger(), nullable=True),
        sa.Column("credit_days", sa.Integer(), nullable=True),
        sa.Column("credit_limit", sa.BigInteger(), nullable=True),
        sa.Column("no_known_competitor", sa.Boolean(), nullable=False),
        sa.Column("lost_reason", sa.Text(), nullable=True),
        sa.Column("lost_to", sa.Text(), nullable=True),
        sa.Column("stage_entered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stage_entered_on", sa.Date(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column(
            "moves", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name="opportunity__product_id__unknown"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "opportunity_account", "opportunity", ["account_id", "status", "created_at", "id"], unique=False
    )
    op.create_index(
        "opportunity_amount_down",
        "opportunity",
        [sa.literal_column("coalesce(amount, '-9223372036854775808'::bigint)"), "id"],
        unique=False,
    )
    op.create_index(
        "opportunity_amount_up",
        "opportunity",
        [sa.literal_column("coalesce(amount, 9223372036854775807)"), "id"],
        unique=False,
    )
    op.create_index("opportunity_born", "opportunity", ["created_at", "id"], unique=False)
    op.create_index(
        "opportunity_close_down",
        "opportunity",
        [sa.literal_column("coalesce(expected_close_on, '-infinity'::date)"), "id"],
        unique=False,
    )
    op.create_index(
        "opportunity_close_up",
        "opportunity",
        [sa.literal_column("coalesce(expected_close_on, 'infinity'::date)"), "id"],
        unique=False,
    )
    op.create_index(
        "opportunity_closed",
        "opportunity",
        ["closed_on"],
        unique=False,
        postgresql_where=sa.text("closed_on IS NOT NULL"),
    )
    op.create_index("opportunity_name", "opportunity", ["name", "id"], unique=False)
    op.create_index(
        "opportunity_owner", "opportunity", ["owner_id", "stage", "created_at", "id"], unique=False
    )
    op.create_index("opportunity_product", "opportunity", ["product_id", "created_at", "id"], unique=False)
    op.create_index(
        "opportunity_search",
        "opportunity",
        ["name"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    )
    op.create_index("opportunity_stage", "opportunity", ["stage", "status", "created_at", "id"], unique=False)
    op.create_index("opportunity_status", "opportunity", ["status", "created_at", "id"], unique=False)
    op.create_table(
        "stakeholder",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("partition_key", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opportunity_id", sa.Uuid(), nullable=False),
        sa.Column("contact_id", sa.Uuid(), nullable=False),
        sa.Column("roles", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("influence", sa.Text(), nullable=False),
        sa.Column("stance", sa.Text(), nullable=False),
        sa.Column("degree", sa.Integer(), nullable=False),
        sa.Column("stance_reason", sa.Text(), nullable=True),
        sa.Column("stance_note", sa.Text(), nullable=True),
        sa.Column("changeable", sa.Text(), nullable=True),
        sa.Column("stance_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["opportunity_id"], ["opportunity.id"], name="stakeholder__opportunity_id__unknown"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "stakeholder__contact_id__mapped", "stakeholder", ["opportunity_id", "contact_id"], unique=True
    )
    op.create_index(
        "stakeholder_person",
        "stakeholder",
        ["contact_id"],
        unique=False,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.get_bind().exec_driver_sql((Path(__file__).parents[1] / "0001_map.sql").read_text(encoding="utf-8"))
    op.execute("SELECT watch_members()")
    op.execute("SELECT watch_accounts()")
    op.execute("SELECT watch_deals()")
    op.execute("SELECT watch_external_ids('opportunity')")
    op.execute("SELECT watch_external_ids('product')")
