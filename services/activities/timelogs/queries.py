"""Every SELECT of time logs."""

from dataclasses import asdict, dataclass
from typing import LiteralString, NamedTuple
from uuid import UUID

from services.activities.copies import NAMES, account_seen, member_active
from services.activities.engagements.queries import SIGHT as ACTIVITY_SIGHT
from services.activities.timelogs.domain import Robber, TimeCategory
from services.activities.timelogs.tables import TimeLog
from services.kit.access import Sight, below
from services.kit.aggregates import Aggregate
from services.kit.calls import Call
from services.kit.db import Session, one
from services.kit.filters import DAY, IDENTIFIER, Filter, code, plain
from services.kit.grammar import Listing, Pair
from services.kit.identity import Viewer
from services.kit.past import Past
from services.kit.rows import STAMPS

TIME_LOG = Aggregate(
    "time_log",
    "time-logs",
    TimeLog,
    (
        "id", "member_id", "spent_on", "category", "minutes", "activity_id", "account_id", "robber", "note",
        "version", *STAMPS,
    ),
)  # fmt: skip

# Whoever sees all accounts does not see whose minutes went where.
SIGHT = Sight(owner="r.member_id", private=True)
PAST = Past(TIME_LOG, SIGHT.visible, names=NAMES)

TIME_LOGS = Listing(
    aggregate=TIME_LOG,
    relation="time_log",
    sight=SIGHT,
    filters={
        "member_id": Filter("r.member_id", IDENTIFIER, selective=True),
        "spent_on": Filter("r.spent_on", DAY),
        "category": Filter("r.category", code(TimeCategory)),
        "activity_id": Filter("r.activity_id", IDENTIFIER, selective=True),
        "account_id": Filter("r.account_id", IDENTIFIER, selective=True),
        "robber": Filter("r.robber", code(Robber)),
    },
    sorts={"spent_on": plain("r.spent_on", "date")},
    default_sort="-spent_on",
    pairs={
        "member_id": Pair(("spent_on", "-spent_on")),
        "category": Pair(("spent_on", "-spent_on")),
        "activity_id": Pair(("spent_on", "-spent_on"), sparse=True),
        "account_id": Pair(("spent_on", "-spent_on"), sparse=True),
        "robber": Pair(("spent_on", "-spent_on"), sparse=True),
    },
)

_OF_ACTIVITY: LiteralString = (
    "(SELECT a.account_id FROM activity a WHERE a.id = %(activity_id)s::uuid AND a.deleted_at IS NULL)"
)
ACCOUNT_OF: LiteralString = f"coalesce({_OF_ACTIVITY}, %(account_id)s::uuid)"
_AGREES: LiteralString = f"coalesce({_OF_ACTIVITY} = %(account_id)s::uuid, true)"


@dataclass(frozen=True)
class Named:
    """What a time log refers to; what is `vouched` for was shown to the caller by its owner, or stood here."""

    member_id: UUID | None
    activity_id: UUID | None
    account_id: UUID | None
    vouched: list[UUID]


class Standing(NamedTuple):
    """How references stand: the account that they come to, and what is well."""

    account_id: UUID | None
    mine: bool
    member: bool
    activity: bool
    account: bool
    agrees: bool


def _mine(viewer: Viewer) -> LiteralString:
    return "true" if viewer.acts_for_anybody else below("%(member_id)s::uuid")


def _activity(viewer: Viewer) -> LiteralString:
    return f"""(%(activity_id)s::uuid IS NULL OR EXISTS (
    SELECT FROM activity r WHERE r.id = %(activity_id)s::uuid AND r.deleted_at IS NULL
      AND ({ACTIVITY_SIGHT.visible(viewer)} OR r.id = ANY (%(vouched)s::uuid[]))))"""


def _account(viewer: Viewer) -> LiteralString:
    at_activity: LiteralString = f"coalesce({_OF_ACTIVITY} = %(account_id)s::uuid, false)"
    return f"({account_seen(viewer)} OR ({_activity(viewer)} AND {at_activity}))"


def well(viewer: Viewer) -> LiteralString:
    """Whether a new log's references are known here, seen by the viewer and agree with each other: SQL."""
    return " AND ".join(
        (_mine(viewer), member_active("member_id"), _activity(viewer), _account(viewer), _AGREES)
    )


async def standing(session: Session, call: Call, named: Named) -> Standing:
    """How the references stand for the caller, one by one."""
    viewer = call.viewer
    statement: LiteralString = f"""SELECT {ACCOUNT_OF}, {_mine(viewer)}, {member_active("member_id")},
  {_activity(viewer)}, {_account(viewer)}, {_AGREES}"""
    row = await one(session, statement, asdict(named) | {"viewer": call.member_id})
    assert row is not None
    return Standing(*row)
