"""Deletes and restorations over HTTP."""

from fastapi import Response

from services.kit.answers import json_text, shown
from services.kit.conditional import IfMatch
from services.kit.deletion import Deleted
from services.kit.fields import Id
from services.kit.routing import CallDep, Reading, Transaction, router
from services.opportunities.pipeline.schemas import OpportunityRead
from services.opportunities.products.schemas import ProductRead
from services.opportunities.removal import queries, service
from services.opportunities.removal.schemas import DealsAboutContact, DealsMentioningContact

deals, products, contacts = router("opportunities"), router("products"), router("contacts")


@deals.delete("/opportunities/{id}", response_model=Deleted)
async def delete_opportunity(id: Id, call: CallDep, tx: Transaction, expected: IfMatch) -> Response:
    """Deletes a deal with its map."""
    return shown(await service.delete_deal(tx, call, id, expected))


@deals.post("/opportunities/{id}/restoration", response_model=OpportunityRead)
async def restore_opportunity(id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a deleted deal with its map."""
    return shown(await service.restore_deal(tx, call, id))


@products.delete("/products/{id}", response_model=Deleted)
async def delete_product(id: Id, call: CallDep, tx: Transaction, expected: IfMatch) -> Response:
    """Deletes a product; administrators only. Deals go on naming it."""
    return shown(await service.delete_product(tx, call, id, expected))


@products.post("/products/{id}/restoration", response_model=ProductRead)
async def restore_product(id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a deleted product; administrators only."""
    return shown(await service.restore_product(tx, call, id))


@contacts.get("/contacts/{id}/personal-data", response_model=DealsAboutContact)
async def get_personal_data(id: Id, call: CallDep, tx: Reading) -> Response:
    """What this service holds about a person, for the account team, its managers and administrators."""
    return json_text(await queries.about(tx, call, id))


@contacts.get("/contacts/{id}/erasure", response_model=DealsMentioningContact)
async def get_erasure(id: Id, call: CallDep, tx: Reading) -> Response:
    """Where texts of this service may name a person who was erased; for whom erasing is entrusted to."""
    return json_text(await service.show_mentions(tx, call, id))
