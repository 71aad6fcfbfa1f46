"""What can be taken away and brought back."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson

from services.kit import deletion, erasure, mentions
from services.kit.access import may_hand_over, require_admin, require_entrusted
from services.kit.calls import Call
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.journal import Cause
from services.opportunities.policy import policy_of
from services.opportunities.products.queries import EVERYBODY
from services.opportunities.removal import queries
from services.opportunities.removal.queries import DEALS, NOTHING_SAID, PRODUCTS
from services.opportunities.sight import DEAL_SIGHT
from services.opportunities.stakeholders import standing
from services.opportunities.stakeholders.queries import hold_map

ERASING: Final = Cause(actor="service:opportunities")


async def delete_deal(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    """Deletes a deal with its map: for its owner, the managers above, and admin.

    Raises NotFound, Forbidden, PreconditionFailed.
    """
    sight, may = DEAL_SIGHT.visible(call.viewer), may_hand_over(call.viewer, "r.owner_id")
    return await deletion.delete(tx, call, DEALS, id, expected, sight=sight, may=may)


async def restore_deal(tx: Session, call: Call, id: UUID) -> Shown:
    """Restores a deal with its map; its standing is what the map says by now.

    Raises NotFound, Forbidden, Conflict (it is open and its owner is deleted).
    """
    sight, may = DEAL_SIGHT.visible(call.viewer), may_hand_over(call.viewer, "r.owner_id")
    await hold_map(tx, id)
    row = await deletion.restore(tx, call, DEALS, id, sight=sight, may=may)
    policy = policy_of(call.settings.policy_file)
    await standing.follow(tx, [id], policy, call.settings.timezone, call.cause)
    return row


async def delete_product(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    """Deletes a product. Raises Forbidden, NotFound, PreconditionFailed."""
    require_admin(call.viewer)
    return await deletion.delete(tx, call, PRODUCTS, id, expected, sight=EVERYBODY, may="true")


async def restore_product(tx: Session, call: Call, id: UUID) -> Shown:
    """Restores a product. Raises Forbidden, NotFound."""
    require_admin(call.viewer)
    return await deletion.restore(tx, call, PRODUCTS, id, sight=EVERYBODY, may="true")


async def silence_people(tx: Session, contacts: Sequence[UUID]) -> None:
    """Takes what was noted about these people off all maps and out of the history."""
    rows = await queries.silence(tx, contacts, ERASING)
    await erasure.scrub(tx, rows, NOTHING_SAID)


async def show_mentions(session: Session, call: Call, id: UUID) -> str:
    """Where texts may name a person who was erased, as JSON text. Raises Forbidden, NotFound (not heard of yet)."""
    require_entrusted(call.viewer)
    return orjson.dumps((await mentions.kept(session, id)).told("opportunities")).decode()
