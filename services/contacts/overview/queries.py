"""The SELECT behind this service's part of an account's view."""

from functools import lru_cache
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from services.contacts.accounts.queries import ACCOUNT, SIGHT
from services.contacts.people.queries import CONTACT
from services.contacts.standings.queries import STANDING
from services.kit.calls import Call
from services.kit.db import Session, literal, one
from services.kit.problems import NotFound

MOST_PEOPLE: LiteralString = "200"

_PART = sql.SQL("""
SELECT json_build_object(
  'account', {account},
  'standing', (SELECT {standing} FROM account_standing r WHERE r.id = a.id),
  'people', (
    SELECT coalesce(json_agg({contact} ORDER BY r.name, r.id), '[]')
    FROM (SELECT r.* FROM contact r WHERE r.account_id = a.id AND r.deleted_at IS NULL
          ORDER BY r.name, r.id LIMIT {most}) r
  ))::text
FROM account r, LATERAL (SELECT r.id) a
WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND {sight}""")


@lru_cache
def _statement(sight: LiteralString) -> LiteralString:
    text = _PART.format(
        account=ACCOUNT.json(),
        standing=STANDING.json(),
        contact=CONTACT.json(),
        most=sql.SQL(MOST_PEOPLE),
        sight=sql.SQL(sight),
    )
    return literal(text)


async def account_part(session: Session, call: Call, id: UUID) -> str:
    """The account with its standing and its people as JSON text, in one statement. Raises NotFound."""
    row = await one(session, _statement(SIGHT.visible(call.viewer)), {"id": id, "viewer": call.member_id})
    if row is None:
        raise NotFound("account")
    return str(row[0])
