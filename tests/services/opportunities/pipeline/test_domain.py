"""How deals move between the five stages: what goes, what is refused, and what is kept of a move."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.problems import Conflict, FieldError, Invalid
from services.opportunities.pipeline.domain import (
    Deal,
    LostReason,
    Position,
    advance,
    needs_account,
    ways_on,
)
from services.opportunities.policy import Stage, Status, policy_from

ACCOUNT = UUID("01890000-0000-7000-8000-000000000001")
CAME = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = CAME + timedelta(days=3, minutes=7, seconds=59)
CLOSED = (Status.WON, Status.LOST, Status.ABANDONED)


def deal(stage: Stage, status: Status = Status.OPEN, account_id: UUID | None = ACCOUNT) -> Deal:
    return Deal(stage=stage, status=status, account_id=account_id, entered_at=CAME)


def refusal(
    of: Deal,
    to: Position,
    *,
    reason_code: LostReason | None = None,
    note: str | None = "for a reason",
    at: datetime | None = None,
) -> dict[str, str]:
    """The fields that a refused move names, with their codes."""
    with pytest.raises(Invalid) as caught:
        advance(of, to, reason_code=reason_code, note=note, at=at, now=NOW)
    return {error.field: error.code for error in caught.value.errors}


FORWARD = list(zip(Stage, list(Stage)[1:], strict=False))
SKIPS = [(one, other) for one in Stage for other in Stage if other.step > one.step + 1]
BACK = [(one, other) for one in Stage for other in Stage if other.step < one.step]


@pytest.mark.parametrize(("stage", "to"), FORWARD)
def test_a_deal_goes_one_step_forward_without_a_note(stage: Stage, to: Stage) -> None:
    move = advance(deal(stage), Position(to), now=NOW)
    assert (move.origin, move.to, move.stage, move.status) == (Position(stage), Position(to), to, Status.OPEN)
    assert move.note is None
    assert move.reason_code is None


@pytest.mark.parametrize(("stage", "to"), SKIPS)
def test_a_deal_does_not_skip_a_stage(stage: Stage, to: Stage) -> None:
    assert refusal(deal(stage), Position(to)) == {"to": "not_from_here"}


@pytest.mark.parametrize(("stage", "to"), BACK)
def test_a_deal_goes_back_to_any_earlier_stage_with_a_note(stage: Stage, to: Stage) -> None:
    move = advance(deal(stage), Position(to), note="  budget gone ", now=NOW)
    assert (move.stage, move.status, move.note) == (to, Status.OPEN, "budget gone")


@pytest.mark.parametrize(("stage", "to"), BACK)
@pytest.mark.parametrize("note", [None, "", " \n\t"])
def test_a_deal_does_not_go_back_without_a_note(stage: Stage, to: Stage, note: str | None) -> None:
    assert refusal(deal(stage), Position(to), note=note) == {"note": "required"}


@pytest.mark.parametrize("position", Position)
def test_a_move_to_where_the_deal_stands_is_a_conflict(position: Position) -> None:
    status = Status(position) if position in set(CLOSED) else Status.OPEN
    stage = Stage(position) if status is Status.OPEN else Stage.CONTRACTING
    with pytest.raises(Conflict, match=f"The deal is {position} already") as caught:
        advance(deal(stage, status), position, reason_code=LostReason.PRICE, note="again", now=NOW)
    assert caught.value.code == "already_there"


def test_a_deal_is_won_from_contracting() -> None:
    move = advance(deal(Stage.CONTRACTING), Position.WON, now=NOW)
    assert (move.stage, move.status) == (Stage.CONTRACTING, Status.WON)


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.CONTRACTING])
def test_a_deal_is_not_won_from_an_earlier_stage(stage: Stage) -> None:
    assert refusal(deal(stage), Position.WON) == {"to": "not_from_here"}


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("to", [Position.LOST, Position.ABANDONED])
@pytest.mark.parametrize("reason", [reason for reason in LostReason if reason is not LostReason.UNKNOWN])
def test_a_deal_is_given_up_from_anywhere_for_a_reason(
    stage: Stage, to: Position, reason: LostReason
) -> None:
    move = advance(deal(stage), to, reason_code=reason, now=NOW)
    assert (move.stage, move.status, move.reason_code) == (stage, Status(to), reason)


@pytest.mark.parametrize("to", [Position.LOST, Position.ABANDONED])
@pytest.mark.parametrize("reason", [None, LostReason.UNKNOWN])
def test_a_deal_is_not_given_up_without_a_known_reason(to: Position, reason: LostReason | None) -> None:
    assert refusal(deal(Stage.BIDDING), to, reason_code=reason) == {"reason_code": "required"}


@pytest.mark.parametrize("to", [Position.SHORTLIST, Position.CONTRACTING])
def test_a_reason_code_is_for_giving_up_alone(to: Position) -> None:
    assert refusal(deal(Stage.BIDDING), to, reason_code=LostReason.PRICE) == {"reason_code": "not_wanted"}


@pytest.mark.parametrize("status", CLOSED)
@pytest.mark.parametrize("last", Stage)
@pytest.mark.parametrize("to", Stage)
def test_a_closed_deal_opens_again_not_beyond_its_last_stage(status: Status, last: Stage, to: Stage) -> None:
    if to.step > last.step:
        assert refusal(deal(last, status), Position(to)) == {"to": "not_from_here"}
    else:
        move = advance(deal(last, status), Position(to), note="they came back", now=NOW)
        assert (move.origin, move.stage, move.status) == (Position(status), to, Status.OPEN)


@pytest.mark.parametrize("status", CLOSED)
def test_a_closed_deal_does_not_open_again_without_a_note(status: Status) -> None:
    assert refusal(deal(Stage.BIDDING, status), Position.BIDDING, note=None) == {"note": "required"}


@pytest.mark.parametrize("status", CLOSED)
@pytest.mark.parametrize("to", [Position.WON, Position.LOST, Position.ABANDONED])
def test_a_closed_deal_is_not_closed_otherwise_before_it_is_open_again(status: Status, to: Position) -> None:
    if to != status:
        reason = None if to is Position.WON else LostReason.PRICE
        assert refusal(deal(Stage.CONTRACTING, status), to, reason_code=reason) == {"to": "not_from_here"}


@pytest.mark.parametrize(
    ("stage", "to"),
    [
        (Stage.ENGAGEMENT, Position.SHORTLIST),
        (Stage.CONTRACTING, Position.BIDDING),
        (Stage.CONTRACTING, Position.WON),
    ],
)
def test_a_deal_without_an_account_goes_no_further_than_engagement(stage: Stage, to: Position) -> None:
    assert refusal(deal(stage, account_id=None), to) == {"account_id": "required"}


@pytest.mark.parametrize(
    ("stage", "to", "reason"),
    [
        (Stage.TARGETING, Position.ENGAGEMENT, None),
        (Stage.CONTRACTING, Position.ENGAGEMENT, None),
        (Stage.CONTRACTING, Position.LOST, LostReason.OTHER),
        (Stage.ENGAGEMENT, Position.ABANDONED, LostReason.NO_BUDGET),
    ],
)
def test_a_deal_without_an_account_moves_up_to_engagement_and_out(
    stage: Stage, to: Position, reason: LostReason | None
) -> None:
    move = advance(deal(stage, account_id=None), to, reason_code=reason, note="so it is", now=NOW)
    assert move.to == to


def test_a_refused_move_names_everything_that_is_wrong() -> None:
    lost = deal(Stage.TARGETING, Status.LOST, account_id=None)
    assert refusal(
        lost, Position.BIDDING, reason_code=LostReason.PRICE, note=None, at=NOW + timedelta(1)
    ) == {
        "to": "not_from_here",
        "reason_code": "not_wanted",
        "note": "required",
        "account_id": "required",
        "moved_at": "in_future",
    }


def test_a_refused_move_says_where_the_deal_can_go() -> None:
    with pytest.raises(Invalid) as caught:
        advance(deal(Stage.TARGETING), Position.WON, now=NOW)
    assert caught.value.errors == (
        FieldError(
            "to",
            "not_from_here",
            "The deal is open in TARGETING; from there it can go to ENGAGEMENT, LOST, ABANDONED.",
        ),
    )


def test_a_move_keeps_its_time_and_how_long_the_stage_lasted_in_whole_minutes() -> None:
    move = advance(deal(Stage.TARGETING), Position.ENGAGEMENT, now=NOW)
    assert move.moved_at == NOW
    assert move.origin_minutes == 3 * 24 * 60 + 7


def test_a_move_out_of_a_closed_deal_says_how_long_it_was_closed() -> None:
    reopened = advance(deal(Stage.BIDDING, Status.LOST), Position.BIDDING, note="again", now=NOW)
    assert reopened.origin_minutes == 3 * 24 * 60 + 7


def test_a_move_may_carry_an_earlier_day_in_any_offset() -> None:
    yesterday = (NOW - timedelta(days=1)).astimezone(timezone(timedelta(hours=8)))
    move = advance(deal(Stage.TARGETING), Position.ENGAGEMENT, at=yesterday, now=NOW)
    assert move.moved_at == yesterday
    assert move.origin_minutes == 2 * 24 * 60 + 7


def test_a_move_lies_neither_in_the_future_nor_before_the_last_one() -> None:
    assert refusal(deal(Stage.BIDDING), Position.CONTRACTING, at=NOW + timedelta(microseconds=1)) == {
        "moved_at": "in_future"
    }
    assert refusal(deal(Stage.BIDDING), Position.CONTRACTING, at=CAME - timedelta(microseconds=1)) == {
        "moved_at": "before_last_move"
    }
    assert advance(deal(Stage.BIDDING), Position.CONTRACTING, at=CAME, now=NOW).origin_minutes == 0
    assert advance(deal(Stage.BIDDING), Position.CONTRACTING, at=NOW, now=NOW).moved_at == NOW


def test_a_move_at_once_is_not_refused_for_a_clock_that_lags() -> None:
    move = advance(deal(Stage.BIDDING), Position.CONTRACTING, now=CAME - timedelta(milliseconds=5))
    assert (move.moved_at, move.origin_minutes) == (CAME, 0)


def test_how_long_is_unknown_when_the_last_move_is() -> None:
    imported = replace(deal(Stage.ENGAGEMENT), entered_at=None)
    assert advance(imported, Position.SHORTLIST, at=CAME, now=NOW).origin_minutes is None
    assert advance(imported, Position.SHORTLIST, now=NOW).moved_at == NOW


def test_an_account_is_needed_beyond_engagement_and_to_win() -> None:
    assert [to for to in Position if needs_account(to)] == [
        Position.SHORTLIST,
        Position.BIDDING,
        Position.CONTRACTING,
        Position.WON,
    ]
    assert [stage for stage in Stage if needs_account(stage)] == list(Stage)[2:]


def test_a_policy_may_ask_for_the_account_earlier() -> None:
    strict = policy_from({"account_free_until": "TARGETING"})
    with pytest.raises(Invalid, match="goes no further than TARGETING"):
        advance(deal(Stage.TARGETING, account_id=None), Position.ENGAGEMENT, now=NOW, policy=strict)


positions = st.builds(deal, st.sampled_from(Stage), st.sampled_from(Status))


@given(of=positions, to=st.sampled_from(Position))
def test_a_deal_moves_exactly_where_its_ways_lead(of: Deal, to: Position) -> None:
    reason = LostReason.OTHER if to in {Position.LOST, Position.ABANDONED} else None
    try:
        move = advance(of, to, reason_code=reason, note="why", now=NOW)
    except (Conflict, Invalid):
        assert to not in ways_on(of)
    else:
        assert to in ways_on(of)
        assert replace(of, stage=move.stage, status=move.status).position == to


@given(of=positions)
def test_no_way_leads_to_where_the_deal_stands(of: Deal) -> None:
    assert of.position not in ways_on(of)
