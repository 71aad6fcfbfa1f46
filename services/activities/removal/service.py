"""What can be taken away and brought back."""

from uuid import UUID

import orjson

from services.activities.engagements.queries import SIGHT as ACTIVITY_SIGHT
from services.activities.removal.queries import ACTIVITIES, TIME_LOGS
from services.activities.timelogs.queries import SIGHT as TIME_SIGHT
from services.kit import deletion, mentions
from services.kit.access import may_edit, may_hand_over, require_entrusted
from services.kit.calls import Call
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session


async def delete_activity(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    """Deletes an activity: for its owner, the managers above, and admin.

    Raises NotFound, Forbidden, PreconditionFailed.
    """
    sight, may = ACTIVITY_SIGHT.visible(call.viewer), may_hand_over(call.viewer, "r.owner_id")
    return await deletion.delete(tx, call, ACTIVITIES, id, expected, sight=sight, may=may)


async def restore_activity(tx: Session, call: Call, id: UUID) -> Shown:
    """Restores an activity. Raises NotFound, Forbidden, Conflict (it is to come and its owner is deleted)."""
    sight, may = ACTIVITY_SIGHT.visible(call.viewer), may_hand_over(call.viewer, "r.owner_id")
    return await deletion.restore(tx, call, ACTIVITIES, id, sight=sight, may=may)


async def delete_time(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    """Deletes a time log: for its member and the managers above. Raises NotFound, Forbidden, PreconditionFailed."""
    sight, may = TIME_SIGHT.visible(call.viewer), may_edit(call.viewer, "r.member_id", TIME_SIGHT)
    return await deletion.delete(tx, call, TIME_LOGS, id, expected, sight=sight, may=may)


async def restore_time(tx: Session, call: Call, id: UUID) -> Shown:
    """Restores a time log. Raises NotFound, Forbidden."""
    sight, may = TIME_SIGHT.visible(call.viewer), may_edit(call.viewer, "r.member_id", TIME_SIGHT)
    return await deletion.restore(tx, call, TIME_LOGS, id, sight=sight, may=may)


async def show_mentions(session: Session, call: Call, id: UUID) -> str:
    """Where texts may name a person who was erased, as JSON text. Raises Forbidden, NotFound (not heard of yet)."""
    require_entrusted(call.viewer)
    return orjson.dumps((await mentions.kept(session, id)).told("activities")).decode()
