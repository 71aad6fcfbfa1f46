"""What can be done with rivals."""

from typing import LiteralString, cast
from uuid import UUID

from services.kit import deletion, journal, upserts
from services.kit.access import may_edit, require_writer
from services.kit.calls import Call
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session
from tests.contracts.toy.queries import DELETABLE, RIVAL, SIGHT
from tests.contracts.toy.schemas import RivalCreate, RivalUpdate


async def add(tx: Session, call: Call, body: RivalCreate) -> Shown:
    """A new rival, the caller's own. Raises Forbidden."""
    require_writer(call.viewer)
    values = body.model_dump() | {"owner_id": call.member_id}
    return cast("Shown", await journal.create(tx, RIVAL, values, call.cause))


async def change(tx: Session, call: Call, id: UUID, body: RivalUpdate, expected: Expected) -> Shown:
    """Changes what the patch names. Raises NotFound, Forbidden, PreconditionFailed."""
    values, (sight, may) = body.model_dump(exclude_unset=True), _rights(call)
    return await journal.change(tx, RIVAL, id, values, call.cause, expected=expected, sight=sight, may=may)


async def put(tx: Session, call: Call, slot: upserts.Slot, body: RivalCreate) -> tuple[Shown, bool]:
    """Adds the rival, or changes what the body names; tells whether it is new."""
    named = slot.named(body)
    patch = RivalUpdate.model_validate(named.model_dump(exclude_unset=True))
    return await upserts.put(
        tx, RIVAL, slot, viewer=call.member_id, sight=SIGHT.visible(call.viewer),
        create=lambda: add(tx, call, named), change=lambda id, expected: change(tx, call, id, patch, expected),
    )  # fmt: skip


async def delete(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    """Deletes the rival. Raises NotFound, Forbidden, PreconditionFailed."""
    sight, may = _rights(call)
    return await deletion.delete(tx, call, DELETABLE, id, expected, sight=sight, may=may)


async def restore(tx: Session, call: Call, id: UUID) -> Shown:
    """Restores the rival. Raises NotFound, Forbidden."""
    sight, may = _rights(call)
    return await deletion.restore(tx, call, DELETABLE, id, sight=sight, may=may)


def _rights(call: Call) -> tuple[LiteralString, LiteralString]:
    return SIGHT.visible(call.viewer), may_edit(call.viewer, "r.owner_id")
