"""What is demanded is judged, wherever it stands; what is only shown never is."""

import io

import pytest
from rich.console import Console

from tests.bench.figures import WIDTH, Figure, Wanted, end, missed, show

P99 = Wanted("p99 ms", most=50)
RATIO = Wanted("of the floor", least=5)
MEMORY = Wanted("amount", most=200)


def console() -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, width=WIDTH), written


@pytest.mark.parametrize(
    "kept",
    [
        Figure("effect", 20, "/s", 10, 50, wanted=P99),
        Figure("catching up", 500, "/s", floor=100, wanted=RATIO),
        Figure("memory", 200, "MB", wanted=MEMORY),
        Figure("create deal", 1, "/s", 900, 9_000, floor=5_000, refused=3),
    ],
)
def test_what_keeps_its_bound_or_has_none_is_not_missed(kept: Figure) -> None:
    assert missed([kept]) == []


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (Figure("effect", 20, "/s", 10, 50.1, wanted=P99), "effect: 50.10, wanted p99 ms <= 50"),
        (Figure("effect", 0, "/s", wanted=P99), "effect: nothing, wanted p99 ms <= 50"),
        (Figure("effect", 1, "/s", 1, float("nan"), wanted=P99), "effect: nan, wanted p99 ms <= 50"),
        (
            Figure("catching up", 499, "/s", floor=100, wanted=RATIO),
            "catching up: 4.99, wanted of the floor >= 5",
        ),
        (Figure("catching up", 499, "/s", wanted=RATIO), "catching up: nothing, wanted of the floor >= 5"),
        (Figure("memory", 1_201, "MB", wanted=MEMORY), "memory: 1,201.00, wanted amount <= 200"),
        (Figure("memory", 90, "MB", refused=2, wanted=MEMORY), "memory: 2 refused or never seen"),
    ],
)
def test_what_is_beyond_its_bound_or_was_never_found_is_missed(figure: Figure, said: str) -> None:
    assert missed([Figure("floor", 100, "/s"), figure]) == [said]


def test_the_table_shows_what_is_wanted_and_what_is_missed() -> None:
    told, written = console()
    show([Figure("good", 100, "MB", wanted=MEMORY), Figure("bad", 300, "MB", wanted=MEMORY)], told)
    _, good, bad = written.getvalue().rstrip().splitlines()
    assert good.rstrip().endswith("amount <= 200")
    assert bad.rstrip().endswith("amount <= 200 MISSED")


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ([], 0, "Nothing that is demanded is missed.\n"),
        (["a: 2, wanted [x]", "b"], 1, "Missed: a: 2, wanted [x]\nMissed: b\n"),
    ],
)
def test_the_end_says_all_that_is_missed(wrong: list[str], code: int, said: str) -> None:
    told, written = console()
    with pytest.raises(SystemExit) as ended:
        end(wrong, told)
    assert (ended.value.code, written.getvalue()) == (code, said)
