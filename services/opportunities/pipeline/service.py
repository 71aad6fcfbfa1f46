"""What can be done with deals."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any, LiteralString
from uuid import UUID

import orjson

from services.kit import asking, current, journal, past, upserts
from services.kit.access import SHOWN, may_edit, may_hand_over, require_writer
from services.kit.calls import Call
from services.kit.clock import instant, now
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.idempotency import keep
from services.kit.ids import new_id
from services.kit.problems import FieldError, Forbidden, Invalid, invalid
from services.kit.upserts import Slot, without_nobody
from services.opportunities.copies import require_vouched
from services.opportunities.pipeline import queries
from services.opportunities.pipeline.domain import Deal, Move, advance, needs_account
from services.opportunities.pipeline.queries import GROUPS, OPPORTUNITIES, OPPORTUNITY, PAST
from services.opportunities.pipeline.schemas import OpportunityCreate, OpportunityUpdate, StageMove
from services.opportunities.policy import Stage, Status, policy_of
from services.opportunities.sight import DEAL_SIGHT
from services.opportunities.stakeholders import standing
from services.opportunities.stakeholders.queries import Mapped, lock_deal

# By whom a reference is answered for that is not known here.
_ASKED = {
    "owner_id": "members",
    "go_by": "members",
    "account_id": "accounts",
    "sponsor_contact_id": "contacts",
}
_NOUNS = ("members", "accounts", "contacts")
_SAID = {
    "owner_id": "names no active member",
    "go_by": "names no active member",
    "account_id": "names no account that you may see",
    "sponsor_contact_id": "names no contact that you may see",
    "product_id": "names no product",
}


async def open_deal(tx: Session, call: Call, body: OpportunityCreate) -> Shown:
    """A new deal in TARGETING, the creator's own unless the body names an owner below the creator.

    Raises Forbidden (read-only role, an owner who is not below), Invalid (unknown references), Unavailable.
    """
    require_writer(call.viewer)
    values = _newborn(call, body)
    row = await _open(tx, call, values)
    if row is None:
        await _require_known(tx, call, values)
        row = await _open(tx, call, values)
    if row is None:
        raise Forbidden("owner_not_yours", "Open deals for yourself or for people who report to you.")
    return row


async def show_deal(tx: Session, call: Call, id: UUID, as_of: datetime | None = None) -> Shown:
    """The deal, now or as of an instant. Raises NotFound, and what `past.at` does."""
    return await past.show(tx, PAST, id, as_of, call.viewer)


async def change_deal(
    tx: Session, call: Call, id: UUID, body: OpportunityUpdate, expected: Expected
) -> Shown:
    """Changes the fields that the patch names; the owner only for the owner, the managers above, and admin.

    Raises NotFound, Forbidden, PreconditionFailed, Invalid (unknown references, an account that is needed).
    """
    values = body.model_dump(exclude_unset=True)
    row = await _change(tx, call, id, values, expected)
    if row is not None:
        return row
    row = await _unchanged(tx, call, id, values, expected)
    if queries.references(call, values):
        # What was not known at first may be known by now, and the deal another than it was.
        changed = await _change(tx, call, id, values, expected)
        if changed is not None:
            return changed
        row = await _unchanged(tx, call, id, values, expected)
    await keep(tx, call.cause.key, status=200, answer=row.json, version=row.version)
    return row


async def put_deal(tx: Session, call: Call, slot: Slot, body: OpportunityCreate) -> tuple[Shown, bool]:
    """Opens the deal, or changes the fields that the body names; tells whether the deal is new.

    When it began counts for a new one alone. Raises what `upserts.put`, `open_deal` and `change_deal` raise.
    """
    named = slot.named(body)
    told = named.model_dump(exclude_unset=True, exclude={"stage_entered_at"})
    patch = OpportunityUpdate.model_validate(without_nobody(told))
    return await upserts.put(
        tx, OPPORTUNITY, slot, viewer=call.member_id, sight=DEAL_SIGHT.visible(call.viewer),
        create=lambda: open_deal(tx, call, named),
        change=lambda id, expected: change_deal(tx, call, id, patch, expected),
    )  # fmt: skip


async def move_deal(tx: Session, call: Call, id: UUID, body: StageMove) -> Shown:
    """Moves the deal to another stage, to its closing, or back from it; the standing goes with it.

    Raises NotFound, Forbidden, Conflict (it stands there), Invalid (not from here; a reason, a note or an account is
    wanted; the time is not possible).
    """
    policy, timezone = policy_of(call.settings.policy_file), call.settings.timezone
    mapped = await lock_deal(tx, call, id, policy)
    if not mapped.may:
        raise Forbidden("not_yours_to_edit", "You may see this, but only its owner may change it.")
    deal = _deal(call, mapped)
    move = advance(
        deal,
        body.to,
        reason_code=body.reason_code,
        note=body.note,
        at=body.moved_at,
        now=now(),
        policy=policy,
    )
    along = standing.along(mapped, policy, timezone, stage=move.stage, status=move.status)
    fact = "stage_changed" if move.status == Status.OPEN else "closed"
    values = _moved(call, mapped, move)
    row = await journal.update(tx, OPPORTUNITY, id, values, call.cause, fact=fact, allowed=SHOWN, along=along)
    assert row is not None
    return row


async def sum_up(tx: Session, call: Call, query: Iterable[tuple[str, str]]) -> str:
    """Count and amounts of the deals that the filters leave, as JSON text. Raises Invalid."""
    pairs = list(query)
    by = [text for name, text in pairs if name == "by"]
    paging = [name for name, _ in pairs if name in queries.PAGED]
    errors = [
        FieldError(name, "unknown_parameter", "is not known here: sums have no pages") for name in paging
    ]
    columns = by[0].split(",") if by else list(GROUPS)
    if len(by) > 1 or len(set(columns)) != len(columns) or not set(columns) <= set(GROUPS):
        errors.append(FieldError("by", "value", "must be some of " + ", ".join(GROUPS) + ", each once"))
    if errors:
        raise Invalid(errors)
    asked = asking.parse(OPPORTUNITIES, [pair for pair in pairs if pair[0] != "by"], whole=True)
    # Amounts of different currencies do not add up.
    return await queries.summary(tx, call, asked, [name for name in GROUPS if name in {*columns, "currency"}])


def _newborn(call: Call, body: OpportunityCreate) -> dict[str, Any]:
    values = body.model_dump()
    if "currency" not in body.model_fields_set:
        values["currency"] = call.settings.organisation_currency
    owner = body.owner_id or call.member_id
    if owner is None:
        raise invalid("owner_id", "required", "is required: you are no member yourself")
    entered_at = body.stage_entered_at or now()
    return values | {
        "owner_id": owner,
        "stage": Stage.TARGETING,
        "status": Status.OPEN,
        "stage_entered_at": entered_at,
        "stage_entered_on": entered_at.astimezone(call.settings.timezone).date(),
    }


async def _open(tx: Session, call: Call, values: Mapping[str, Any]) -> Shown | None:
    policy, timezone = policy_of(call.settings.policy_file), call.settings.timezone
    id = new_id()
    partition_key = values["account_id"] or id
    tests = queries.references(call, values).values()
    owner = queries.owner_is_below(call, values["owner_id"])
    guard: LiteralString = " AND ".join((*tests, owner))
    return await journal.create(
        tx,
        OPPORTUNITY,
        values,
        call.cause,
        id=id,
        partition_key=partition_key,
        guard=guard,
        given={"told": [*(call.vouched or ())]},
        along=standing.newborn(id, partition_key, policy, timezone),
    )


async def _change(
    tx: Session, call: Call, id: UUID, values: Mapping[str, Any], expected: Expected
) -> Shown | None:
    given = {"told": [*(call.vouched or ())], "stages": _stages_without_account(call)}
    allowed: LiteralString = " AND ".join(
        (
            DEAL_SIGHT.visible(call.viewer),
            _may(call, values),
            _WITHOUT_ACCOUNT if _drops_account(values) else "true",
            *queries.references(call, values).values(),
        )
    )
    return await journal.update(
        tx, OPPORTUNITY, id, values, call.cause, expected=expected, allowed=allowed, given=given
    )


async def _unchanged(
    tx: Session, call: Call, id: UUID, values: Mapping[str, Any], expected: Expected
) -> Shown:
    """The deal as it stands, where a change wrote nothing for saying nothing new. Raises what `change_deal` does."""
    row = await _miss(tx, call, id, values, expected)
    _require_account(call, row, values)
    await _require_known(tx, call, values)
    return row


# A deal that has gone on without an account, as imports may, goes on.
_WITHOUT_ACCOUNT: LiteralString = (
    "(r.account_id IS NULL OR r.stage = ANY (%(stages)s::text[]) AND r.status <> 'WON')"
)


def _drops_account(values: Mapping[str, Any]) -> bool:
    return "account_id" in values and values["account_id"] is None


def _stages_without_account(call: Call) -> list[Stage]:
    policy = policy_of(call.settings.policy_file)
    return [stage for stage in Stage if not needs_account(stage, policy)]


def _require_account(call: Call, row: Shown, values: Mapping[str, Any]) -> None:
    present = orjson.loads(row.json)
    if not _drops_account(values) or present["account_id"] is None:
        return
    if present["stage"] not in _stages_without_account(call) or present["status"] == Status.WON:
        raise invalid("account_id", "required", f"is required of a deal in {present['stage']}")


async def _miss(tx: Session, call: Call, id: UUID, values: Mapping[str, Any], expected: Expected) -> Shown:
    return await current.miss(
        tx,
        OPPORTUNITY,
        id,
        viewer=call.member_id,
        sight=DEAL_SIGHT.visible(call.viewer),
        may=_may(call, values),
        expected=expected,
        given={"owner_id": values.get("owner_id")},
    )


def _may(call: Call, values: Mapping[str, Any]) -> LiteralString:
    """Whether the caller may make such a change. Who sends the owner as it stands hands nothing over."""
    may: list[LiteralString] = []
    if values.keys() - {"owner_id"}:
        may.append(may_edit(call.viewer, "r.owner_id", DEAL_SIGHT))
    if "owner_id" in values:
        handed = may_hand_over(call.viewer, "r.owner_id")
        may.append("(" + handed + " OR r.owner_id = %(owner_id)s::uuid)")
    return " AND ".join(may) or "true"


async def _require_known(tx: Session, call: Call, values: Mapping[str, Any]) -> None:
    """Has owners asked for the references that are not known here. Raises Invalid naming those that stay unknown."""
    given = {**values, "told": [*(call.vouched or ())], "viewer": call.member_id}
    unknown = await queries.unresolved(tx, queries.references(call, values), given)
    wanted = {noun: {values[name] for name in unknown if _ASKED.get(name) == noun} for noun in _NOUNS}
    require_vouched(call, **wanted)
    if unknown:
        raise Invalid([FieldError(name, "unknown", _SAID[name]) for name in unknown])


def _deal(call: Call, mapped: Mapped) -> Deal:
    """What the rules of moves look at; a day stands for its beginning where the hour is not known."""
    closed = mapped.status != Status.OPEN
    at, on = (
        (mapped.closed_at, mapped.closed_on) if closed else (mapped.stage_entered_at, mapped.stage_entered_on)
    )
    if at is None and on is not None:
        at = datetime.combine(on, time.min, call.settings.timezone)
    return Deal(mapped.stage, mapped.status, mapped.account_id, at)


def _moved(call: Call, mapped: Mapped, move: Move) -> dict[str, Any]:
    """The deal's fields after the move."""
    moved_on = move.moved_at.astimezone(call.settings.timezone).date()
    kept = {
        "origin": move.origin,
        "to": move.to,
        "stage": move.stage,
        "status": move.status,
        "reason_code": move.reason_code,
        "note": move.note,
        "moved_at": instant(move.moved_at),
        "moved_on": moved_on.isoformat(),
        "origin_minutes": move.origin_minutes,
        "moved_by": call.cause.actor,
        "imported": False,
    }
    values: dict[str, Any] = {"stage": move.stage, "status": move.status, "moves": [*mapped.moves, kept]}
    if move.status != Status.OPEN:
        return values | {"lost_reason": move.reason_code, "closed_at": move.moved_at, "closed_on": moved_on}
    entered = {"stage_entered_at": move.moved_at, "stage_entered_on": moved_on}
    return values | entered | {"lost_reason": None, "lost_to": None, "closed_at": None, "closed_on": None}
