"""What the reporting example takes for an event, and what it refuses."""

import json
from typing import Any

import pytest

from examples.reporting.events import Mark, PassedOver, Told, Undecodable
from tests.examples.reporting.telling import Record, Teller, uuid

DEAL = Teller().told("opportunity.created", 1, 1)
MARK = Teller().started(9, "account")


def changed(record: Record, **members: Any) -> Record:
    """The record with other members in its state; None takes one away."""
    body = json.loads(record.value or b"")
    data = {name: held for name, held in {**body["data"], **members}.items() if held != ...}
    return record.with_value(json.dumps({**body, "data": data}).encode())


def moved(**members: Any) -> dict[str, Any]:
    """A move with other members."""
    at = {"moved_at": "2026-01-20T00:00:00Z", "moved_on": "2026-01-20", "origin_minutes": 60}
    return {"origin": "TARGETING", "to": "ENGAGEMENT", **at, **members}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (DEAL.with_header("ce_type", None), "the header ce_type is missing"),
        (DEAL.with_header("ce_type", b"opportunity"), "the header ce_type cannot be 'opportunity'"),
        (DEAL.with_header("ce_type", b"\xff"), "the header ce_type is not UTF-8"),
        (DEAL.with_header("anything", b"\xff"), "the header anything is not UTF-8"),
        (DEAL.with_header("ce_position", b"-1"), "the header ce_position cannot be '-1'"),
        (DEAL.with_header("ce_position", None), "the header ce_position is missing"),
        (DEAL.with_header("ce_sequence", b"9223372036854775808"), "the header ce_sequence cannot be"),
        (DEAL.with_header("ce_subject", b"opportunities/1"), "the header ce_subject cannot be"),
        (DEAL.with_header("ce_time", b"2026-03-02T08:30:00"), "the header ce_time cannot be"),
        (DEAL.with_header("ce_time", b"0001-01-01T00:00:00+14:00"), "the header ce_time cannot be"),
        (DEAL.with_value(None), "the value is not JSON"),
        (DEAL.with_value(b"[" * 100_000), "the value is not JSON"),
        (DEAL.with_value(b"[]"), "the value has no object `data`"),
        (DEAL.with_value(b'{"data": null, "changed": null}'), "the value has no object `data`"),
        (changed(DEAL, amount=...), "the state has no amount"),
        (changed(DEAL, amount="12"), "the state has amount '12'"),
        (changed(DEAL, amount=True), "the state has amount 'True'"),
        (changed(DEAL, amount=2**63), "the state has amount '9223372036854775808'"),
        (changed(DEAL, expected_close_on="2026-02-30"), "the state has expected_close_on '2026-02-30'"),
        (changed(DEAL, owner_id=None), "the state has owner_id 'None'"),
        (changed(DEAL, name="\ud800"), "the state has name"),
        (changed(DEAL, moves=[{"origin": "TARGETING"}]), "the state has moves"),
        (changed(DEAL, moves=[moved(origin_minutes=2**62)]), "the state has moves"),
        (changed(DEAL, moves=[moved(moved_at=None, origin_minutes=2**40)]), "the state has moves"),
        (changed(DEAL, moves=[moved(moved_at="0001-01-01T00:00:00+14:00")]), "the state has moves"),
        (changed(MARK, epoch="1"), "the mark has epoch '1'"),
        (changed(MARK, aggregates=[1]), "the mark has aggregates '[1]'"),
        (changed(MARK, complete=...), "the mark has no complete"),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(record: Record, reason: str) -> None:
    decoded = record.decoded()
    assert isinstance(decoded, Undecodable)
    assert str(decoded).startswith(reason)


@pytest.mark.parametrize("type_", [b"opportunity.created.v2", b"weather.changed.v1", b"republish.paused.v1"])
def test_types_that_are_not_read_are_passed_over(type_: bytes) -> None:
    assert isinstance(DEAL.with_header("ce_type", type_).decoded(), PassedOver)


def test_fact_and_members_that_nobody_knows_yet_are_no_hindrance() -> None:
    told = changed(DEAL, weather="fine").with_header("ce_type", b"opportunity.blessed.v1").decoded()
    assert isinstance(told, Told)
    assert (told.id, told.fact, told.version) == (uuid(1), "blessed", 1)
    assert "weather" not in told.state


def test_mark_says_which_republish_of_what_begins_or_ends() -> None:
    mark = Teller().finished(9, "account", "member", epoch=3, complete=False).decoded()
    assert isinstance(mark, Mark)
    assert (mark.id, mark.epoch, mark.aggregates) == (uuid(9), 3, ("account", "member"))
    assert (mark.is_complete, mark.is_end) == (False, True)
