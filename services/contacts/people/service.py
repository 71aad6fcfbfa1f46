"""What can be done with people and the links between them."""

from datetime import datetime
from uuid import UUID

from services.contacts.accounts.queries import account_held
from services.contacts.people import queries
from services.contacts.people.domain import LinkKind
from services.contacts.people.queries import CONTACT, LINK, LINK_PAST, PAST, SIGHT, link_seen, notes
from services.contacts.people.schemas import ContactCreate, ContactUpdate, LinkCreate
from services.kit import current, journal, past, upserts
from services.kit.access import as_seller, may_edit, require_writer
from services.kit.calls import Call
from services.kit.clock import now
from services.kit.conditional import Expected
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.problems import NotFound, invalid
from services.kit.upserts import Slot


async def add_contact(tx: Session, call: Call, body: ContactCreate) -> Shown:
    """A new person at an account that the caller sees as sellers do. Raises Forbidden, Invalid (unknown account)."""
    require_writer(call.viewer)
    row = await journal.create(
        tx, CONTACT, body.model_dump(), call.cause,
        partition_key=body.account_id, guard=account_held(as_seller(call.viewer)),
    )  # fmt: skip
    if row is None:
        raise invalid("account_id", "unknown", "names no account that you may see")
    return row


async def show_contact(tx: Session, call: Call, id: UUID, as_of: datetime | None = None) -> Shown:
    """The person, now or as of an instant. Raises NotFound, and what `past.at` does."""
    return await past.show(tx, PAST, id, as_of, call.viewer)


async def change_contact(tx: Session, call: Call, id: UUID, body: ContactUpdate, expected: Expected) -> Shown:
    """Changes the fields that the patch names. Raises NotFound, Forbidden, PreconditionFailed."""
    values = body.model_dump(exclude_unset=True)
    may = may_edit(call.viewer, queries.OWNER, SIGHT)
    return await journal.change(
        tx, CONTACT, id, values, call.cause, expected=expected, sight=SIGHT.visible(call.viewer), may=may
    )


async def put_contact(tx: Session, call: Call, slot: Slot, body: ContactCreate) -> tuple[Shown, bool]:
    """Adds the person, or changes the fields that the body names; tells whether the person is new.

    Raises what `upserts.put`, `add_contact` and `change_contact` raise, and Invalid (at another account).
    """
    named = slot.named(body)
    patch = ContactUpdate.model_validate(named.model_dump(exclude_unset=True, exclude={"account_id"}))

    async def change(id: UUID, expected: Expected) -> Shown:
        account = await queries.account_of(tx, call, id)
        if account not in (None, body.account_id):
            raise invalid("account_id", "fixed", "is not the account of this person, who stays there")
        return await change_contact(tx, call, id, patch, expected)

    return await upserts.put(
        tx, CONTACT, slot, viewer=call.member_id, sight=SIGHT.visible(call.viewer),
        create=lambda: add_contact(tx, call, named), change=change,
    )  # fmt: skip


async def link_contacts(tx: Session, call: Call, id: UUID, body: LinkCreate) -> Shown:
    """Links the person, whom the caller sees as sellers do, to another one.

    Raises NotFound, Forbidden, Invalid (unknown person, a circle), Conflict (linked already).
    """
    require_writer(call.viewer)
    account = await queries.account_of(tx, call, id, as_seller(call.viewer))
    if account is None:
        raise NotFound("contact")
    if await queries.account_of(tx, call, body.to_contact_id) is None:
        raise invalid("to_contact_id", "unknown", "names no contact that you may see")
    if body.kind is LinkKind.REPORTS_TO:
        await _check_line(tx, id, body.to_contact_id)
    values = body.model_dump() | {"from_contact_id": id, "account_id": account}
    row = await journal.create(tx, LINK, values, call.cause, partition_key=account)
    assert row is not None
    return row


async def show_link(tx: Session, call: Call, contact: UUID, id: UUID, as_of: datetime | None = None) -> Shown:
    """A link of the person, now or as of an instant. Raises NotFound, and what `past.at` does."""
    given = {"contact": contact}
    if as_of is not None:
        return await past.at(tx, LINK_PAST, as_of, call.viewer, {"id": id, **given})
    sight, knows = link_seen(call.viewer), notes(call.viewer)
    return await current.read(tx, LINK, id, viewer=call.member_id, sight=sight, knows=knows, given=given)


async def unlink_contacts(tx: Session, call: Call, contact: UUID, id: UUID, expected: Expected) -> None:
    """Removes a link of the person. Raises NotFound, Forbidden, PreconditionFailed."""
    require_writer(call.viewer)
    sight = link_seen(as_seller(call.viewer))
    given = {"contact": contact}
    row = await journal.remove(
        tx, LINK, id, call.cause, at=now(), expected=expected, allowed=sight, given=given
    )
    if row is None:
        await current.miss(
            tx, LINK, id,
            viewer=call.member_id, sight=sight, knows=notes(call.viewer), expected=expected, given=given,
        )  # fmt: skip
        raise NotFound("contact link")


async def _check_line(tx: Session, id: UUID, above: UUID) -> None:
    await queries.lock_lines(tx)
    if await queries.is_above(tx, id, above):
        raise invalid("to_contact_id", "cycle", "reports to this person already")
