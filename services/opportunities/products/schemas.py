"""Products as answers show them."""

from uuid import UUID

from services.kit.fields import Read, Stamped


class ProductRead(Stamped):
    """Something that we sell. `list_price` is in minor units of the currency."""

    id: UUID
    name: str
    series: str | None
    list_price: int | None
    currency: str
    external_ids: dict[str, str]


class ProductList(Read):
    """A page of products."""

    items: list[ProductRead]
    next_cursor: str | None
    total: int | None = None


class ProductFound(Read):
    """The products that a lookup found."""

    items: list[ProductRead]
