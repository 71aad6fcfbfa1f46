"""What can be done with products; only administrators change them."""

from datetime import datetime
from uuid import UUID

from services.kit import journal, past, upserts
from services.kit.access import require_admin
from services.kit.calls import Call
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.upserts import Slot
from services.opportunities.products.queries import EVERYBODY, PAST, PRODUCT
from services.opportunities.products.schemas import ProductCreate, ProductUpdate


async def add_product(tx: Session, call: Call, body: ProductCreate) -> Shown:
    """A new product. Raises Forbidden, Conflict (an external id is taken)."""
    require_admin(call.viewer)
    values = body.model_dump()
    if "currency" not in body.model_fields_set:
        values["currency"] = call.settings.organisation_currency
    row = await journal.create(tx, PRODUCT, values, call.cause)
    assert row is not None
    return row


async def show_product(tx: Session, call: Call, id: UUID, as_of: datetime | None = None) -> Shown:
    """The product, now or as of an instant. Raises NotFound, and what `past.at` does."""
    return await past.show(tx, PAST, id, as_of, call.viewer)


async def change_product(tx: Session, call: Call, id: UUID, body: ProductUpdate, expected: Expected) -> Shown:
    """Changes the fields that the patch names. Raises Forbidden, NotFound, PreconditionFailed, Conflict."""
    require_admin(call.viewer)
    values = body.model_dump(exclude_unset=True)
    return await journal.change(tx, PRODUCT, id, values, call.cause, expected=expected, sight=EVERYBODY)


async def put_product(tx: Session, call: Call, slot: Slot, body: ProductCreate) -> tuple[Shown, bool]:
    """Adds the product, or changes the fields that the body names; tells whether the product is new.

    Raises what `upserts.put`, `add_product` and `change_product` raise.
    """
    require_admin(call.viewer)
    named = slot.named(body)
    patch = ProductUpdate.model_validate(named.model_dump(exclude_unset=True))
    return await upserts.put(
        tx, PRODUCT, slot, viewer=call.member_id, sight=EVERYBODY,
        create=lambda: add_product(tx, call, named),
        change=lambda id, expected: change_product(tx, call, id, patch, expected),
    )  # fmt: skip
