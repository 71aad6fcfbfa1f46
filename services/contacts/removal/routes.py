"""Deletes and restorations over HTTP."""

from fastapi import Response

from services.contacts.accounts.schemas import AccountRead
from services.contacts.members.schemas import MemberRead
from services.contacts.people.schemas import ContactRead, LinkRead
from services.contacts.removal import queries, service
from services.contacts.removal.schemas import ContactHeld, ErasureCreate, ErasureRead, ErasureShown
from services.kit.answers import json_text, shown
from services.kit.conditional import IfMatch
from services.kit.deletion import Deleted
from services.kit.fields import Id
from services.kit.routing import CallDep, Reading, Transaction, router

members, accounts, contacts = router("members"), router("accounts"), router("contacts")


@members.delete("/members/{id}", response_model=Deleted)
async def delete_member(id: Id, call: CallDep, tx: Transaction, expected: IfMatch) -> Response:
    """Deletes a member; administrators only. Who owns or manages anything is not deleted: set `active` to false."""
    return shown(await service.delete_member(tx, call, id, expected))


@members.post("/members/{id}/restoration", response_model=MemberRead)
async def restore_member(id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a deleted member; administrators only."""
    return shown(await service.restore_member(tx, call, id))


@accounts.delete("/accounts/{id}", response_model=Deleted)
async def delete_account(id: Id, call: CallDep, tx: Transaction, expected: IfMatch) -> Response:
    """Deletes an account with its people; refused while it has open deals or accounts below it."""
    return shown(await service.delete_account(tx, call, id, expected))


@accounts.post("/accounts/{id}/restoration", response_model=AccountRead)
async def restore_account(id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a deleted account with the people who went along."""
    return shown(await service.restore_account(tx, call, id))


@contacts.delete("/contacts/{id}", response_model=Deleted)
async def delete_contact(id: Id, call: CallDep, tx: Transaction, expected: IfMatch) -> Response:
    """Deletes a person with the links to others."""
    return shown(await service.delete_contact(tx, call, id, expected))


@contacts.post("/contacts/{id}/restoration", response_model=ContactRead)
async def restore_contact(id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a deleted person with the links that went along."""
    return shown(await service.restore_contact(tx, call, id))


@contacts.post("/contacts/{id}/links/{link_id}/restoration", response_model=LinkRead)
async def restore_link(id: Id, link_id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a link that was taken back."""
    return shown(await service.restore_link(tx, call, id, link_id))


@contacts.get("/contacts/{id}/personal-data", response_model=ContactHeld)
async def get_personal_data(id: Id, call: CallDep, tx: Reading) -> Response:
    """What this service holds about a person, for the account team, its managers and administrators."""
    return json_text(await queries.about(tx, call, id))


@contacts.post("/contacts/{id}/erasure", response_model=ErasureRead)
async def erase_contact(id: Id, body: ErasureCreate, call: CallDep, tx: Transaction) -> Response:
    """Erases a person for good, everywhere; administrators and machine accounts with the scope `erasure`.

    Texts that may name the person are listed, not changed. Those of the other services follow within seconds: they
    are read, with these, at `location`.
    """
    return json_text(await service.erase_contact(tx, call, id, body))


@contacts.get("/contacts/{id}/erasure", response_model=ErasureShown)
async def get_erasure(id: Id, call: CallDep, tx: Reading) -> Response:
    """An erasure, with where texts of this service may name the person; for whom erasing is entrusted to."""
    return json_text(await service.show_erasure(tx, call, id))
