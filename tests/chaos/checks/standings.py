"""Standings, computed anew: the team that an account has by its deals, and what the map of an open deal says.

A deal that is over keeps what was computed when somebody last changed it, whoever has met since; so it is left out.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from services.kit.clock import now
from services.opportunities.policy import DEFAULT, Stage, Status
from services.opportunities.stakeholders import standing
from services.opportunities.stakeholders.queries import Mapped
from services.opportunities.stakeholders.structure import DatedLink
from tests.chaos.evidence import Evidence
from tests.chaos.finding import Finding


def check(evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    """Looks at the standings of all accounts and of all open deals."""
    yield from _accounts(evidence)
    yield from _deals(evidence)


def _accounts(evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    owners: dict[str, set[str]] = defaultdict(set)
    for row in evidence["opportunities"].owned["opportunity"].values():
        if row.state["status"] == "OPEN" and not row.deleted and row.state["account_id"]:
            owners[row.state["account_id"]].add(row.state["owner_id"])
    standings = evidence["contacts"].owned["account_standing"]
    for id in evidence["contacts"].owned["account"]:
        found: list[str] = standings[id].state["deal_team_ids"] if id in standings else []
        if found != sorted(owners[str(id)]):
            said = (
                f"the standing of an account names {len(found)} by its deals, who are {len(owners[str(id)])}"
            )
            yield _finding(said, id)


def _deals(evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    held = evidence["opportunities"].owned
    maps = _maps(evidence)
    links = [*_alliances(evidence), *_meetings(evidence)]
    for id, deal in held["opportunity"].items():
        if deal.state["status"] != Status.OPEN or deal.deleted:
            continue
        wanted = _computed(id, deal.state["stage"], maps[str(id)], links)
        row = held["opportunity_standing"].get(id)
        wrong = [name for name, value in wanted.items() if row is None or row.state[name] != value]
        if wrong:
            yield _finding(f"the standing of a deal is wrong in {', '.join(wrong)}", id)


def _computed(id: UUID, stage: str, people: Mapping[UUID, Any], links: list[DatedLink]) -> dict[str, Any]:
    mapped = Mapped(
        id=id,
        partition_key=id,
        account_id=None,
        stage=Stage(stage),
        status=Status.OPEN,
        stage_entered_at=None,
        stage_entered_on=None,
        closed_at=None,
        closed_on=None,
        moves=[],
        knows=True,
        may=True,
        known=frozenset(),
        people=people,
        purged=0,
        links=_among(people, links),
        standing=None,
    )
    return orjson.loads(orjson.dumps(standing.related(mapped, DEFAULT, UTC)))


def _maps(evidence: Mapping[str, Evidence]) -> dict[str, dict[UUID, Any]]:
    """Who is on the map of each deal, by contact, as a row of it."""
    maps: dict[str, dict[UUID, Any]] = defaultdict(dict)
    for row in evidence["opportunities"].owned["stakeholder"].values():
        if not row.deleted:
            contact = UUID(row.state["contact_id"])
            maps[row.state["opportunity_id"]][contact] = {**row.state, "deleted_at": None}
    return maps


def _alliances(evidence: Mapping[str, Evidence]) -> Iterator[DatedLink]:
    for row in evidence["contacts"].owned["contact_link"].values():
        if row.state["kind"] == "ALLY" and not row.deleted:
            yield row.state["from_contact_id"], row.state["to_contact_id"], None


def _meetings(evidence: Mapping[str, Evidence]) -> Iterator[DatedLink]:
    for row in evidence["activities"].owned["activity"].values():
        people = sorted(set(row.state["contact_ids"]))
        if row.state["status"] == "DONE" and not row.deleted and row.state["started_at"]:
            at = datetime.fromisoformat(row.state["started_at"])
            for place, one in enumerate(people):
                yield from ((one, other, at) for other in people[place + 1 :] if at <= now())


def _among(people: Mapping[UUID, Any], links: list[DatedLink]) -> list[DatedLink]:
    known = {str(contact) for contact in people}
    return [link for link in links if link[0] in known and link[1] in known]


def _finding(what: str, id: UUID) -> Finding:
    return Finding("copies", what, (str(id),))
