"""What can be done with accounts."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from services.contacts.accounts import queries
from services.contacts.accounts.queries import ACCOUNT, PAST, SIGHT
from services.contacts.accounts.schemas import AccountCreate, AccountFields, AccountUpdate
from services.kit import aggregates, journal, past, upserts
from services.kit.access import may_edit, may_hand_over, require_writer
from services.kit.calls import Call
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.identity import Viewer
from services.kit.problems import FieldError, Forbidden, Invalid, NotFound, invalid
from services.kit.upserts import Slot

# What is handed over, and whether a change leaves it as it is.
UNCHANGED: Mapping[str, LiteralString] = {
    "owner_id": "r.owner_id IS NOT DISTINCT FROM %(owner_id)s::uuid",
    "team": "r.team = %(team)s::jsonb",
}


async def open_account(tx: Session, call: Call, body: AccountCreate) -> Shown:
    """A new account, the creator's own unless the body names an owner below the creator. `tx` is a transaction.

    Raises Forbidden (read-only role), Invalid (unknown member or parent, an owner who is not below the creator).
    """
    require_writer(call.viewer)
    values = body.model_dump(mode="json") | {"parent_account_id": body.parent_account_id}
    values["owner_id"] = body.owner_id if "owner_id" in body.model_fields_set else call.member_id
    if "currency" not in body.model_fields_set:
        values["currency"] = call.settings.organisation_currency
    await _check_owner(tx, call, values["owner_id"])
    await _check_references(tx, call, body)
    row = await journal.create(tx, ACCOUNT, values, call.cause, guard=queries.OWNER_HELD)
    if row is None:
        raise invalid("owner_id", "unknown", "names no active member")
    return row


async def show_account(tx: Session, call: Call, id: UUID, as_of: datetime | None = None) -> Shown:
    """The account, now or as of an instant. Raises NotFound, and what `past.at` does."""
    return await past.show(tx, PAST, id, as_of, call.viewer)


async def change_account(tx: Session, call: Call, id: UUID, body: AccountUpdate, expected: Expected) -> Shown:
    """Changes the fields that the patch names; owner and team only for the owner, the managers above, and admin.

    `tx` is a transaction. Raises NotFound, Forbidden, PreconditionFailed, Invalid (unknown reference, a circle of
    parents).
    """
    values = _patched(body)
    await _check_references(tx, call, body)
    if body.parent_account_id is not None:
        await _check_parent(tx, call, id, body.parent_account_id)
    handed = {name: value for name, value in values.items() if name in UNCHANGED}
    may = _may(call.viewer, edits=values.keys() != handed.keys(), handed=handed.keys())
    return await journal.change(
        tx, ACCOUNT, id, values, call.cause,
        expected=expected, sight=SIGHT.visible(call.viewer), may=may, given=aggregates.sent(ACCOUNT, handed),
    )  # fmt: skip


async def put_account(tx: Session, call: Call, slot: Slot, body: AccountCreate) -> tuple[Shown, bool]:
    """Opens the account, or changes the fields that the body names; tells whether the account is new.

    Raises what `upserts.put`, `open_account` and `change_account` raise.
    """
    named = slot.named(body)
    patch = AccountUpdate.model_validate(named.model_dump(exclude_unset=True))

    async def create() -> Shown:
        async with tx.transaction():
            return await open_account(tx, call, named)

    async def change(id: UUID, expected: Expected) -> Shown:
        async with tx.transaction():
            return await change_account(tx, call, id, patch, expected)

    return await upserts.put(
        tx, ACCOUNT, slot, viewer=call.member_id, sight=SIGHT.visible(call.viewer),
        create=create, change=change,
    )  # fmt: skip


def _may(viewer: Viewer, *, edits: bool, handed: Collection[str]) -> LiteralString:
    """Whether the viewer may make such a change. Who sends owner and team as they stand hands nothing over."""
    may: list[LiteralString] = []
    if edits:
        may.append(may_edit(viewer, "r.owner_id", SIGHT))
    hands = may_hand_over(viewer, "r.owner_id")
    may.extend("(" + hands + " OR " + UNCHANGED[name] + ")" for name in sorted(handed))
    return " AND ".join(may) or "true"


def _patched(body: AccountUpdate) -> dict[str, Any]:
    values = body.model_dump(exclude_unset=True)
    if "team" in values:
        values["team"] = [seat.model_dump(mode="json") for seat in body.team]
    return values


async def _check_owner(tx: Session, call: Call, owner: UUID | None) -> None:
    viewer = call.viewer
    if viewer.is_admin or owner == call.member_id is not None:
        return
    if viewer.acts_for_anybody:
        if owner is None:
            raise invalid("owner_id", "required", "is required: you are no member yourself")
        return
    if owner is None or not await queries.is_below(tx, call, owner):
        raise Forbidden("owner_not_yours", "Open accounts for yourself or for people who report to you.")


async def _check_references(tx: Session, call: Call, body: AccountFields) -> None:
    named = {f"team.{n}.member_id": seat.member_id for n, seat in enumerate(body.team)}
    if body.owner_id is not None:
        named["owner_id"] = body.owner_id
    errors: list[FieldError] = []
    if named:
        unknown = await queries.unknown_members(tx, list(named.values()))
        errors = [
            FieldError(f, "unknown", "names no active member") for f, id in named.items() if id in unknown
        ]
    seats = [seat.member_id for seat in body.team]
    errors += [
        FieldError(f"team.{n}.member_id", "duplicate", "is on the team twice")
        for n, id in enumerate(seats)
        if id in seats[:n]
    ]
    if body.parent_account_id is not None and not await queries.sees_account(
        tx, call, body.parent_account_id
    ):
        errors.append(FieldError("parent_account_id", "unknown", "names no account that you may see"))
    if errors:
        raise Invalid(errors)


async def _check_parent(tx: Session, call: Call, id: UUID, parent: UUID) -> None:
    if not await queries.sees_account(tx, call, id):
        raise NotFound("account")
    await queries.lock_hierarchy(tx)
    if await queries.is_above(tx, id, parent):
        raise invalid(
            "parent_account_id",
            "cycle",
            "belongs to this account already; a parent cannot be below its child",
        )
