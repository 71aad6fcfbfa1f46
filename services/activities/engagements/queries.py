"""Every SELECT of activities."""

from dataclasses import asdict, dataclass
from typing import LiteralString, NamedTuple
from uuid import UUID

from services.activities.copies import NAMES, account_seen, deal_seen, member_active
from services.activities.engagements.domain import ActivityStatus, ActivityType
from services.activities.engagements.tables import Activity
from services.kit.access import Sight, below
from services.kit.aggregates import Aggregate
from services.kit.calls import Call
from services.kit.db import Session, one
from services.kit.filters import BOOLEAN, IDENTIFIER, INSTANT, Filter, code, plain
from services.kit.grammar import Listing, Pair
from services.kit.identity import Viewer
from services.kit.past import Past
from services.kit.rows import STAMPS

ACTIVITY = Aggregate(
    "activity",
    "activities",
    Activity,
    (
        "id", "type", "status", "planned_start_at", "started_at", "starts_at", "minutes", "account_id",
        "opportunity_id", "owner_id", "our_attendees", "contact_ids", "two_way", "subject", "outcome", "next_step",
        "important", "urgent", "external_ids", "version", *STAMPS,
    ),
)  # fmt: skip

SIGHT = Sight(account="r.account_id", owner="r.owner_id", hanging=True)
PAST = Past(ACTIVITY, SIGHT.visible, names=NAMES, same={"our_attendees": "member_id"})

ACTIVITIES = Listing(
    aggregate=ACTIVITY,
    relation="activity",
    sight=SIGHT,
    filters={
        "type": Filter("r.type", code(ActivityType)),
        "status": Filter("r.status", code(ActivityStatus)),
        "account_id": Filter("r.account_id", IDENTIFIER, selective=True),
        "opportunity_id": Filter("r.opportunity_id", IDENTIFIER, selective=True),
        "owner_id": Filter("r.owner_id", IDENTIFIER, selective=True),
        "two_way": Filter("r.two_way", BOOLEAN),
        "starts_at": Filter("r.starts_at", INSTANT),
        "created_at": Filter("r.created_at", INSTANT),
    },
    sorts={
        "starts_at": plain("r.starts_at", "timestamptz"),
        "created_at": plain("r.created_at", "timestamptz"),
    },
    default_sort="-starts_at",
    pairs={
        "account_id": Pair(("starts_at", "-starts_at")),
        "opportunity_id": Pair(sparse=True),
        "owner_id": Pair(("starts_at", "-starts_at")),
        "type": Pair(("starts_at", "-starts_at")),
        "status": Pair(("starts_at", "-starts_at")),
    },
)

ACCOUNT_OF: LiteralString = (
    "coalesce(%(account_id)s::uuid,"
    " (SELECT o.account_id FROM opportunity o WHERE o.id = %(opportunity_id)s::uuid))"
)
_AGREES: LiteralString = """NOT EXISTS (
    SELECT FROM opportunity o WHERE o.id = %(opportunity_id)s::uuid AND o.account_id <> %(account_id)s::uuid)"""
_AT_DEAL: LiteralString = """EXISTS (
    SELECT FROM opportunity o WHERE o.id = %(opportunity_id)s::uuid AND o.account_id = %(account_id)s::uuid)"""
_UNKNOWN_MEMBERS: LiteralString = """SELECT t.id FROM unnest(%(attendees)s::uuid[]) t(id)
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.id = t.id AND m.deleted_at IS NULL)"""
_UNKNOWN_CONTACTS: LiteralString = f"""SELECT t.id FROM unnest(%(contact_ids)s::uuid[]) t(id)
    WHERE NOT EXISTS (SELECT FROM contact c
      WHERE c.id = t.id AND c.deleted_at IS NULL AND c.account_id = {ACCOUNT_OF})"""


@dataclass(frozen=True)
class Named:
    """What an activity refers to; what is `vouched` for was shown to the caller by its owner, or stood here."""

    owner_id: UUID | None
    attendees: list[UUID]
    account_id: UUID | None
    opportunity_id: UUID | None
    contact_ids: list[UUID]
    vouched: list[UUID]


class Standing(NamedTuple):
    """How references stand: the account that they come to, what is well, and the ids of what is not."""

    account_id: UUID | None
    mine: bool
    owner: bool
    account: bool
    opportunity: bool
    agrees: bool
    members: list[UUID]
    contacts: list[UUID]


def _mine(viewer: Viewer) -> LiteralString:
    return "true" if viewer.acts_for_anybody else below("%(owner_id)s::uuid")


def _account(viewer: Viewer) -> LiteralString:
    return f"({account_seen(viewer)} OR ({deal_seen(viewer)} AND {_AT_DEAL}))"


def well(viewer: Viewer) -> LiteralString:
    """Whether a new activity's references are known here, seen by the viewer and agree with each other: SQL."""
    return " AND ".join(
        (
            _mine(viewer),
            member_active("owner_id"),
            _account(viewer),
            deal_seen(viewer),
            _AGREES,
            f"NOT EXISTS ({_UNKNOWN_MEMBERS})",
            f"NOT EXISTS ({_UNKNOWN_CONTACTS})",
        )
    )


async def standing(session: Session, call: Call, named: Named) -> Standing:
    """How the references stand for the caller, one by one."""
    viewer = call.viewer
    statement: LiteralString = f"""SELECT {ACCOUNT_OF}, {_mine(viewer)}, {member_active("owner_id")},
  {_account(viewer)}, {deal_seen(viewer)}, {_AGREES}, ARRAY({_UNKNOWN_MEMBERS}), ARRAY({_UNKNOWN_CONTACTS})"""
    row = await one(session, statement, asdict(named) | {"viewer": call.member_id})
    assert row is not None
    return Standing(*row)
