"""What a delete means here: the table of what hangs on deals and products."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, LiteralString
from uuid import UUID

from psycopg import sql

from services.kit import journal
from services.kit.access import as_teammate
from services.kit.calls import Call
from services.kit.db import Session, execute, literal, one
from services.kit.dependants import Deletable, Dependant, Meaning, Need
from services.kit.journal import Cause, entry
from services.kit.mentions import FreeText, mentions
from services.kit.problems import NotFound
from services.opportunities.pipeline.queries import OPPORTUNITY
from services.opportunities.products.queries import PRODUCT
from services.opportunities.sight import CONTACT_SIGHT
from services.opportunities.stakeholders.queries import STAKEHOLDER, STANDING

_HISTORY: LiteralString = "keep the id; what was done stays what it was"

DEALS: Final = Deletable(
    OPPORTUNITY,
    (
        Dependant(
            "stakeholders",
            Meaning.FOLLOW,
            "go along",
            "stakeholder",
            "r.opportunity_id = {root}",
            STAKEHOLDER,
        ),
        Dependant(
            "opportunity-standings",
            Meaning.FOLLOW,
            "go along",
            "opportunity_standing",
            "r.id = {root}",
            STANDING,
        ),
        Dependant("activities", Meaning.STAY, _HISTORY),
    ),
    (
        Need(
            "owner_deleted",
            "r.status <> 'OPEN' OR r.owner_id IS NULL OR EXISTS ("
            "SELECT FROM member m WHERE m.id = r.owner_id AND m.deleted_at IS NULL)",
            "The deal is open and its owner is deleted; restore the member first.",
        ),
    ),
)
PRODUCTS: Final = Deletable(
    PRODUCT,
    (
        Dependant(
            "opportunities",
            Meaning.STAY,
            "keep the id of what they are about",
            "opportunity",
            "r.product_id = {root}",
        ),
    ),
)

DELETABLES: Final = (Deletable(STAKEHOLDER), Deletable(STANDING), DEALS, PRODUCTS)
"""What is purged, each before what it hangs on."""

TEXTS: Final = (
    FreeText(
        "opportunities",
        "opportunity",
        "r.account_id = c.account_id",
        ("name", "need_summary", "funding_source", "shortlist_evidence", "lost_to", "moves"),
        inside={"moves": "note"},
    ),
    FreeText(
        "stakeholders",
        "stakeholder",
        "o.account_id = c.account_id",
        ("stance_note",),
        through="JOIN opportunity o ON o.id = r.opportunity_id",
    ),
    FreeText("products", "product", "false", ("name", "series")),
)
NOTHING_SAID: Final = {"stance_note": None, "stance_reason": None}
"""What a map says about a person in words or reasons, when nothing is left of it."""

_MAPPED: LiteralString = """
SELECT o.id FROM opportunity o
WHERE o.id IN (SELECT s.opportunity_id FROM stakeholder s WHERE s.contact_id = ANY (%(contacts)s::uuid[]))
ORDER BY o.id FOR NO KEY UPDATE /* sight */"""
_SILENCED = sql.SQL("""WITH hit AS (
  UPDATE stakeholder AS r
  SET stance_note = NULL, stance_reason = NULL, version = r.version + (r.deleted_at IS NULL)::integer
  WHERE r.contact_id = ANY (%(contacts)s::uuid[]) AND (r.stance_note IS NOT NULL OR r.stance_reason IS NOT NULL)
  RETURNING r.*
), shown AS (
  SELECT r.id, r.version, r.partition_key, {json}::jsonb AS state FROM hit r WHERE r.deleted_at IS NULL
), entry AS (
  {entry}
), queued AS (
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry
)
SELECT r.id FROM stakeholder r WHERE r.contact_id = ANY (%(contacts)s::uuid[]) /* sight */""")


async def silence(session: Session, contacts: Sequence[UUID], cause: Cause) -> list[UUID]:
    """Takes notes and reasons about these people off all maps, of those they are no longer on too; gives the rows."""
    await session.execute(_MAPPED, {"contacts": list(contacts)})
    entered = entry(STAKEHOLDER, "shown ORDER BY id", fact="'updated'", state="state", changed="'{}'::jsonb")
    statement = literal(_SILENCED.format(json=STAKEHOLDER.json(), entry=entered))
    cursor = await execute(session, statement, journal.told(cause) | {"contacts": list(contacts)})
    return [row[0] for row in await cursor.fetchall()]


_ABOUT = sql.SQL("""
SELECT json_build_object(
  'known_to_opportunities', json_build_object('id', c.id, 'account_id', c.account_id, 'name', c.name,
    'former_names', c.former_names, 'title', c.title, 'department', c.department, 'level', c.level),
  'stakeholders', (
    SELECT coalesce(json_agg({stakeholder} ORDER BY r.id), '[]') FROM stakeholder r WHERE r.contact_id = c.id),
  'mentions_in_opportunities', {mentions})::text
FROM contact r, LATERAL (SELECT r.*, r.former_names || r.name AS names) c
WHERE r.id = %(id)s::uuid AND NOT r.erased AND {sight}""")


@lru_cache
def _about(sight: LiteralString) -> LiteralString:
    return literal(
        _ABOUT.format(stakeholder=STAKEHOLDER.json(), mentions=mentions(TEXTS), sight=sql.SQL(sight))
    )


async def about(session: Session, call: Call, id: UUID) -> str:
    """What is held about the person, for those who may know stances, as JSON text. Raises NotFound."""
    row = await one(
        session, _about(CONTACT_SIGHT.visible(as_teammate(call.viewer))), {"id": id, "viewer": call.member_id}
    )
    if row is None:
        raise NotFound("contact")
    return str(row[0])
