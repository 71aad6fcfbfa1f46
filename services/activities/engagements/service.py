"""What can be done with activities."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, LiteralString, TypedDict
from uuid import UUID

from services.activities.copies import require_vouched
from services.activities.engagements import queries
from services.activities.engagements.domain import (
    ActivityStatus,
    Timing,
    check_change,
    check_named_once,
    check_timing,
)
from services.activities.engagements.queries import ACTIVITY, PAST, SIGHT, Named, Standing
from services.activities.engagements.schemas import ActivityCreate, ActivityRead, ActivityUpdate
from services.kit import current, journal, past, upserts
from services.kit.access import may_edit, may_hand_over, require_writer
from services.kit.calls import Call
from services.kit.clock import now
from services.kit.conditional import Expected, settled
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.identity import Viewer
from services.kit.problems import FieldError, Forbidden, Invalid, invalid
from services.kit.upserts import Slot, without_nobody

FACTS: Mapping[ActivityStatus, str] = {
    ActivityStatus.PLANNED: "planned",
    ActivityStatus.DONE: "completed",
    ActivityStatus.MISSED: "missed",
    ActivityStatus.CANCELLED: "cancelled",
}
TIMED = frozenset({"status", "planned_start_at", "started_at", "minutes"})
NAMING = frozenset({"owner_id", "our_attendees", "account_id", "opportunity_id", "contact_ids"})


async def record_activity(tx: Session, call: Call, body: ActivityCreate) -> Shown:
    """A new activity, the caller's own unless the body names an owner below the caller.

    One statement where all that it names is known here. Raises Forbidden (read-only role, an owner who is not below the
    caller), Invalid (times that cannot be, unknown references), Unavailable (an owner of references does not answer).
    """
    require_writer(call.viewer)
    values = _values(body, body.model_dump())
    values["owner_id"] = body.owner_id or call.member_id
    if values["owner_id"] is None:
        raise invalid("owner_id", "required", "is required, as you are no member yourself")
    _check_timing(values)
    named = _named(call, values)
    row = await _born(tx, call, values, named)
    if row is None:
        found = await queries.standing(tx, call, named)
        if not found.mine:
            raise Forbidden(
                "owner_not_yours", "Record activities of your own, or of people who report to you."
            )
        _require_vouched(call, named, found)
        row = await _born(tx, call, values, named)
        if row is None:
            raise _refusal(named, found)
    return row


async def show_activity(tx: Session, call: Call, id: UUID, as_of: datetime | None = None) -> Shown:
    """The activity, now or as of an instant. Raises NotFound, and what `past.at` does."""
    return await past.show(tx, PAST, id, as_of, call.viewer)


async def change_activity(
    tx: Session, call: Call, id: UUID, body: ActivityUpdate, expected: Expected
) -> Shown:
    """Changes the fields that the patch names; the owner only for the owner, the managers above, and admin.

    Raises NotFound, Forbidden, PreconditionFailed, Conflict (it is over), Invalid (times that cannot be, unknown
    references), Unavailable (an owner of references does not answer).
    """
    values = _values(body, body.model_dump(exclude_unset=True))
    if not values.keys() & (TIMED | NAMING):
        return await _write(tx, call, id, values, expected)
    return await settled(tx, id, expected, lambda: _change_as_it_stands(tx, call, id, values, expected))


async def put_activity(tx: Session, call: Call, slot: Slot, body: ActivityCreate) -> tuple[Shown, bool]:
    """Records the activity, or changes the fields that the body names; tells whether the activity is new.

    Raises what `upserts.put`, `record_activity` and `change_activity` raise.
    """
    named = slot.named(body)
    patch = ActivityUpdate.model_validate(without_nobody(named.model_dump(exclude_unset=True)))
    return await upserts.put(
        tx, ACTIVITY, slot, viewer=call.member_id, sight=SIGHT.visible(call.viewer),
        create=lambda: record_activity(tx, call, named),
        change=lambda id, expected: change_activity(tx, call, id, patch, expected),
    )  # fmt: skip


async def _change_as_it_stands(
    tx: Session, call: Call, id: UUID, values: Mapping[str, Any], expected: Expected
) -> Shown:
    """A change that rests on what the row says besides: read first, then written at the version that was read."""
    row = await current.miss(
        tx, ACTIVITY, id, viewer=call.member_id, expected=expected, **_rights(call.viewer, values)
    )
    present = ActivityRead.model_validate_json(row.json)
    merged = {**present.model_dump(), **values}
    fact = "updated"
    if values.keys() & TIMED:
        check_change(present.status, merged["status"])
        _check_timing(merged)
        fact = fact if merged["status"] == present.status else FACTS[merged["status"]]
    if values.keys() & NAMING:
        account = await _account(tx, call, present, values, merged)
        values = values if account == present.account_id else {**values, "account_id": account}
    return await _write(tx, call, id, values, row.version, fact=fact)


async def _write(
    tx: Session,
    call: Call,
    id: UUID,
    values: Mapping[str, Any],
    expected: Expected,
    *,
    fact: str = "updated",
) -> Shown:
    rights = _rights(call.viewer, values)
    return await journal.change(tx, ACTIVITY, id, values, call.cause, expected=expected, fact=fact, **rights)


class Rights(TypedDict):
    """Whether a viewer sees a row and may change it so: SQL over the row and `given`."""

    sight: LiteralString
    may: LiteralString
    given: Mapping[str, Any]


def _rights(viewer: Viewer, values: Mapping[str, Any]) -> Rights:
    """Who sends the owner as it stands hands nothing over."""
    handed = {name: value for name, value in values.items() if name == "owner_id"}
    may: list[LiteralString] = []
    if values.keys() != handed.keys():
        may.append(may_edit(viewer, "r.owner_id", SIGHT))
    if handed:
        may.append("(" + may_hand_over(viewer, "r.owner_id") + " OR r.owner_id = %(owner_id)s::uuid)")
    return Rights(sight=SIGHT.visible(viewer), may=" AND ".join(may) or "true", given=handed)


async def _born(tx: Session, call: Call, values: Mapping[str, Any], named: Named) -> Shown | None:
    return await journal.create(
        tx,
        ACTIVITY,
        values,
        call.cause,
        fact=FACTS[values["status"]],
        filled={"account_id": queries.ACCOUNT_OF, "partition_key": queries.ACCOUNT_OF},
        guard=queries.well(call.viewer),
        given={"attendees": named.attendees, "vouched": named.vouched},
    )


def _values(body: ActivityCreate | ActivityUpdate, values: dict[str, Any]) -> dict[str, Any]:
    if "our_attendees" in values:
        values["our_attendees"] = [one.model_dump(mode="json") for one in body.our_attendees]
    check_named_once([one.member_id for one in body.our_attendees], body.contact_ids)
    return values


def _check_timing(values: Mapping[str, Any]) -> None:
    timing = Timing(values["status"], values["planned_start_at"], values["started_at"], values["minutes"])
    check_timing(timing, now=now())


def _named(call: Call, values: Mapping[str, Any]) -> Named:
    return Named(
        owner_id=values["owner_id"],
        attendees=_attendees(values),
        account_id=values["account_id"],
        opportunity_id=values["opportunity_id"],
        contact_ids=values["contact_ids"],
        vouched=[*(call.vouched or ())],
    )


def _attendees(values: Mapping[str, Any]) -> list[UUID]:
    return [UUID(one["member_id"]) for one in values.get("our_attendees", [])]


async def _account(
    tx: Session, call: Call, present: ActivityRead, values: Mapping[str, Any], merged: Mapping[str, Any]
) -> UUID | None:
    """The account that the patched references come to. What the patch does not name is not doubted."""
    named = Named(
        owner_id=values.get("owner_id"),
        attendees=_attendees(values),
        account_id=merged["account_id"],
        opportunity_id=merged["opportunity_id"],
        contact_ids=merged["contact_ids"] if values.keys() & {"account_id", "contact_ids"} else [],
        vouched=[*(call.vouched or ()), *(id for id in (present.account_id, present.opportunity_id) if id)],
    )
    found = await queries.standing(tx, call, named)
    if _errors(named, found):
        _require_vouched(call, named, found)
        raise _refusal(named, found)
    return found.account_id


def _require_vouched(call: Call, named: Named, found: Standing) -> None:
    """Has the owners asked about what is not well here."""
    doubted = not (found.account and found.opportunity and found.agrees)
    require_vouched(
        call,
        members=(*found.members, *([named.owner_id] if named.owner_id and not found.owner else [])),
        accounts=(named.account_id,) if named.account_id and doubted else (),
        contacts=found.contacts,
        opportunities=(named.opportunity_id,) if named.opportunity_id and doubted else (),
    )


def _refusal(named: Named, found: Standing) -> Invalid:
    meanwhile = FieldError("body", "changed", "names something that has just changed; send it again")
    return Invalid(_errors(named, found) or [meanwhile])


def _errors(named: Named, found: Standing) -> list[FieldError]:
    said = [
        ("owner_id", found.owner, "names no active member"),
        ("account_id", found.account, "names no account that you may see"),
        ("opportunity_id", found.opportunity, "names no opportunity that you may see"),
    ]
    errors = [FieldError(field, "unknown", message) for field, holds, message in said if not holds]
    errors += [
        FieldError(f"our_attendees.{n}.member_id", "unknown", "names no member")
        for n, id in enumerate(named.attendees)
        if id in found.members
    ]
    # Nothing is said about what the caller does not see, not even what disagrees with it.
    seen = found.account and found.opportunity
    return errors + _disagreements(named, found) if seen else errors


def _disagreements(named: Named, found: Standing) -> list[FieldError]:
    if not found.agrees:
        message = "is not the account of this opportunity; leave it out"
        return [FieldError("account_id", "disagrees", message)]
    if found.contacts and found.account_id is None:
        message = "are people at an account; name it in account_id"
        return [FieldError("contact_ids", "account_required", message)]
    return [
        FieldError(f"contact_ids.{n}", "unknown", "names no person at this account that you may see")
        for n, id in enumerate(named.contact_ids)
        if id in found.contacts
    ]
