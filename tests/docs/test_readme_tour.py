"""The README's tour, pasted line by line into bash, gives answers of the shape that the README shows."""

from collections.abc import Sequence

import pytest

from tests.docs.pasted import paste, steps
from tests.docs.readme import section
from tests.docs.shapes import differences, documents, fits
from tests.stack import RunningStack, on_the_stack

pytestmark = on_the_stack

TOUR = steps(section("A tour"))


@pytest.fixture(scope="module")
def answers(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """What each step of the tour printed; the last alone is refused."""
    told = paste(stack, TOUR, tmp_path_factory.mktemp("tour") / "tour.sh")
    assert list(told.failed) == [TOUR[-1].lines[-1]]
    return told.answers


@pytest.mark.parametrize("number", range(len(TOUR)), ids=[step.lines[-1][:60] for step in TOUR])
def test_answer_has_the_shape_that_is_shown(answers: Sequence[str], number: int) -> None:
    shown, told = TOUR[number].answer, answers[number]
    if shown.kind == "text":
        assert fits(shown.text, told)
    else:
        assert list(differences(documents(shown.text), documents(told))) == []


def test_tour_shows_what_a_newcomer_asks_for() -> None:
    pasted = "\n".join(line for step in TOUR for line in step.lines)
    for asked in (
        "token",
        "/v1/me",
        "?q=",
        "/view",
        "/relationship",
        "/evaluate",
        "/activities",
        "/stage",
        "tail",
    ):
        assert asked in pasted


def test_tour_needs_nothing_that_a_bare_machine_has_not() -> None:
    words = {line.replace("$(", " ").split()[0] for step in TOUR for line in step.lines}
    assert words <= {'PATH="$PWD/.venv/bin:$PATH"', "foothold", "export", "ACCOUNT=", "DEAL=", "NEW="}
