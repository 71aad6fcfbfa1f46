"""What each service keeps of others, and derives from it, equals what the owners' own tables give, computed here anew.

Copies, joint activities, standings, seats and who sees what; and the ledger, which says that each event that a service
listens to had its effect there exactly once. Tombstones and timestamps are left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from deploy.local.stack import service_of
from services.activities import copies as of_activities
from services.contacts.handlers import OPPORTUNITIES
from services.kit.copies import Copy
from services.kit.envelope import wire_type
from services.kit.handlers import Handlers
from services.opportunities import copies as of_opportunities
from tests.chaos.checks import sight, standings
from tests.chaos.evidence import Evidence, Standing
from tests.chaos.finding import Finding

Rows = Mapping[UUID, Standing]
COPIES: Mapping[str, tuple[tuple[Copy, str], ...]] = {
    "contacts": ((OPPORTUNITIES, "opportunities"),),
    "opportunities": tuple(
        (copy, "contacts")
        for copy in (
            of_opportunities.MEMBERS,
            of_opportunities.ACCOUNTS,
            of_opportunities.CONTACTS,
            of_opportunities.CONTACT_LINKS,
        )
    ),
    "activities": (
        (of_activities.MEMBERS, "contacts"),
        (of_activities.ACCOUNTS, "contacts"),
        (of_activities.CONTACTS, "contacts"),
        (of_activities.OPPORTUNITIES, "opportunities"),
    ),
}
"""What each service keeps, and whose it is."""


def check(evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    """Looks at every service."""
    for service, kept in COPIES.items():
        for copy, owner in kept:
            owned = evidence[owner].owned[copy.table]
            yield from _copies(service, copy, _living(owned), evidence[service])
    met = _living(evidence["activities"].owned["activity"], _met)
    yield from _copies("opportunities", of_opportunities.JOINT_ACTIVITIES, met, evidence["opportunities"])
    yield from standings.check(evidence)
    yield from sight.check(evidence)
    for held in evidence.values():
        yield from _effects(held, evidence)


def _living(owned: Rows, shown: Callable[[Standing], dict[str, Any] | None] | None = None) -> dict[UUID, Any]:
    """The states, with their versions, of the rows that are not deleted, as `shown` makes them."""
    states = {id: row.state if shown is None else shown(row) for id, row in owned.items() if not row.deleted}
    return {id: {**state, "version": owned[id].version} for id, state in states.items() if state is not None}


def _met(row: Standing) -> dict[str, Any] | None:
    """What a meeting tells of who was together, if people of the customer were."""
    state = row.state
    if state["status"] != "DONE" or state["started_at"] is None or len(set(state["contact_ids"])) < 2:
        return None
    return {**state, "happened_at": state["started_at"]}


def _copies(service: str, copy: Copy, wanted: Mapping[UUID, Any], held: Evidence) -> Iterator[Finding]:
    found = {id: row for id, row in held.copied[copy.table].items() if row["deleted_at"] is None}
    for id in wanted.keys() - found.keys():
        yield _finding(f"{service} has no copy of the {copy.table}", id)
    for id in found.keys() - wanted.keys():
        yield _finding(f"{service} has a copy of the {copy.table}, and its owner has none", id)
    for id in wanted.keys() & found.keys():
        if _read(copy, found[id]) != _read(copy, wanted[id]):
            there, here = found[id]["version"], wanted[id]["version"]
            yield _finding(f"{service} copied the {copy.table} at version {there}, its owner has {here}", id)


def _read(copy: Copy, row: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    return row["version"], copy.reader.model_validate(row).model_dump(mode="json")


def _effects(held: Evidence, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    """What was told and is listened to was handled, once."""
    service = service_of(held.service)
    handlers = Handlers(service.handlers)
    wanted = {
        (source, entry.row.position): entry
        for source in service.consumes
        for entry in evidence[source].entries
        if entry.row.position and handlers.find(wire_type([("ce_type", f"{entry.row.type}.v1".encode())]))
    }
    handled = Counter((source, position) for source, position, _ in held.ledger)
    for place, entry in wanted.items():
        if handled[place] != 1:
            said = f"{held.service} has handled {entry.row.type} of {place[0]} at {place[1]} {handled[place]} times"
            yield _finding(said, entry.row.aggregate_id)
    for place in handled.keys() - wanted.keys():
        yield Finding("copies", f"{held.service} has handled what {place[0]} never told at {place[1]}", ())


def _finding(what: str, id: UUID) -> Finding:
    return Finding("copies", what, (str(id),))
