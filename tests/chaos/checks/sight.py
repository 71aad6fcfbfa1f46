"""Who sees what, in every service: closure, seats and views, computed anew from members, accounts and open deals."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from tests.chaos.evidence import Evidence, Standing
from tests.chaos.finding import Finding

Rows = Mapping[UUID, Standing]
Line = frozenset[tuple[str, ...]]


def check(evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    """Looks at the three tables of each service."""
    contacts, opportunities = evidence["contacts"].owned, evidence["opportunities"].owned
    up = closure({str(id): row.state["manager_id"] for id, row in contacts["member"].items()})
    seats = _seats(contacts["account"], opportunities["opportunity"])
    wanted = {"person_up": up, "account_seat": seats, "account_view": _views(up, seats)}
    for held in evidence.values():
        for table, lines in wanted.items():
            yield from _compare(held.service, table, lines, held.sight[table])


def closure(managers: Mapping[str, str | None]) -> Line:
    """Who is above whom: everybody above themselves, and whoever their managers are above."""
    found: set[tuple[str, ...]] = set()
    for member in managers:
        above: str | None = member
        while above is not None and (above, member) not in found:
            found.add((above, member))
            above = managers.get(above)
    return frozenset(found)


def _seats(accounts: Rows, deals: Rows) -> Line:
    return frozenset(
        (account, member, source, where)
        for account, member, source, where in (*_of_accounts(accounts), *_of_deals(deals))
        if account and member
    )


def _of_accounts(accounts: Rows) -> Iterator[tuple[str, Any, str, str]]:
    for id, row in accounts.items():
        if not row.deleted:
            yield str(id), row.state["owner_id"], "OWNER", str(id)
            for seat in row.state["team"]:
                yield str(id), seat["member_id"], "TEAM", str(id)


def _of_deals(deals: Rows) -> Iterator[tuple[Any, Any, str, str]]:
    for id, row in deals.items():
        if not row.deleted and row.state["status"] == "OPEN":
            yield row.state["account_id"], row.state["owner_id"], "DEAL", str(id)


def _views(up: Line, seats: Line) -> Line:
    above: dict[str, set[str]] = defaultdict(set)
    for viewer, member in up:
        above[member].add(viewer)
    return frozenset((viewer, seat[0]) for seat in seats for viewer in above[seat[1]])


def _compare(service: str, table: str, wanted: Line, found: Line) -> Iterator[Finding]:
    for line in sorted(wanted - found):
        yield Finding("copies", f"{service} lacks a line of {table}", line)
    for line in sorted(found - wanted):
        yield Finding("copies", f"{service} has a line of {table} that does not follow from anything", line)
