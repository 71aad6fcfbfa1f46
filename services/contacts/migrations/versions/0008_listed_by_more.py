"""Lists have an index for every filter that they are asked by together with a sort."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

LIVE: dict[str, Any] = {"postgresql_where": sa.text("deleted_at IS NULL")}
SEARCH: dict[str, Any] = {"postgresql_using": "gin", "postgresql_ops": {"name": "gin_trgm_ops"}}


def upgrade() -> None:
    op.create_index("member_function", "member", ["function", "name", "id"], **LIVE)
    op.create_index("member_active", "member", ["active", "name", "id"], **LIVE)
    op.create_index("member_search", "member", ["name"], **SEARCH)
    for name, column in (("kind", "account_kind"), ("industry", "industry"), ("region", "region")):
        op.create_index(f"account_{name}", "account", [column, "name", "id"], **LIVE)
    _create_known("account_target", "account", "target_type")
    up, down = (
        "coalesce(employees, 9223372036854775807)",
        "coalesce(employees, '-9223372036854775808'::bigint)",
    )
    falling = "coalesce(-employees, 9223372036854775807)"
    op.create_index("account_employees_up", "account", [sa.text(up), "id"], **LIVE)
    op.create_index("account_employees_down", "account", [sa.text(down), "id"], **LIVE)
    op.create_index("account_employees_name", "account", [sa.text(falling), "name", "id"], **LIVE)
    op.create_index("contact_department", "contact", ["department", "name", "id"], **LIVE)
    op.create_index("contact_level", "contact", ["level", "name", "id"], **LIVE)
    _create_known("contact_influence", "contact", "real_influence")
    for name, last in (("up", "infinity"), ("down", "-infinity")):
        key = sa.text(f"coalesce(tenure_end_on, '{last}'::date)")
        op.create_index(f"contact_tenure_{name}", "contact", [key, "id"], **LIVE)


def _create_known(name: str, table: str, column: str) -> None:
    where = sa.text(f"{column} IS NOT NULL AND deleted_at IS NULL")
    op.create_index(name, table, [column, "name", "id"], postgresql_where=where)
