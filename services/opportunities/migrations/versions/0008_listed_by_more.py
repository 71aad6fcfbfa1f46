"""Lists have an index for every filter that they are asked by together with a sort."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

LIVE: dict[str, Any] = {"postgresql_where": sa.text("deleted_at IS NULL")}
CLOSE_UP = sa.text("coalesce(expected_close_on, 'infinity'::date)")
AMOUNT_DOWN = sa.text("coalesce(amount, '-9223372036854775808'::bigint)")
AMOUNT_FALLING = sa.text("coalesce(-amount, 9223372036854775807)")
DEALS: dict[str, list[Any]] = {
    "stage": ["stage", "created_at"],
    "status_close": ["status", CLOSE_UP],
    "status_amount": ["status", AMOUNT_DOWN],
    "owner_born": ["owner_id", "created_at"],
    "owner_close": ["owner_id", CLOSE_UP],
    "owner_amount": ["owner_id", AMOUNT_DOWN],
    "amount_name": [AMOUNT_FALLING, "name"],
    "close_amount": [CLOSE_UP, AMOUNT_FALLING],
    "closed_up": [sa.text("coalesce(closed_on, 'infinity'::date)")],
    "closed_down": [sa.text("coalesce(closed_on, '-infinity'::date)")],
}


def upgrade() -> None:
    op.drop_index("opportunity_stage", "opportunity")
    op.drop_index("opportunity_closed", "opportunity")
    for name, columns in DEALS.items():
        op.create_index(f"opportunity_{name}", "opportunity", [*columns, "id"], **LIVE)
    op.create_index(
        "opportunity_lost",
        "opportunity",
        ["lost_reason", "created_at", "id"],
        postgresql_where=sa.text("lost_reason IS NOT NULL AND deleted_at IS NULL"),
    )
    up, down = (
        "coalesce(list_price, 9223372036854775807)",
        "coalesce(list_price, '-9223372036854775808'::bigint)",
    )
    op.create_index("product_price_up", "product", [sa.text(up), "id"], **LIVE)
    op.create_index("product_price_down", "product", [sa.text(down), "id"], **LIVE)
    op.create_index(
        "product_search",
        "product",
        ["name"],
        postgresql_using="gin",
        postgresql_ops={"name": "gin_trgm_ops"},
    )
