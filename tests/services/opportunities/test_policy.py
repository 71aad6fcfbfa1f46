"""The numbers of the method, their rounding, the probability table, and files that set other numbers."""

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.opportunities.policy import (
    DEFAULT,
    Influence,
    Policy,
    PolicyError,
    Rating,
    Role,
    Stage,
    Stance,
    Status,
    policy_from,
    read_policy,
    rounded,
)

PROBABILITIES = {
    Stage.TARGETING: (12, 12, 11, 9, 7, 6, 3),
    Stage.ENGAGEMENT: (30, 29, 26, 21, 18, 15, 6),
    Stage.SHORTLIST: (54, 52, 47, 38, 32, 27, 11),
    Stage.BIDDING: (78, 75, 68, 55, 46, 39, 16),
    Stage.CONTRACTING: (95, 95, 95, 77, 63, 54, 23),
}
RATINGS = (
    Rating.IDEAL,
    Rating.FAVOURABLE,
    Rating.SOLID,
    Rating.CONTESTED,
    Rating.UNKNOWN,
    Rating.WEAK,
    Rating.HOSTILE,
)
CELLS = [
    pytest.param(stage, rating, expected, id=f"{stage}-{rating}")
    for stage, row in PROBABILITIES.items()
    for rating, expected in zip(RATINGS, row, strict=True)
]


@pytest.mark.parametrize(("stage", "rating", "expected"), CELLS)
def test_probability_of_an_open_deal_is_that_of_its_stage_and_rating(
    stage: Stage, rating: Rating, expected: int
) -> None:
    assert DEFAULT.probability(stage, Status.OPEN, rating) == expected


@pytest.mark.parametrize(("status", "expected"), [(Status.WON, 100), (Status.LOST, 0), (Status.ABANDONED, 0)])
@pytest.mark.parametrize("rating", Rating)
def test_a_closed_deal_is_certain(status: Status, expected: int, rating: Rating) -> None:
    assert DEFAULT.probability(Stage.CONTRACTING, status, rating) == expected


def test_an_open_deal_is_never_impossible() -> None:
    hopeless = policy_from({"rating_factors": {"HOSTILE": 0}})
    assert hopeless.probability(Stage.TARGETING, Status.OPEN, Rating.HOSTILE) == 1


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (5, 2, 3),
        (-5, 2, -3),
        (1, 2, 1),
        (-1, 2, -1),
        (4, 3, 1),
        (-4, 3, -1),
        (5, 3, 2),
        (0, 7, 0),
        (50, 1, 50),
    ],
)
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int, expected: int) -> None:
    assert rounded(numerator, denominator) == expected


@given(numerator=st.integers(-(10**9), 10**9), denominator=st.integers(1, 10**6))
def test_rounding_is_never_off_by_more_than_a_half(numerator: int, denominator: int) -> None:
    off = abs(rounded(numerator, denominator) - Fraction(numerator, denominator))
    assert off <= Fraction(1, 2)
    assert rounded(-numerator, denominator) == -rounded(numerator, denominator)


POINTS = {
    Stance.FRIEND: (3, 4, 5),
    Stance.SUPPORTER: (1, 2, 3),
    Stance.NEUTRAL: (0, 0, 0),
    Stance.OPPONENT: (-1, -2, -3),
    Stance.ENEMY: (-3, -4, -5),
    Stance.UNKNOWN: (0, 0, 0),
}


@pytest.mark.parametrize(("stance", "expected"), POINTS.items())
def test_points_follow_stance_and_degree(stance: Stance, expected: tuple[int, int, int]) -> None:
    assert tuple(DEFAULT.points(stance, degree) for degree in (1, 2, 3)) == expected


WEIGHTS = {
    Role.APPROVER: 5,
    Role.DECISION_MAKER: 5,
    Role.EVALUATOR: 3,
    Role.PROCUREMENT: 3,
    Role.FINANCE: 2,
    Role.USER: 2,
    Role.INFLUENCER: 2,
    Role.COACH: 1,
    Role.GATEKEEPER: 1,
    Role.SPONSOR: 0,
}


def test_every_role_and_influence_has_the_weight_of_the_method() -> None:
    assert dict(DEFAULT.role_weights) == WEIGHTS
    assert dict(DEFAULT.influence_factors) == {Influence.L: 1, Influence.M: 2, Influence.H: 3}


def test_stages_are_counted_from_one_to_five() -> None:
    assert [stage.step for stage in Stage] == [1, 2, 3, 4, 5]


def test_the_default_policy_cannot_be_written_to() -> None:
    with pytest.raises(TypeError):
        DEFAULT.role_weights[Role.USER] = 9  # pyright: ignore[reportIndexIssue]


def test_a_toml_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("most_friends = 3\n[role_weights]\nUSER = 3\n", encoding="utf-8")
    policy = read_policy(path)
    assert policy.most_friends == 3
    assert policy.role_weights[Role.USER] == 3
    assert policy.role_weights[Role.APPROVER] == 5
    assert policy.stage_probabilities == DEFAULT.stage_probabilities


def test_a_json_file_changes_roles_and_stages(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    path.write_text('{"veto_roles": ["USER"], "coach_from": "BIDDING"}', encoding="utf-8")
    policy = read_policy(path)
    assert policy.veto_roles == frozenset({Role.USER})
    assert policy.coach_from is Stage.BIDDING


def test_an_empty_file_of_settings_is_the_method_itself() -> None:
    assert policy_from({}) == DEFAULT


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"role_weight": {}}, r"role_weight: no such key; there are stage_probabilities, "),
        ({"stage_ages_days": {"BIDDING": 90}}, r"stage_ages_days: no such key; there are "),
        ({"role_weights": 3}, r"role_weights: must be a table of whole numbers by APPROVER, "),
        ({"role_weights": {"BOSS": 3}}, r"role_weights\.BOSS: no such entry; there are APPROVER, "),
        (
            {"role_weights": {"USER": "3"}},
            r"role_weights\.USER: must be a whole number from 0 to 100, not '3'",
        ),
        ({"role_weights": {"USER": True}}, r"role_weights\.USER: must be a whole number"),
        ({"role_weights": {"USER": 2.0}}, r"role_weights\.USER: must be a whole number"),
        ({"role_weights": {"USER": -1}}, r"role_weights\.USER: must be a whole number"),
        (
            {"stage_probabilities": {"BIDDING": 101}},
            r"stage_probabilities\.BIDDING: .* from 0 to 100, not 101",
        ),
        (
            {"stance_magnitudes": {"NEUTRAL": 2}},
            r"stance_magnitudes\.NEUTRAL: no such entry; there are FRIEND",
        ),
        ({"core_roles": "USER"}, r"core_roles: must be a list of roles"),
        ({"core_roles": []}, r"core_roles: must be a list of roles"),
        ({"core_roles": ["USER", "BOSS"]}, r"core_roles\[1\]: must be one of APPROVER, .* not 'BOSS'"),
        ({"coach_from": "LATER"}, r"coach_from: must be one of TARGETING, .* not 'LATER'"),
        ({"coach_from": 2}, r"coach_from: must be one of"),
        ({"network_days": None}, r"network_days: must be a whole number from 1 to 3650, not None"),
        ({"lowest_probability": 96}, r"lowest_probability: must not be above highest_probability"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_key(settings: dict[str, object], message: str) -> None:
    with pytest.raises(PolicyError, match=f"^{message}"):
        policy_from(settings)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("policy.toml", b"most_friends = ", "cannot be read"),
        ("policy.json", b"{", "cannot be read"),
        ("policy.json", b"\xff\xfe{}", "cannot be read"),
        ("policy.json", b"[]", "must hold one object"),
        ("policy.json", b'{"most_friends": NaN}', "most_friends: must be a whole number"),
        ("policy.toml", b"most_friends = -1", "most_friends: must be a whole number from 0 to 1000, not -1"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_its_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PolicyError) as refusal:
        read_policy(path)
    assert str(refusal.value).startswith(f"{path}: {message}")


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.toml: cannot be read: .*No such file"):
        read_policy(tmp_path / "nowhere.toml")


def test_the_highest_points_follow_the_magnitudes() -> None:
    assert Policy().most_points == 5
    assert policy_from({"stance_magnitudes": {"ENEMY": 7}}).most_points == 8
