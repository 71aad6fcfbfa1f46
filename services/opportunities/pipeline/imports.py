"""The profiles by which files of deals are read.

An import writes the moves that the file knows, marked as imported; the rules of steps and gates bind people alone. What
people have moved since stays in the row's history, and a file that has changed goes on from where the deal stands.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from services.kit.cells import code, money, past_day, words
from services.kit.db import Session
from services.kit.journal import Cause
from services.kit.profiles import (
    Column,
    Import,
    Profile,
    Reference,
    Telling,
    Together,
    Told,
    Walk,
    Written,
    of,
)
from services.kit.settings import Settings
from services.opportunities.copies import ACCOUNTS, MEMBERS
from services.opportunities.pipeline.domain import AwardStatus, BudgetStatus, GoDecision, LostReason, Position
from services.opportunities.pipeline.queries import (
    OPPORTUNITY,
    PRODUCTS_BY_EXTERNAL_ID,
)
from services.opportunities.policy import Stage, Status, policy_of
from services.opportunities.stakeholders import standing
from services.opportunities.stakeholders.standing import Newborn

DOLLAR = 100
"""In cents."""

POSITIONS = {
    "Prospecting": Position.TARGETING,
    "Engaging": Position.ENGAGEMENT,
    "Won": Position.WON,
    "Lost": Position.LOST,
}
_STAGES = frozenset(Stage)


def name_of(product: str, account: str | None) -> str:
    """What a deal of such a file is called."""
    return f"{product} - {account}" if account else product


def amount_of(position: Position, value: int | None) -> int | None:
    """What the deal comes to; the 0 of a lost one says that nobody knows."""
    return None if position == Position.LOST and value == 0 else value


def course(telling: Telling) -> Told:
    """Where a deal stands, since when, and its moves. Raises ValueError for a deal that ends before it was engaged."""
    if telling.present is None or telling.changed is None:
        return Told(_born(telling), "created")
    to, engaged, closed = _told(telling.values)
    if "deal_stage" not in telling.changed or to == _position(telling.present):
        return Told(_dated(telling.present, engaged, closed))
    return _moved_on(telling.present, to, engaged, closed, telling.actor)


def _told(values: Mapping[str, Any]) -> tuple[Position, date | None, date | None]:
    return values["deal_stage"], values["engage_date"], values["close_date"]


def _born(telling: Telling) -> Mapping[str, Any]:
    to, engaged, closed = _told(telling.values)
    if engaged and closed and closed < engaged:
        raise ValueError(f"ends on {closed}, before it was engaged on {engaged}")
    if to == Position.TARGETING:
        return _fields(Stage.TARGETING, Status.OPEN, [])
    moves = [_move(Stage.TARGETING, Position.ENGAGEMENT, Stage.ENGAGEMENT, engaged, None, telling.actor)]
    if to == Position.ENGAGEMENT:
        return _fields(Stage.ENGAGEMENT, Status.OPEN, moves, entered=engaged)
    moves.append(_move(Stage.ENGAGEMENT, to, Stage.ENGAGEMENT, closed, engaged, telling.actor))
    return _fields(Stage.ENGAGEMENT, Status(to), moves, entered=engaged, closed=closed)


def _moved_on(
    present: Mapping[str, Any], to: Position, engaged: date | None, closed: date | None, actor: str
) -> Told:
    """The deal at its new position, by moves from where it stands."""
    moves = list(present["moves"])
    origin, stage = _position(present), Stage(present["stage"])
    entered = {"at": present["stage_entered_at"], "on": present["stage_entered_on"]}
    if to not in _STAGES and origin == Position.TARGETING:
        moves.append(_move(origin, Position.ENGAGEMENT, Stage.ENGAGEMENT, engaged, None, actor))
        origin, stage, entered = Position.ENGAGEMENT, Stage.ENGAGEMENT, {"at": None, "on": engaged}
    if to in _STAGES:
        on = engaged if to == Position.ENGAGEMENT else None
        moves.append(_move(origin, to, Stage(to), on, None, actor))
        return Told(_fields(Stage(to), Status.OPEN, moves, entered=on), "stage_changed")
    moves.append(_move(origin, to, stage, closed, None, actor))
    fields = _fields(stage, Status(to), moves, closed=closed)
    kept = {"stage_entered_at": entered["at"], "stage_entered_on": entered["on"]}
    return Told({**fields, **kept}, "closed")


def _dated(present: Mapping[str, Any], engaged: date | None, closed: date | None) -> Mapping[str, Any]:
    """The deal where it stands, with the file's days on what the file has told; an hour that people gave stays."""
    days = {Position.ENGAGEMENT: engaged, Position.WON: closed, Position.LOST: closed}
    moves = [
        {**move, "moved_on": days[Position(move["to"])]} if move["imported"] and move["to"] in days else move
        for move in present["moves"]
    ]
    fields: dict[str, Any] = {"moves": moves}
    if present["stage"] == Stage.ENGAGEMENT and present["stage_entered_at"] is None:
        fields["stage_entered_on"] = engaged
    if present["status"] in days and present["closed_at"] is None:
        fields["closed_on"] = closed
    return fields


def _position(present: Mapping[str, Any]) -> Position:
    return Position(present["stage"] if present["status"] == Status.OPEN else present["status"])


@lru_cache(maxsize=4096)
def _move(
    origin: str, to: Position, stage: Stage, on: date | None, since: date | None, actor: str
) -> Mapping[str, Any]:
    """A move as it is kept; a day stands for its beginning where the hour is not known."""
    return {
        "origin": origin,
        "to": to,
        "stage": stage,
        "status": Status.OPEN if to in _STAGES else to,
        "reason_code": LostReason.UNKNOWN if to == Position.LOST else None,
        "note": None,
        "moved_at": None,
        "moved_on": on and on.isoformat(),
        "origin_minutes": (on - since).days * 24 * 60 if on and since else None,
        "moved_by": actor,
        "imported": True,
    }


def _fields(
    stage: Stage,
    status: Status,
    moves: Sequence[Mapping[str, Any]],
    *,
    entered: date | None = None,
    closed: date | None = None,
) -> Mapping[str, Any]:
    return {
        "stage": stage,
        "status": status,
        "moves": moves,
        "stage_entered_at": None,
        "stage_entered_on": entered,
        "closed_at": None,
        "closed_on": closed,
        "lost_reason": LostReason.UNKNOWN if status == Status.LOST else None,
    }


async def derive_standings(
    session: Session, written: Sequence[Written], cause: Cause, settings: Settings
) -> None:
    """Gives new deals their standing, and lets those of moved ones follow."""
    policy, timezone = policy_of(settings.policy_file), settings.timezone
    born = [
        Newborn(row.id, row.fields["account_id"] or row.id, row.fields["stage"], row.fields["status"])
        for row in written
        if row.new
    ]
    await standing.bear(session, born, policy, timezone, cause)
    moved = [row.id for row in written if not row.new and "stage" in row.fields]
    if moved:
        await standing.follow(session, moved, policy, timezone, cause)


MAVEN_CRM = Profile(
    name="maven-crm",
    columns={
        "opportunity_id": Column(words(200), required=True),
        "sales_agent": Column(words(200), required=True),
        "product": Column(words(90), required=True, mends={"GTXPro": "GTX Pro"}),
        "account": Column(words(100)),
        "deal_stage": Column(code(POSITIONS), required=True),
        "engage_date": Column(past_day),
        "close_date": Column(past_day),
        "close_value": Column(money(DOLLAR)),
    },
    walks=(
        Walk(
            identity="opportunity_id",
            born={
                "currency": "USD",
                "budget_status": BudgetStatus.UNKNOWN,
                "go_decision": GoDecision.PENDING,
                "award_status": AwardStatus.NONE,
                "no_known_competitor": False,
            },
            fields={
                "name": of("product", "account", make=name_of),
                "amount": of("deal_stage", "close_value", make=amount_of),
            },
            together=Together(
                fields=tuple(_fields(Stage.TARGETING, Status.OPEN, [])),
                columns=("close_date", "engage_date", "deal_stage"),
                make=course,
            ),
            references={
                "owner_id": Reference("sales_agent", "member", MEMBERS.by_external_id),
                "account_id": Reference("account", "account", ACCOUNTS.by_external_id),
                "product_id": Reference("product", "product", PRODUCTS_BY_EXTERNAL_ID),
            },
            partition="account_id",
            beside=derive_standings,
        ),
    ),
)

IMPORT = Import("opportunities", OPPORTUNITY, (MAVEN_CRM,))
