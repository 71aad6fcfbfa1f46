"""The SELECT behind this service's part of an account's view."""

from functools import lru_cache
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from services.kit.calls import Call
from services.kit.db import Session, literal, one
from services.kit.problems import NotFound
from services.opportunities.policy import Status
from services.opportunities.sight import ACCOUNT_SIGHT, stances

MOST_DEALS: LiteralString = "200"

# Who sees the account sees its deals; who stands where is for the account team. The weighted amount is rounded deal by
# deal, halves up.
_PART = sql.SQL("""
SELECT json_build_object('deals', deals.list, 'totals', totals.list)::text
FROM account a
CROSS JOIN LATERAL (
  SELECT coalesce(json_agg(json_build_object(
    'id', r.id, 'name', r.name, 'stage', r.stage, 'amount', r.amount, 'currency', r.currency,
    'probability', s.probability, 'owner_id', r.owner_id, 'expected_close_on', r.expected_close_on,
    'relationship', json_build_object(
      'score', s.score, 'rating', s.rating, 'foothold', s.foothold,
      'next_move', CASE WHEN {knows} THEN s.next_move ELSE jsonb_set(s.next_move, '{{contact_ids}}', '[]') END
    )
  ) ORDER BY r.amount DESC NULLS LAST, r.id), '[]') AS list
  FROM (SELECT r.* FROM opportunity r
        WHERE r.account_id = a.id AND r.status = {open} AND r.deleted_at IS NULL
        ORDER BY r.amount DESC NULLS LAST, r.id LIMIT {most}) r
  JOIN opportunity_standing s ON s.id = r.id
) deals
CROSS JOIN LATERAL (
  SELECT coalesce(json_agg(row_to_json(t) ORDER BY t.stage, t.currency), '[]') AS list FROM (
    SELECT r.stage, r.currency, count(*) AS count, sum(r.amount) AS amount,
           sum(div(r.amount * s.probability + 50, 100)) AS weighted_amount
    FROM opportunity r JOIN opportunity_standing s ON s.id = r.id
    WHERE r.account_id = a.id AND r.status = {open} AND r.deleted_at IS NULL
    GROUP BY r.stage, r.currency
  ) t
) totals
WHERE a.id = %(id)s::uuid AND EXISTS (
  SELECT FROM account r WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND {sight}
)""")


@lru_cache
def _statement(sight: LiteralString, knows: LiteralString) -> LiteralString:
    text = _PART.format(
        sight=sql.SQL(sight),
        knows=sql.SQL(knows),
        open=sql.Literal(Status.OPEN),
        most=sql.SQL(MOST_DEALS),
    )
    return literal(text)


async def account_part(session: Session, call: Call, id: UUID) -> str:
    """The account's largest open deals and what all of them come to as JSON text, in one statement. Raises NotFound."""
    statement = _statement(ACCOUNT_SIGHT.visible(call.viewer), stances(call.viewer))
    row = await one(session, statement, {"id": id, "viewer": call.member_id})
    if row is None:
        raise NotFound("account")
    return str(row[0])
