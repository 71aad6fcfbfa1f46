"""Products as requests send them and answers show them."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictInt

from services.kit.fields import (
    MAX_MONEY,
    Body,
    Currency,
    ExternalIds,
    ExternalIdsPatch,
    Name,
    Paged,
    Read,
    Stamped,
)

Price = Annotated[
    StrictInt, Field(ge=0, le=MAX_MONEY, description="Minor units of the currency, as ISO 4217 counts them.")
]


class ProductFields(Body):
    """What new products and patches have in common."""

    series: Name | None = None
    list_price: Price | None = None
    currency: Currency = Field(default="USD", description="Of `list_price`; ISO 4217.")


class ProductCreate(ProductFields):
    """A new product."""

    name: Name
    external_ids: ExternalIds = Field(default_factory=dict)


class ProductUpdate(ProductFields):
    """A merge patch of a product: absent fields stay."""

    name: Name = ""
    external_ids: ExternalIdsPatch = Field(default_factory=dict)


class ProductRead(Stamped):
    """Something that we sell. `list_price` is in minor units of the currency."""

    id: UUID
    name: str
    series: str | None
    list_price: int | None
    currency: str
    external_ids: dict[str, str]


class ProductList(Paged):
    """A page of products."""

    items: list[ProductRead]


class ProductFound(Read):
    """The products that a lookup found."""

    items: list[ProductRead]
