"""Every SELECT of accounts."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from services.contacts.accounts.domain import AccountKind, TargetType
from services.contacts.accounts.tables import Account
from services.contacts.members.queries import NAMES as MEMBERS
from services.kit.access import Sight
from services.kit.aggregates import Aggregate
from services.kit.calls import Call
from services.kit.db import Session, one
from services.kit.filters import (
    IDENTIFIER,
    INSTANT,
    INTEGER,
    TEXT,
    Filter,
    code,
    greatest_first,
    number,
    plain,
)
from services.kit.grammar import Listing, Pair
from services.kit.identity import Viewer
from services.kit.past import Names, Past
from services.kit.rows import STAMPS

ACCOUNT = Aggregate(
    "account",
    "accounts",
    Account,
    (
        "id", "name", "account_kind", "industry", "region", "website", "employees", "annual_revenue", "currency",
        "founded_year", "office_location", "parent_account_id", "owner_id", "team", "target_type", "external_ids",
        "version", *STAMPS,
    ),
)  # fmt: skip

SIGHT = Sight(account="r.id")
NAMES = Names("account", SIGHT)
PAST = Past(ACCOUNT, SIGHT.visible, names=(MEMBERS, NAMES), same={"team": "member_id"})

ACCOUNTS = Listing(
    aggregate=ACCOUNT,
    relation="account",
    sight=SIGHT,
    filters={
        "name": Filter("r.name", TEXT),
        "account_kind": Filter("r.account_kind", code(AccountKind)),
        "industry": Filter("r.industry", TEXT),
        "region": Filter("r.region", TEXT),
        "employees": Filter("r.employees", INTEGER),
        "owner_id": Filter("r.owner_id", IDENTIFIER, selective=True),
        "parent_account_id": Filter("r.parent_account_id", IDENTIFIER, selective=True),
        "target_type": Filter("r.target_type", code(TargetType)),
        "created_at": Filter("r.created_at", INSTANT),
    },
    sorts={
        "name": plain("r.name", "text"),
        "created_at": plain("r.created_at", "timestamptz"),
        "employees": number("r.employees"),
    },
    together={"-employees,name": (greatest_first("r.employees"), plain("r.name", "text").up)},
    default_sort="name",
    search="r.name",
    pairs={
        "owner_id": Pair(("name", "-name")),
        "parent_account_id": Pair(),
        "account_kind": Pair(("name", "-name")),
        "industry": Pair(("name", "-name")),
        "region": Pair(("name", "-name")),
        "target_type": Pair(("name", "-name"), sparse=True),
    },
)

HIERARCHY_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(7103, 0)"
_ABOVE: LiteralString = """
WITH RECURSIVE up(id) AS (
  SELECT %(start)s::uuid
  UNION SELECT r.parent_account_id FROM account r JOIN up ON up.id = r.id WHERE r.parent_account_id IS NOT NULL
) SELECT EXISTS (SELECT FROM up WHERE id = %(account)s::uuid) /* sight */"""
_UNKNOWN_MEMBERS: LiteralString = """
SELECT asked.id FROM unnest(%(ids)s::uuid[]) AS asked(id)
WHERE NOT EXISTS (
  SELECT FROM member m WHERE m.id = asked.id AND m.active AND m.deleted_at IS NULL FOR KEY SHARE)"""
OWNER_HELD: LiteralString = """(%(owner_id)s::uuid IS NULL OR EXISTS (
    SELECT FROM member m WHERE m.id = %(owner_id)s::uuid AND m.active AND m.deleted_at IS NULL FOR KEY SHARE))"""


async def lock_hierarchy(session: Session) -> None:
    """Takes the one lock under which parents of accounts change, until the transaction ends."""
    await session.execute(HIERARCHY_LOCK)


async def is_above(session: Session, account: UUID, start: UUID) -> bool:
    """Whether `account` is `start` or anything above `start` in the hierarchy."""
    row = await one(session, _ABOVE, {"account": account, "start": start})
    return bool(row and row[0])


async def sees_account(session: Session, call: Call, account: UUID) -> bool:
    """Whether there is such an account and the caller sees it; it is not deleted before the transaction ends."""
    row = await one(
        session,
        "SELECT true FROM account r WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND "
        + SIGHT.visible(call.viewer)
        + " FOR KEY SHARE OF r",
        {"id": account, "viewer": call.member_id},
    )
    return row is not None


def account_held(viewer: Viewer) -> LiteralString:
    """Whether `account_id` names an account that the viewer sees, kept from being deleted meanwhile: SQL."""
    return (
        "EXISTS (SELECT FROM account r WHERE r.id = %(account_id)s::uuid AND r.deleted_at IS NULL AND "
        + SIGHT.visible(viewer)
        + " FOR KEY SHARE OF r)"
    )


async def unknown_members(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the ids that are no active member; the others are not deleted before the transaction ends."""
    cursor = await session.execute(_UNKNOWN_MEMBERS, {"ids": sorted(ids)})
    return {row[0] for row in await cursor.fetchall()}


async def is_below(session: Session, call: Call, member: UUID) -> bool:
    """Whether the member is the caller or reports to the caller."""
    row = await one(
        session,
        "SELECT true FROM person_up WHERE viewer_id = %(viewer)s::uuid AND member_id = %(member)s::uuid",
        {"viewer": call.member_id, "member": member},
    )
    return row is not None
