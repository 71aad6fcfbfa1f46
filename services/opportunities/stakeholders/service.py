"""What can be done with the map of a deal; every change of it happens under the deal's lock, with its standing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.kit import idempotency, journal, sets
from services.kit.access import SHOWN
from services.kit.calls import Call
from services.kit.clock import now
from services.kit.conditional import Expected, parse_if_match
from services.kit.current import Shown
from services.kit.db import Session
from services.kit.ids import new_id
from services.kit.journal import Along
from services.kit.problems import (
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    invalid,
)
from services.kit.sets import Put
from services.opportunities.copies import require_vouched
from services.opportunities.policy import Stance, Status, policy_of
from services.opportunities.stakeholders import queries, standing
from services.opportunities.stakeholders.balance import Person
from services.opportunities.stakeholders.domain import evaluate, without_people
from services.opportunities.stakeholders.queries import STAKEHOLDER, Mapped
from services.opportunities.stakeholders.schemas import MOST_PEOPLE, MapPut, MapTried, StakeholderPut


@dataclass(frozen=True)
class WholeMap:
    """Everybody on a map as JSON text, and the version of the map as a set."""

    json: str
    version: int


async def map_person(
    tx: Session, call: Call, deal: UUID, contact: UUID, body: StakeholderPut, if_match: str | None
) -> tuple[Shown, bool]:
    """Puts the person on the deal's map, or says anew where the person stands; tells whether the person is new on it.

    Raises NotFound, Forbidden, Unvouched, Invalid (unknown people, the map is full), PreconditionRequired,
    PreconditionFailed.
    """
    mapped = await _lock(tx, call, deal, (contact,))
    values = body.model_dump()
    if contact in mapped.living:
        return await _restate(tx, call, mapped, contact, values, parse_if_match(if_match)), False
    if if_match is not None and parse_if_match(if_match) is not None:
        raise NotFound("stakeholder")
    _require_known(call, mapped, {"contact_id": contact})
    if len(mapped.living) >= MOST_PEOPLE:
        raise invalid("contact_id", "full", f"is one too many: a map holds {MOST_PEOPLE} people")
    return await _put_on(tx, call, mapped, contact, values), True


async def redraw_map(tx: Session, call: Call, deal: UUID, body: MapPut, if_match: str | None) -> WholeMap:
    """Makes the map what the body says; those of whom it says nothing new get no version and no event.

    Raises NotFound, Forbidden, Unvouched, Invalid (unknown people), PreconditionRequired (the map is not empty),
    PreconditionFailed.
    """
    wanted = {item.contact_id: item.model_dump(exclude={"contact_id"}) for item in body.items}
    mapped = await _lock(tx, call, deal, wanted)
    await _check_set(tx, mapped, if_match)
    named = {f"items.{number}.contact_id": item.contact_id for number, item in enumerate(body.items)}
    _require_known(call, mapped, {field: id for field, id in named.items() if id not in mapped.living})
    puts = _puts(mapped, wanted)
    people = [{"contact_id": contact, **values} for contact, values in wanted.items()]
    await sets.put(tx, STAKEHOLDER, puts, call.cause, along=_along(call, mapped, people))
    text, version = await queries.people(tx, deal), mapped.version + len(puts)
    await idempotency.keep(tx, call.cause.key, status=200, answer=text, version=version)
    return WholeMap(text, version)


async def take_off(tx: Session, call: Call, deal: UUID, contact: UUID, expected: Expected) -> None:
    """Takes the person off the deal's map. Raises NotFound, Forbidden, PreconditionFailed."""
    mapped = await _lock(tx, call, deal, ())
    row = mapped.living.get(contact)
    if row is None:
        raise NotFound("stakeholder")
    await _check_version(tx, call, mapped, row, expected)
    rest = {each: values for each, values in mapped.living.items() if each != contact}
    along = _along(call, mapped, rest.values())
    await journal.remove(tx, STAKEHOLDER, UUID(row["id"]), call.cause, at=now(), allowed=SHOWN, along=along)


async def show_relationship(tx: Session, call: Call, deal: UUID) -> str:
    """What the deal's map says, computed afresh, as JSON text; without people for those who may not know them.

    Raises NotFound.
    """
    policy = policy_of(call.settings.policy_file)
    mapped = await queries.read_deal(tx, call, deal, policy)
    found = standing.related(mapped, policy, call.settings.timezone)
    return orjson.dumps(found if mapped.knows else without_people(found)).decode()


def try_map(call: Call, body: MapTried) -> str:
    """What such a map would say, as JSON text."""
    people = [
        Person(each.id, frozenset(each.roles), each.influence, each.stance, each.degree)
        for each in body.people
    ]
    policy = policy_of(call.settings.policy_file)
    return orjson.dumps(evaluate(body.stage, Status.OPEN, people, body.links, policy)).decode()


async def _lock(tx: Session, call: Call, deal: UUID, contacts: Collection[UUID]) -> Mapped:
    mapped = await queries.lock_deal(tx, call, deal, policy_of(call.settings.policy_file), contacts)
    if not mapped.knows:
        raise NotFound("opportunity")
    if not mapped.may:
        raise Forbidden("not_yours_to_edit", "You may see this, but only its owner may change it.")
    return mapped


def _along(call: Call, mapped: Mapped, people: Iterable[Mapping[str, Any]]) -> Along:
    policy, timezone = policy_of(call.settings.policy_file), call.settings.timezone
    return standing.along(mapped, policy, timezone, people=people)


async def _put_on(tx: Session, call: Call, mapped: Mapped, contact: UUID, values: Mapping[str, Any]) -> Shown:
    along = _along(call, mapped, _with(mapped, contact, values))
    once = mapped.people.get(contact)
    if once is None:
        own = {"opportunity_id": mapped.id, "contact_id": contact, **values}
        row = await journal.create(
            tx, STAKEHOLDER, own, call.cause, partition_key=mapped.partition_key, fact="mapped", along=along
        )
    else:
        own = {**values, "deleted_at": None}
        row = await journal.update(
            tx, STAKEHOLDER, UUID(once["id"]), own, call.cause,
            fact="mapped", allowed=SHOWN, along=along, status=201,
        )  # fmt: skip
    assert row is not None
    return row


async def _restate(
    tx: Session, call: Call, mapped: Mapped, contact: UUID, values: Mapping[str, Any], expected: Expected
) -> Shown:
    kept = mapped.living[contact]
    await _check_version(tx, call, mapped, kept, expected)
    if not _differs(kept, values):
        row = await queries.person(tx, call, mapped.id, contact)
        await idempotency.keep(tx, call.cause.key, status=200, answer=row.json, version=row.version)
        return row
    along = _along(call, mapped, _with(mapped, contact, values))
    fact = _fact(kept, values)
    row = await journal.update(
        tx, STAKEHOLDER, UUID(kept["id"]), values, call.cause, fact=fact, allowed=SHOWN, along=along
    )
    assert row is not None
    return row


def _puts(mapped: Mapped, wanted: Mapping[UUID, Mapping[str, Any]]) -> list[Put]:
    """The rows that change when the map becomes what is wanted."""
    puts: list[Put] = []
    for contact, values in wanted.items():
        kept = mapped.people.get(contact)
        if kept is None or kept["deleted_at"] is not None:
            puts.append(_put(mapped, contact, values, kept, "mapped"))
        elif _differs(kept, values):
            puts.append(_put(mapped, contact, values, kept, _fact(kept, values)))
    for contact, kept in mapped.living.items():
        if contact not in wanted:
            values = {name: kept[name] for name in StakeholderPut.model_fields}
            puts.append(_put(mapped, contact, values, kept, "deleted", deleted_at=now()))
    return puts


def _put(
    mapped: Mapped,
    contact: UUID,
    values: Mapping[str, Any],
    kept: Mapping[str, Any] | None,
    fact: str,
    *,
    deleted_at: datetime | None = None,
) -> Put:
    own = {"opportunity_id": mapped.id, "contact_id": contact, **values, "deleted_at": deleted_at}
    return Put(new_id() if kept is None else UUID(kept["id"]), mapped.partition_key, own, fact)


def _with(mapped: Mapped, contact: UUID, values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [*{**mapped.living, contact: {"contact_id": contact, **values}}.values()]


def _differs(kept: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    confirmed = kept["stance_confirmed_at"]
    present = {**kept, "stance_confirmed_at": confirmed and datetime.fromisoformat(confirmed)}
    return any(present[name] != value for name, value in values.items())


def _fact(kept: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """What has happened to a person: where they stand decides, and how strongly."""
    same = Stance(kept["stance"]) == values["stance"] and kept["degree"] == values["degree"]
    return "updated" if same else "stance_changed"


def _require_known(call: Call, mapped: Mapped, named: Mapping[str, UUID]) -> None:
    """Has contacts asked for people who are not known here, or not seen. Raises Invalid for who stays unknown."""
    known = mapped.known | (call.vouched or frozenset())
    unknown = {field: id for field, id in named.items() if id not in known}
    require_vouched(call, contacts={*unknown.values()})
    if unknown:
        raise Invalid(
            [FieldError(field, "unknown", "names no contact that you may see") for field in unknown]
        )


async def _check_version(
    tx: Session, call: Call, mapped: Mapped, kept: Mapping[str, Any], expected: Expected
) -> None:
    if expected is not None and kept["version"] != expected:
        row = await queries.person(tx, call, mapped.id, UUID(kept["contact_id"]))
        raise PreconditionFailed(row.json.encode(), row.version)


async def _check_set(tx: Session, mapped: Mapped, if_match: str | None) -> None:
    """An empty map may be drawn without If-Match, like anything that is not there yet."""
    if if_match is None:
        if mapped.living:
            raise PreconditionRequired
        return
    expected = parse_if_match(if_match)
    if expected is not None and expected != mapped.version:
        raise PreconditionFailed((await queries.people(tx, mapped.id)).encode(), mapped.version)
