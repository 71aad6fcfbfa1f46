"""What can be done with time logs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.activities.copies import require_vouched
from services.activities.timelogs import queries
from services.activities.timelogs.domain import Spent, check_spent
from services.activities.timelogs.queries import PAST, SIGHT, TIME_LOG, Named, Standing
from services.activities.timelogs.schemas import TimeLogCreate, TimeLogRead, TimeLogUpdate
from services.kit import current, journal, past
from services.kit.access import may_edit, require_writer
from services.kit.calls import Call
from services.kit.clock import today
from services.kit.conditional import Expected, settled
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.problems import FieldError, Forbidden, Invalid, invalid

NAMING = frozenset({"activity_id", "account_id"})


async def record_time(tx: Session, call: Call, body: TimeLogCreate) -> Shown:
    """Minutes of the caller, or of somebody below the caller. One statement where all that it names is known here.

    Raises Forbidden (read-only role, a member who is not below the caller), Invalid (a day to come, unknown
    references), Unavailable (the owner of references does not answer).
    """
    require_writer(call.viewer)
    _check_spent(call, body.model_dump())
    member = body.member_id or call.member_id
    if member is None:
        raise invalid("member_id", "required", "is required, as you are no member yourself")
    values = body.model_dump() | {"member_id": member}
    named = Named(member, body.activity_id, body.account_id, [*(call.vouched or ())])
    row = await _born(tx, call, values, named)
    if row is None:
        found = await queries.standing(tx, call, named)
        if not found.mine:
            raise Forbidden("member_not_yours", "Record your own time, or that of people who report to you.")
        _require_vouched(call, named, found)
        row = await _born(tx, call, values, named)
        if row is None:
            raise _refusal(found)
    return row


async def show_time(tx: Session, call: Call, id: UUID, as_of: datetime | None = None) -> Shown:
    """The time log, now or as of an instant. Raises NotFound, and what `past.at` does."""
    return await past.show(tx, PAST, id, as_of, call.viewer)


async def change_time(tx: Session, call: Call, id: UUID, body: TimeLogUpdate, expected: Expected) -> Shown:
    """Changes the fields that the patch names.

    Raises NotFound, Forbidden, PreconditionFailed, Invalid (a day to come, unknown references), Unavailable (the owner
    of references does not answer).
    """
    values = body.model_dump(exclude_unset=True)
    if "spent_on" in values:
        _check_spent(call, {"minutes": 1} | values)
    if not values.keys() & NAMING:
        return await _write(tx, call, id, values, expected)
    return await settled(tx, id, expected, lambda: _change_references(tx, call, id, values, expected))


async def _change_references(
    tx: Session, call: Call, id: UUID, values: Mapping[str, Any], expected: Expected
) -> Shown:
    row = await _as_it_stands(tx, call, id, expected)
    account = await _account(tx, call, TimeLogRead.model_validate_json(row.json), values)
    return await _write(tx, call, id, {**values, "account_id": account}, row.version)


async def _write(tx: Session, call: Call, id: UUID, values: Mapping[str, Any], expected: Expected) -> Shown:
    return await journal.change(
        tx,
        TIME_LOG,
        id,
        values,
        call.cause,
        expected=expected,
        sight=SIGHT.visible(call.viewer),
        may=may_edit(call.viewer, "r.member_id", SIGHT),
    )


async def _as_it_stands(tx: Session, call: Call, id: UUID, expected: Expected) -> Shown:
    sight = SIGHT.visible(call.viewer)
    may = may_edit(call.viewer, "r.member_id", SIGHT)
    return await current.miss(
        tx, TIME_LOG, id, viewer=call.member_id, sight=sight, may=may, expected=expected
    )


async def _born(tx: Session, call: Call, values: Mapping[str, Any], named: Named) -> Shown | None:
    return await journal.create(
        tx,
        TIME_LOG,
        values,
        call.cause,
        fact="recorded",
        filled={"account_id": queries.ACCOUNT_OF, "partition_key": queries.ACCOUNT_OF},
        guard=queries.well(call.viewer),
        given={"vouched": named.vouched},
    )


def _check_spent(call: Call, values: Mapping[str, Any]) -> None:
    check_spent(Spent(values["spent_on"], values["minutes"]), today=today(call.settings.timezone))


async def _account(tx: Session, call: Call, present: TimeLogRead, values: Mapping[str, Any]) -> UUID | None:
    """The account that the patched references come to; another activity brings its own."""
    kept = present.account_id if "activity_id" not in values or values["activity_id"] is None else None
    named = Named(
        member_id=None,
        activity_id=values.get("activity_id", present.activity_id),
        account_id=values.get("account_id", kept),
        vouched=[*(call.vouched or ()), *(id for id in (present.activity_id, present.account_id) if id)],
    )
    found = await queries.standing(tx, call, named)
    if _errors(found):
        _require_vouched(call, named, found)
        raise _refusal(found)
    return found.account_id


def _require_vouched(call: Call, named: Named, found: Standing) -> None:
    """Has the owner asked about what is not well here."""
    require_vouched(
        call,
        members=(named.member_id,) if named.member_id and not found.member else (),
        accounts=(named.account_id,) if named.account_id and not found.account else (),
    )


def _refusal(found: Standing) -> Invalid:
    meanwhile = FieldError("body", "changed", "names something that has just changed; send it again")
    return Invalid(_errors(found) or [meanwhile])


def _errors(found: Standing) -> list[FieldError]:
    # Nothing is said about an activity that the caller does not see, not even what disagrees with it.
    said = [
        ("member_id", found.member, "unknown", "names no active member"),
        ("activity_id", found.activity, "unknown", "names no activity that you may see"),
        ("account_id", found.account, "unknown", "names no account that you may see"),
        (
            "account_id",
            found.agrees or not found.activity,
            "disagrees",
            "is not the account of this activity; leave it out",
        ),
    ]
    return [FieldError(field, code, message) for field, holds, code, message in said if not holds]
