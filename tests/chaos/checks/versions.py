"""The journal is whole: versions without gap or fork, dense positions, the last state the row's, paged exactly once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from services.kit.events import MARKS, SIGHT
from tests.chaos.evidence import Entry, Evidence, Named
from tests.chaos.finding import Finding

Paged = Sequence[tuple[int, str]]
"""What somebody saw who paged by position while all went on: positions and the ids of their events."""


def check(evidence: Mapping[str, Evidence], paged: Mapping[str, Paged]) -> Iterator[Finding]:
    """Looks at every journal, and at what its pager saw."""
    for held in evidence.values():
        histories = {
            named: [entry for entry in entries if not entry.repeats]
            for named, entries in held.by_row.items()
            if named[0] not in (MARKS.name, SIGHT)
        }
        for named, entries in histories.items():
            yield from _history(named, entries)
        yield from _rows(held, histories)
        yield from _order(held)
        yield from _pages(held, paged[held.service])


def _history(named: Named, entries: Sequence[Entry]) -> Iterator[Finding]:
    ordered = sorted(entries, key=lambda entry: entry.row.version)
    versions = [entry.row.version for entry in ordered]
    if versions != list(range(1, len(versions) + 1)):
        yield _finding(f"the versions of a row of {named[0]} are {versions}", named[1])
        return
    for before, entry in pairwise(ordered):
        if before.row.position > entry.row.position > 0:
            yield _finding(f"version {entry.row.version} is numbered before the one it follows", named[1])
        if wrong := _unconnected(before, entry):
            said = f"version {entry.row.version} does not follow from the one before it: {', '.join(wrong)}"
            yield _finding(said, named[1])


def _unconnected(before: Entry, entry: Entry) -> list[str]:
    """The fields of which is said that they changed, but not from what they were or not to what they are."""
    return [
        name
        for name, change in (entry.row.changed or {}).items()
        if change["from"] != before.row.state.get(name) or change["to"] != entry.row.state.get(name)
    ]


def _rows(held: Evidence, histories: Mapping[Named, Sequence[Entry]]) -> Iterator[Finding]:
    rows = {(name, str(id)): row for name, table in held.owned.items() for id, row in table.items()}
    for named in rows.keys() - histories.keys():
        yield _finding(f"a row of {named[0]} is there that the journal does not know", named[1])
    for named in histories.keys() - rows.keys():
        yield _finding(f"the journal knows a row of {named[0]} that is not there", named[1])
    for named, row in rows.items():
        entries = histories.get(named)
        last = max(entries, key=lambda entry: entry.row.version).row if entries else None
        if last is not None and (last.version, last.state) != (row.version, row.state):
            yield _finding(f"a row of {named[0]} is not what the journal has last", named[1])


def _order(held: Evidence) -> Iterator[Finding]:
    positions = [position for position, _ in held.order]
    for before, position in pairwise([0, *positions]):
        if position != before + 1 and position not in held.epochs:
            yield _finding(f"{held.service} has no position {before + 1}, but {position}")
    numbered = Counter(id for _, id in held.order)
    for entry in held.entries:
        if numbered[entry.id] != 1:
            said = f"a journal row of {held.service} has {numbered[entry.id]} positions"
            yield _finding(said, str(entry.row.aggregate_id))
    for id in numbered.keys() - {entry.id for entry in held.entries}:
        yield _finding(f"a position of {held.service} is that of no journal row: id {id}")
    if held.queued or held.head != (positions or [0])[-1]:
        yield _finding(f"{held.service}: {held.queued} rows wait to be numbered, the head is {held.head}")


def _pages(held: Evidence, paged: Paged) -> Iterator[Finding]:
    """The pager read on from the last position that it saw: a row that came later with a lower one escaped it."""
    ids = {entry.row.position: entry for entry in held.entries}
    seen = Counter(position for position, _ in paged)
    for position, event_id in paged:
        entry = ids.get(position)
        if entry is None or str(entry.row.event_id) != event_id:
            said = f"who paged {held.service} saw another row at position {position} than is there now"
            yield _finding(said, *([str(entry.row.aggregate_id)] if entry else []))
    for position, _ in held.order:
        if seen[position] != 1:
            entry = ids.get(position)
            said = f"who paged {held.service} saw position {position} {seen[position]} times"
            yield _finding(said, *([str(entry.row.aggregate_id)] if entry else []))


def _finding(what: str, *about: str) -> Finding:
    return Finding("versions", what, about)
