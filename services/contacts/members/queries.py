"""Every SELECT of members."""

from typing import LiteralString
from uuid import UUID

from services.contacts.members.domain import MemberFunction
from services.contacts.members.tables import Member
from services.kit.access import everybody
from services.kit.aggregates import Aggregate
from services.kit.db import Session, one
from services.kit.filters import BOOLEAN, EMAIL, IDENTIFIER, TEXT, Filter, code, plain
from services.kit.grammar import Listing, Pair
from services.kit.past import Names, Past
from services.kit.rows import STAMPS

MEMBER = Aggregate(
    "member",
    "members",
    Member,
    (
        "id",
        "email",
        "subject",
        "name",
        "function",
        "manager_id",
        "active",
        "external_ids",
        "version",
        *STAMPS,
    ),
)

MEMBERS = Listing(
    aggregate=MEMBER,
    relation="member",
    sight=None,
    filters={
        "email": Filter("lower(r.email)", EMAIL),
        "name": Filter("r.name", TEXT),
        "function": Filter("r.function", code(MemberFunction)),
        "manager_id": Filter("r.manager_id", IDENTIFIER),
        "active": Filter("r.active", BOOLEAN),
    },
    sorts={"name": plain("r.name", "text")},
    default_sort="name",
    search="r.name",
    pairs={
        "email": Pair(),
        "function": Pair(("name", "-name")),
        "manager_id": Pair(("name", "-name")),
        "active": Pair(("name", "-name")),
    },
)

EVERYBODY: LiteralString = "true"
MANAGER_HELD: LiteralString = """(%(manager_id)s::uuid IS NULL OR EXISTS (
    SELECT FROM member m WHERE m.id = %(manager_id)s::uuid AND m.deleted_at IS NULL FOR KEY SHARE))"""
NAMES = Names("member")
PAST = Past(MEMBER, everybody, names=(NAMES,))
LINE_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(sight_line(), 0)"
_ABOVE: LiteralString = """
WITH RECURSIVE up(id) AS (
  SELECT %(start)s::uuid UNION SELECT m.manager_id FROM member m JOIN up ON up.id = m.id WHERE m.manager_id IS NOT NULL
) SELECT EXISTS (SELECT FROM up WHERE id = %(member)s::uuid)"""


async def lock_reporting_line(session: Session) -> None:
    """Takes the one lock under which the reporting line changes, until the transaction ends."""
    await session.execute(LINE_LOCK)


async def is_member(session: Session, id: UUID) -> bool:
    """Whether there is such a member, who is then not deleted before the transaction ends."""
    row = await one(session, "SELECT " + MANAGER_HELD, {"manager_id": id})
    return bool(row and row[0])


async def is_above(session: Session, member: UUID, start: UUID) -> bool:
    """Whether `member` is `start` or anyone above `start` in the reporting line."""
    row = await one(session, _ABOVE, {"member": member, "start": start})
    return bool(row and row[0])
