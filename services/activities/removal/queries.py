"""What a delete means here: the table of what hangs on activities and time logs."""

from functools import lru_cache
from typing import Final, LiteralString
from uuid import UUID

from psycopg import sql

from services.activities.engagements.queries import ACTIVITY
from services.activities.timelogs.queries import TIME_LOG
from services.kit.access import Sight, as_teammate
from services.kit.calls import Call
from services.kit.db import Session, literal, one
from services.kit.dependants import Deletable, Dependant, Meaning, Need
from services.kit.mentions import FreeText, mentions
from services.kit.problems import NotFound

ACTIVITIES: Final = Deletable(
    ACTIVITY,
    (
        Dependant(
            "time-logs", Meaning.STAY, "remain their members' hours", "time_log", "r.activity_id = {root}"
        ),
    ),
    (
        Need(
            "owner_deleted",
            "r.status <> 'PLANNED' OR r.owner_id IS NULL OR EXISTS ("
            "SELECT FROM member m WHERE m.id = r.owner_id AND m.deleted_at IS NULL)",
            "The activity is still to come and its owner is deleted; restore the member first.",
        ),
    ),
)
TIME_LOGS: Final = Deletable(TIME_LOG)

DELETABLES: Final = (TIME_LOGS, ACTIVITIES)
"""What is purged, each before what it hangs on."""

_CONTACT_SIGHT: Final = Sight(account="r.account_id")
TEXTS: Final = (
    FreeText("activities", "activity", "r.account_id = c.account_id", ("subject", "outcome", "next_step")),
    FreeText("time-logs", "time_log", "r.account_id = c.account_id", ("note",)),
)


_ABOUT = sql.SQL("""
SELECT json_build_object(
  'known_to_activities', json_build_object('id', c.id, 'account_id', c.account_id, 'name', c.name,
    'former_names', c.former_names),
  'activity_ids', (
    SELECT coalesce(json_agg(r.id ORDER BY r.id), '[]') FROM activity r
    WHERE r.account_id = c.account_id AND c.id = ANY (r.contact_ids)),
  'mentions_in_activities', {mentions})::text
FROM contact r, LATERAL (SELECT r.*, r.former_names || r.name AS names) c
WHERE r.id = %(id)s::uuid AND NOT r.erased AND {sight}""")


@lru_cache
def _about(sight: LiteralString) -> LiteralString:
    return literal(_ABOUT.format(mentions=mentions(TEXTS), sight=sql.SQL(sight)))


async def about(session: Session, call: Call, id: UUID) -> str:
    """What is held about the person, for the account team, its managers and admin, as JSON text. Raises NotFound."""
    row = await one(
        session,
        _about(_CONTACT_SIGHT.visible(as_teammate(call.viewer))),
        {"id": id, "viewer": call.member_id},
    )
    if row is None:
        raise NotFound("contact")
    return str(row[0])
