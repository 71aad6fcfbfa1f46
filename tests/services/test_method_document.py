"""docs/method.md says what the code computes: its tables are read and held against the policy and the rules."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.activities.engagements.domain import ActivityType
from services.activities.timelogs.domain import Robber, TimeCategory
from services.opportunities.policy import DEFAULT, Influence, Rating, Role, Stage, Stance, Status, policy_from
from services.opportunities.stakeholders.balance import Person
from services.opportunities.stakeholders.domain import evaluate
from services.opportunities.stakeholders.structure import Link

METHOD = Path(__file__).parents[2] / "docs" / "method.md"


def tables() -> Iterator[list[dict[str, str]]]:
    """The tables of the document, each a list of rows by column."""
    lines: list[list[str]] = []
    for line in [*METHOD.read_text(encoding="utf-8").splitlines(), ""]:
        if line.startswith("|"):
            lines.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
        elif lines:
            head, _, *rows = lines
            yield [dict(zip(head, row, strict=True)) for row in rows]
            lines = []


def table(*columns: str) -> list[dict[str, str]]:
    """The one table that has all of these columns."""
    [found] = [rows for rows in tables() if set(columns) <= set(rows[0])]
    return found


def people_of(cell: str) -> list[Person]:
    people: list[Person] = []
    for notation in filter(None, cell.split("; ")):
        roles, influence, stance, *degree = notation.split("/")
        held = frozenset(Role(role) for role in roles.split("+"))
        people.append(
            Person(roles, held, Influence(influence), Stance(stance), int(degree[0]) if degree else 2)
        )
    return people


def links_of(cell: str) -> list[Link]:
    pairs = [link.split(" - ") for link in filter(None, cell.split("; "))]
    return [(one, other) for one, other in pairs]


MAPS = {row["id"]: row for row in table("id", "people", "links")}


@pytest.mark.parametrize("row", table("id", "W", "S", "O"), ids=lambda row: row["id"])
def test_a_worked_scenario_reads_as_the_document_says(row: dict[str, str]) -> None:
    given = MAPS[row["id"]]
    reading = evaluate(Stage.ENGAGEMENT, Status.OPEN, people_of(given["people"]), links_of(given["links"]))
    assert [row[column] for column in ("W", "S", "O", "balance", "score")] == [
        str(number)
        for number in (
            reading.weight_total,
            reading.support,
            reading.opposition,
            reading.balance,
            reading.score,
        )
    ]
    assert [row[column] for column in ("foothold", "surface", "network", "rating", "next move")] == [
        reading.foothold,
        reading.surface,
        reading.network,
        reading.rating,
        reading.next_move.code,
    ]
    assert row["warnings"].split() == [each.code for each in reading.warnings]


def test_every_scenario_has_its_reading() -> None:
    assert list(MAPS) == [row["id"] for row in table("id", "W")] == [f"RS{number}" for number in range(1, 13)]


def test_stages_are_documented_with_their_numbers() -> None:
    assert [(row["step"], row["stage"], row["p"]) for row in table("step", "stage", "p")] == [
        (str(stage.step), stage, str(DEFAULT.stage_probabilities[stage])) for stage in Stage
    ]


def test_probabilities_are_documented_cell_by_cell() -> None:
    factors, *rows = table("stage \\ rating")
    assert {rating: factors[rating] for rating in Rating} == {
        rating: str(factor) for rating, factor in DEFAULT.rating_factors.items()
    }
    for row in rows:
        stage = Stage(row["stage \\ rating"])
        for rating in Rating:
            assert int(row[rating]) == DEFAULT.probability(stage, Status.OPEN, rating)


def test_roles_are_documented_with_weight_and_veto() -> None:
    rows = table("role", "weight", "veto")
    assert {row["role"]: int(row["weight"]) for row in rows} == dict(DEFAULT.role_weights)
    assert {row["role"] for row in rows if row["veto"] != "-"} == DEFAULT.veto_roles
    assert {row["role"] for row in rows[:6]} == DEFAULT.buying_roles


def test_stances_are_documented_with_their_points() -> None:
    for row in table("stance", "degree 1"):
        points = [DEFAULT.points(Stance(row["stance"]), degree) for degree in (1, 2, 3)]
        assert [int(row[f"degree {degree}"]) for degree in (1, 2, 3)] == points


def test_activity_types_are_documented() -> None:
    assert [row["type"] for row in table("type", "group")] == list(ActivityType)


def test_time_categories_and_robbers_are_documented() -> None:
    assert [row["category"] for row in table("category", "what it is")] == list(TimeCategory)
    assert [row["robber"] for row in table("robber", "family")] == list(Robber)


def test_the_settings_shown_are_settings() -> None:
    shown = METHOD.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert policy_from(tomllib.loads(shown)) != DEFAULT
