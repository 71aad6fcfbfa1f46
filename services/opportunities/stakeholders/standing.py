"""Standings: what a deal's map says, derived in the transaction that changes what it rests on.

A standing that says what is true already is left alone: no version, no event.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID

import orjson

from services.kit import sets
from services.kit.clock import now
from services.kit.db import Session
from services.kit.journal import Along, Cause
from services.kit.sets import Birth, Put
from services.opportunities.policy import Influence, Policy, Role, Stage, Stance, Status
from services.opportunities.stakeholders import queries
from services.opportunities.stakeholders.balance import Person
from services.opportunities.stakeholders.domain import Relationship, evaluate
from services.opportunities.stakeholders.queries import STANDING, Mapped
from services.opportunities.stakeholders.structure import DatedLink, links_at

DERIVED = Cause(actor="service:opportunities")


def related(deal: Mapped, policy: Policy, timezone: tzinfo) -> Relationship:
    """The relationship of the deal as it stands, computed afresh."""
    links = links_at(deal.links, now=now(), timezone=timezone, policy=policy)
    return evaluate(deal.stage, deal.status, _people(deal.living.values()), links.pairs, policy)


def along(
    deal: Mapped,
    policy: Policy,
    timezone: tzinfo,
    *,
    stage: Stage | None = None,
    status: Status | None = None,
    people: Iterable[Mapping[str, Any]] | None = None,
) -> Along:
    """The deal's standing as it will be with this stage, status and map, to be written along with their change."""
    values = _values(
        stage or deal.stage,
        status or deal.status,
        deal.living.values() if people is None else people,
        deal.links,
        policy,
        timezone,
    )
    return sets.along(STANDING, _changed(deal, values))


def newborn(id: UUID, partition_key: UUID, policy: Policy, timezone: tzinfo) -> Along:
    """The standing of a deal that is born without a map, to be written along with it."""
    values = _values(Stage.TARGETING, Status.OPEN, (), (), policy, timezone)
    return sets.along(STANDING, [Put(id, partition_key, values, "created")])


@dataclass(frozen=True, slots=True)
class Newborn:
    """A deal that is born without a map, at the place where its import found it."""

    id: UUID
    partition_key: UUID
    stage: Stage
    status: Status


async def bear(
    session: Session, deals: Iterable[Newborn], policy: Policy, timezone: tzinfo, cause: Cause
) -> None:
    """Writes the standings of new deals, in the transaction of their birth."""
    places: dict[tuple[Stage, Status], int] = {}
    births = [
        Birth(deal.id, deal.partition_key, places.setdefault((deal.stage, deal.status), len(places)))
        for deal in deals
    ]
    kinds = [_values(stage, status, (), (), policy, timezone) for stage, status in places]
    await sets.bear(session, STANDING, births, kinds, cause)


async def follow(
    session: Session, ids: Collection[UUID], policy: Policy, timezone: tzinfo, cause: Cause
) -> None:
    """Brings the standings of deals that were moved up to date, open and closed ones, in the move's transaction."""
    await _derive(session, await queries.lock_deals(session, ids, policy), policy, timezone, cause)


async def refresh(session: Session, ids: Collection[UUID], policy: Policy, timezone: tzinfo) -> None:
    """Brings the standings of those of the deals that are open up to date, in a transaction: locks the deals."""
    deals = await queries.lock_open_deals(session, ids, policy) if ids else []
    await _derive(session, deals, policy, timezone, DERIVED)


async def _derive(
    session: Session, deals: Iterable[Mapped], policy: Policy, timezone: tzinfo, cause: Cause
) -> None:
    puts = [
        put
        for deal in deals
        for put in _changed(
            deal, _values(deal.stage, deal.status, deal.living.values(), deal.links, policy, timezone)
        )
    ]
    await sets.put(session, STANDING, puts, cause)


def _values(
    stage: Stage,
    status: Status,
    people: Iterable[Mapping[str, Any]],
    links: Iterable[DatedLink],
    policy: Policy,
    timezone: tzinfo,
) -> dict[str, Any]:
    mapped = _people(people)
    ids = {person.id for person in mapped}
    among = (link for link in links if link[0] in ids and link[1] in ids)
    counted = links_at(among, now=now(), timezone=timezone, policy=policy)
    found = evaluate(stage, status, mapped, counted.pairs, policy)
    # Time changes nothing about a deal that is over.
    until = counted.valid_until if status == Status.OPEN else None
    return {name: getattr(found, name) for name in _FOUND} | {"valid_until": until}


_FOUND = tuple(each.name for each in fields(Relationship))


def _changed(deal: Mapped, values: Mapping[str, Any]) -> list[Put]:
    if deal.standing is None:
        return [Put(deal.id, deal.partition_key, values, "created")]
    until = deal.standing["valid_until"]
    same = values["valid_until"] == (until and datetime.fromisoformat(until))
    told = orjson.loads(orjson.dumps({name: values[name] for name in _FOUND}))
    if same and told == {name: deal.standing[name] for name in _FOUND}:
        return []
    return [Put(deal.id, deal.partition_key, values)]


def _people(rows: Iterable[Mapping[str, Any]]) -> list[Person]:
    return [
        Person(
            id=str(row["contact_id"]),
            roles=frozenset(Role(role) for role in row["roles"]),
            influence=Influence(row["influence"]),
            stance=Stance(row["stance"]),
            degree=row["degree"],
        )
        for row in rows
    ]
