"""Every SELECT of deals."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql

from services.kit.access import below
from services.kit.aggregates import Aggregate
from services.kit.asking import Asked
from services.kit.calls import Call
from services.kit.db import Session, literal, one
from services.kit.filters import (
    BOOLEAN,
    DAY,
    IDENTIFIER,
    INSTANT,
    INTEGER,
    TEXT,
    Filter,
    code,
    day,
    greatest_first,
    number,
    plain,
)
from services.kit.grammar import Listing, Pair
from services.kit.listing import matching
from services.kit.past import Past
from services.kit.problems import NotFound
from services.kit.rows import STAMPS
from services.opportunities.pipeline.domain import (
    AwardStatus,
    BudgetStatus,
    BuyClass,
    EntryStrategy,
    GoDecision,
    LostReason,
    ProcurementMode,
    Tactic,
)
from services.opportunities.pipeline.tables import Opportunity
from services.opportunities.policy import Stage, Status
from services.opportunities.sight import ACCOUNT_SIGHT, CONTACT_SIGHT, DEAL_SIGHT, NAMES

OPPORTUNITY = Aggregate(
    "opportunity",
    "opportunities",
    Opportunity,
    (
        "id", "name", "account_id", "owner_id", "product_id", "stage", "status", "amount", "currency",
        "expected_close_on", "procurement_mode", "buy_class", "need_summary", "budget_status", "funding_source",
        "entry_strategy", "sponsor_contact_id", "tactic", "probability_override", "go_decision", "go_by",
        "shortlisted_at", "shortlist_evidence", "tender_issued_at", "bid_deadline_at", "bid_submitted_at",
        "award_status", "contract_signed_at", "contract_amount", "credit_days", "credit_limit", "no_known_competitor",
        "lost_reason", "lost_to", "stage_entered_at", "stage_entered_on", "closed_at", "closed_on", "external_ids",
        "version", *STAMPS,
    ),
    kept=("moves",),
)  # fmt: skip
PAST = Past(OPPORTUNITY, DEAL_SIGHT.visible, names=NAMES)

OPPORTUNITIES = Listing(
    aggregate=OPPORTUNITY,
    relation="opportunity",
    sight=DEAL_SIGHT,
    filters={
        "name": Filter("r.name", TEXT),
        "account_id": Filter("r.account_id", IDENTIFIER, selective=True),
        "owner_id": Filter("r.owner_id", IDENTIFIER, selective=True),
        "product_id": Filter("r.product_id", IDENTIFIER),
        "stage": Filter("r.stage", code(Stage)),
        "status": Filter("r.status", code(Status)),
        "amount": Filter("r.amount", INTEGER),
        "currency": Filter("r.currency", TEXT),
        "expected_close_on": Filter("r.expected_close_on", DAY),
        "closed_on": Filter("r.closed_on", DAY),
        "stage_entered_on": Filter("r.stage_entered_on", DAY),
        "procurement_mode": Filter("r.procurement_mode", code(ProcurementMode)),
        "buy_class": Filter("r.buy_class", code(BuyClass)),
        "budget_status": Filter("r.budget_status", code(BudgetStatus)),
        "entry_strategy": Filter("r.entry_strategy", code(EntryStrategy)),
        "tactic": Filter("r.tactic", code(Tactic)),
        "go_decision": Filter("r.go_decision", code(GoDecision)),
        "award_status": Filter("r.award_status", code(AwardStatus)),
        "lost_reason": Filter("r.lost_reason", code(LostReason)),
        "no_known_competitor": Filter("r.no_known_competitor", BOOLEAN),
        "created_at": Filter("r.created_at", INSTANT),
    },
    sorts={
        "created_at": plain("r.created_at", "timestamptz"),
        "name": plain("r.name", "text"),
        "amount": number("r.amount"),
        "expected_close_on": day("r.expected_close_on"),
        "closed_on": day("r.closed_on"),
    },
    together={
        "-amount,name": (greatest_first("r.amount"), plain("r.name", "text").up),
        "expected_close_on,-amount": (day("r.expected_close_on").up, greatest_first("r.amount")),
    },
    default_sort="-created_at",
    search="r.name",
    pairs={
        "account_id": Pair(),
        "owner_id": Pair(("created_at", "-created_at", "expected_close_on", "-amount")),
        "status": Pair(("created_at", "-created_at", "expected_close_on", "-amount")),
        "stage": Pair(("created_at", "-created_at")),
        "product_id": Pair(("created_at", "-created_at")),
        "lost_reason": Pair(("created_at", "-created_at"), sparse=True),
    },
)

# What files call the products that a deal refers to: (external id, id) of those that are known under `source`.
PRODUCTS_BY_EXTERNAL_ID: LiteralString = """
SELECT x.external_id, x.row_id FROM external_id x JOIN product p ON p.id = x.row_id AND p.deleted_at IS NULL
WHERE x.noun = 'product' AND x.source = %(source)s::text AND x.external_id = ANY (%(keys)s::text[])"""

_MEMBER: LiteralString = (
    "EXISTS (SELECT FROM member m WHERE m.id = %({field})s::uuid AND m.active AND m.deleted_at IS NULL)"
)
_ACCOUNT: LiteralString = """EXISTS (
    SELECT FROM account r WHERE r.id = %(account_id)s::uuid AND r.deleted_at IS NULL
      AND (r.id = ANY (%(told)s::uuid[]) OR {sight}))"""
_CONTACT: LiteralString = """EXISTS (
    SELECT FROM contact r WHERE r.id = %(sponsor_contact_id)s::uuid AND r.deleted_at IS NULL
      AND (r.id = ANY (%(told)s::uuid[]) OR {sight}))"""
_PRODUCT: LiteralString = (
    "EXISTS (SELECT FROM product p WHERE p.id = %(product_id)s::uuid AND p.deleted_at IS NULL)"
)


def references(call: Call, values: Mapping[str, Any]) -> dict[str, LiteralString]:
    """For each reference in the values, SQL that says whether it is known and may be named by the caller.

    It wants the values and `told`: the ids that their owner has just shown the caller.
    """
    known: dict[str, LiteralString] = {
        "owner_id": _MEMBER.replace("{field}", "owner_id"),
        "go_by": _MEMBER.replace("{field}", "go_by"),
        "account_id": _ACCOUNT.replace("{sight}", ACCOUNT_SIGHT.visible(call.viewer)),
        "sponsor_contact_id": _CONTACT.replace("{sight}", CONTACT_SIGHT.visible(call.viewer)),
        "product_id": _PRODUCT,
    }
    return {name: test for name, test in known.items() if values.get(name) is not None}


def owner_is_below(call: Call, owner: UUID) -> LiteralString:
    """SQL that says whether the caller may open deals for that owner."""
    if call.viewer.acts_for_anybody or owner == call.member_id:
        return "true"
    return below("%(owner_id)s::uuid")


async def unresolved(
    session: Session, tests: Mapping[str, LiteralString], given: Mapping[str, Any]
) -> list[str]:
    """The names of those tests that fail. One statement."""
    if not tests:
        return []
    row = await one(session, "SELECT " + ", ".join(tests.values()), given)
    assert row is not None
    return [name for name, holds in zip(tests, row, strict=True) if not holds]


async def moves(session: Session, call: Call, id: UUID) -> str:
    """The deal's moves, oldest first, as JSON text. Raises NotFound."""
    statement: LiteralString = _MOVES + DEAL_SIGHT.visible(call.viewer)
    row = await one(session, statement, {"id": id, "viewer": call.member_id})
    if row is None:
        raise NotFound("opportunity")
    return f'{{"items":{row[0]}}}'


_MOVES: LiteralString = (
    "SELECT r.moves::text FROM opportunity r WHERE r.id = %(id)s::uuid AND r.deleted_at IS NULL AND "
)


async def summary(session: Session, call: Call, asked: Asked, by: Sequence[str]) -> str:
    """Count and amount of the deals that match, by those of the columns in GROUPS, as JSON text. One statement."""
    statement = _summary(matching(OPPORTUNITIES, asked, call.viewer), tuple(by))
    row = await one(session, statement, {**asked.values, "viewer": call.member_id})
    assert row is not None
    return f'{{"items":{row[0]}}}'


GROUPS = ("stage", "status", "owner_id", "currency")
_SUMMARY = sql.SQL("""
SELECT coalesce(json_agg(row_to_json(s)), '[]')::text FROM (
  SELECT {columns}, count(*) AS count, sum(r.amount) AS amount
  FROM opportunity r WHERE {where} GROUP BY {columns} ORDER BY {columns}
) s""")


@lru_cache(maxsize=256)
def _summary(where: LiteralString, by: tuple[str, ...]) -> LiteralString:
    columns = sql.SQL(", ").join(sql.SQL("r.{}").format(sql.Identifier(name)) for name in by)
    return literal(_SUMMARY.format(columns=columns, where=sql.SQL(where)))


PAGED = frozenset({"limit", "cursor", "count", "sort", "fields"})
SUMMARY_PARAMETERS = [
    *(each for each in OPPORTUNITIES.parameters() if each["name"] not in PAGED),
    {
        "name": "by",
        "in": "query",
        "required": False,
        "style": "form",
        "explode": False,
        "schema": {
            "type": "array",
            "items": {"type": "string", "enum": list(GROUPS)},
            "minItems": 1,
            "uniqueItems": True,
            "default": list(GROUPS),
        },
        "description": "What to sum by, separated by commas; always by currency.",
    },
]
