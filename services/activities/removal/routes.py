"""Deletes and restorations over HTTP."""

from fastapi import Response

from services.activities.engagements.schemas import ActivityRead
from services.activities.removal import queries, service
from services.activities.removal.schemas import ActivitiesAboutContact, ActivitiesMentioningContact
from services.activities.timelogs.schemas import TimeLogRead
from services.kit.answers import json_text, shown
from services.kit.conditional import IfMatch
from services.kit.deletion import Deleted
from services.kit.fields import Id
from services.kit.routing import CallDep, Reading, Transaction, router

activities, time_logs, contacts = router("activities"), router("time-logs"), router("contacts")


@activities.delete("/activities/{id}", response_model=Deleted)
async def delete_activity(id: Id, call: CallDep, tx: Transaction, expected: IfMatch) -> Response:
    """Deletes an activity; minutes logged for it stay."""
    return shown(await service.delete_activity(tx, call, id, expected))


@activities.post("/activities/{id}/restoration", response_model=ActivityRead)
async def restore_activity(id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a deleted activity."""
    return shown(await service.restore_activity(tx, call, id))


@time_logs.delete("/time-logs/{id}", response_model=Deleted)
async def delete_time_log(id: Id, call: CallDep, tx: Transaction, expected: IfMatch) -> Response:
    """Deletes a time log."""
    return shown(await service.delete_time(tx, call, id, expected))


@time_logs.post("/time-logs/{id}/restoration", response_model=TimeLogRead)
async def restore_time_log(id: Id, call: CallDep, tx: Transaction) -> Response:
    """Restores a deleted time log."""
    return shown(await service.restore_time(tx, call, id))


@contacts.get("/contacts/{id}/personal-data", response_model=ActivitiesAboutContact)
async def get_personal_data(id: Id, call: CallDep, tx: Reading) -> Response:
    """What this service holds about a person, for the account team, its managers and administrators."""
    return json_text(await queries.about(tx, call, id))


@contacts.get("/contacts/{id}/erasure", response_model=ActivitiesMentioningContact)
async def get_erasure(id: Id, call: CallDep, tx: Reading) -> Response:
    """Where texts of this service may name a person who was erased; for whom erasing is entrusted to."""
    return json_text(await service.show_mentions(tx, call, id))
