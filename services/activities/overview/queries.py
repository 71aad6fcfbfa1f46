"""The SELECT behind this service's part of an account's view."""

from datetime import timedelta
from functools import lru_cache
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from services.activities.copies import ACCOUNT_SIGHT
from services.activities.engagements.queries import ACTIVITY
from services.kit.calls import Call
from services.kit.clock import today
from services.kit.db import Session, literal, one
from services.kit.problems import NotFound

DAYS = 90
LATEST: LiteralString = "10"

_PART = sql.SQL("""
SELECT json_build_object(
  'activities', (
    SELECT coalesce(json_agg({activity} ORDER BY r.starts_at DESC, r.id DESC), '[]')
    FROM (SELECT r.* FROM activity r WHERE r.account_id = a.id AND r.deleted_at IS NULL
          ORDER BY r.starts_at DESC, r.id DESC LIMIT {latest}) r),
  'minutes', (
    SELECT coalesce(json_agg(row_to_json(s) ORDER BY s.minutes DESC, s.category), '[]')
    FROM (SELECT t.category, sum(t.minutes) AS minutes FROM time_log t
          WHERE t.account_id = a.id AND t.deleted_at IS NULL
            AND t.spent_on BETWEEN %(first)s::date AND %(last)s::date
          GROUP BY t.category) s),
  'last_touch', (
    SELECT row_to_json(s)
    FROM (SELECT t.id, t.type, instant(t.started_at) AS started_at, t.subject, t.owner_id FROM activity t
          WHERE t.account_id = a.id AND t.status = 'DONE' AND t.two_way AND t.deleted_at IS NULL
          ORDER BY t.started_at DESC, t.id DESC LIMIT 1) s)
  )::text
FROM account r, LATERAL (SELECT r.id) a
WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND {sight}""")


@lru_cache
def _statement(sight: LiteralString) -> LiteralString:
    text = _PART.format(activity=ACTIVITY.json(), latest=sql.SQL(LATEST), sight=sql.SQL(sight))
    return literal(text)


async def account_part(session: Session, call: Call, id: UUID) -> str:
    """What was done at the account and how long it took, as JSON text, in one statement. Raises NotFound."""
    last = today(call.settings.timezone)
    given = {
        "id": id,
        "viewer": call.member_id,
        "first": last - timedelta(days=DAYS - 1),
        "last": last,
    }
    row = await one(session, _statement(ACCOUNT_SIGHT.visible(call.viewer)), given)
    if row is None:
        raise NotFound("account")
    return str(row[0])
