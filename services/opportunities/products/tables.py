"""Products: what deals are about."""

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from services.kit.rows import External, Row, deleted, live
from services.opportunities.tables import Base


class Product(Base, External, Row, table=True):
    """Something that we sell."""

    __table_args__ = (
        deleted("product"),
        Index("product_name", "name", "id"),
        Index("product_series", "series", "name", "id"),
        live("product_price_up", text("coalesce(list_price, 9223372036854775807)"), "id"),
        live("product_price_down", text("coalesce(list_price, '-9223372036854775808'::bigint)"), "id"),
        Index("product_search", "name", postgresql_using="gin", postgresql_ops={"name": "gin_trgm_ops"}),
    )

    name: str = Field(sa_type=Text)
    series: str | None = Field(default=None, sa_type=Text)
    list_price: int | None = Field(default=None, sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
