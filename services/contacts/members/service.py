"""What can be done with members; only administrators change them."""

from datetime import datetime
from uuid import UUID

import orjson

from services.contacts.members import queries
from services.contacts.members.queries import EVERYBODY, MEMBER, PAST
from services.contacts.members.schemas import MemberCreate, MemberUpdate
from services.kit import journal, past, upserts
from services.kit.access import require_admin
from services.kit.calls import Call
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.problems import invalid
from services.kit.upserts import Slot


async def add_member(tx: Session, call: Call, body: MemberCreate) -> Shown:
    """A new member. Raises Forbidden, Conflict (mail address taken), Invalid (unknown manager)."""
    require_admin(call.viewer)
    row = await journal.create(tx, MEMBER, body.model_dump(), call.cause, guard=queries.MANAGER_HELD)
    if row is None:
        raise invalid("manager_id", "unknown", "names no member")
    return row


async def show_member(tx: Session, call: Call, id: UUID, as_of: datetime | None = None) -> Shown:
    """The member, now or as of an instant. Raises NotFound, and what `past.at` does."""
    return await past.show(tx, PAST, id, as_of, call.viewer)


async def change_member(tx: Session, call: Call, id: UUID, body: MemberUpdate, expected: Expected) -> Shown:
    """Changes the fields that the patch names. Raises Forbidden, NotFound, PreconditionFailed, Conflict, Invalid."""
    require_admin(call.viewer)
    values = body.model_dump(exclude_unset=True)
    if "manager_id" in values:
        await _check_line(tx, id, body.manager_id)
    return await journal.change(tx, MEMBER, id, values, call.cause, expected=expected, sight=EVERYBODY)


async def put_member(tx: Session, call: Call, slot: Slot, body: MemberCreate) -> tuple[Shown, bool]:
    """Adds the member, or changes the fields that the body names; tells whether the member is new.

    Raises what `upserts.put`, `add_member` and `change_member` raise.
    """
    require_admin(call.viewer)
    named = slot.named(body)
    patch = MemberUpdate.model_validate(named.model_dump(exclude_unset=True))

    async def change(id: UUID, expected: Expected) -> Shown:
        async with tx.transaction():
            return await change_member(tx, call, id, patch, expected)

    return await upserts.put(
        tx, MEMBER, slot, viewer=call.member_id, sight=EVERYBODY,
        create=lambda: add_member(tx, call, named), change=change,
    )  # fmt: skip


async def _check_line(tx: Session, id: UUID, manager: UUID | None) -> None:
    """Takes the lock of the reporting line before that of any row, as all do who change it."""
    await queries.lock_reporting_line(tx)
    if manager is None:
        return
    if not await queries.is_member(tx, manager):
        raise invalid("manager_id", "unknown", "names no member")
    if await queries.is_above(tx, id, manager):
        raise invalid(
            "manager_id", "cycle", "reports to this member already; choose somebody above or beside"
        )


async def show_me(tx: Session, call: Call) -> str:
    """Who the caller is, with roles and member, as JSON text."""
    viewer = call.viewer
    row = await show_member(tx, call, viewer.member_id) if viewer.member_id else None
    told: dict[str, object] = {
        "subject": viewer.subject,
        "email": viewer.email,
        "roles": sorted(viewer.roles),
        "member_id": viewer.member_id,
        "member": orjson.Fragment(row.json) if row else None,
    }
    return orjson.dumps(told).decode()
