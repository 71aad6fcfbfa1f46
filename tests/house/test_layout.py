"""Whoever has read one folder can open any other blind: the same names everywhere."""

import subprocess
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from tests.house.layout import EMPTY_WORDS, LONGEST, TOP, departures

ROOT = Path(__file__).parents[2]


def test_everything_is_where_it_belongs() -> None:
    assert departures(ROOT) == []


def test_the_top_level_is_fixed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    folders = {name.partition("/")[0] for name in listed.decode().split("\0") if "/" in name}
    assert {folder for folder in folders if not folder.startswith(".")} <= TOP


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house, to be spoilt."""
    copy = tmp_path_factory.mktemp("house")
    for package in ("services", "gateway", "deploy", "examples"):
        copytree(ROOT / package, copy / package, ignore=ignore_patterns("__pycache__", "*.csv", "*.lock"))
    return copy


CODE = '"""Says what it is."""\n\nANSWER = 42\n'


@pytest.mark.parametrize(
    ("path", "text", "departure"),
    [
        ("services/billing/main.py", CODE, "services/billing is no service of the house"),
        ("services/contacts/scoring.py", CODE, "services/contacts/scoring.py belongs into a folder"),
        ("services/contacts/plans/routes.py", CODE, "services/contacts/plans has routes without schemas"),
        ("services/contacts/overview/score.py", CODE, "services/contacts/overview/score.py is no room"),
        (
            "services/contacts/accounts/old/routes.py",
            CODE,
            "services/contacts/accounts/old is a folder in a folder",
        ),
        (
            "services/activities/timelogs/helpers.py",
            CODE,
            "services/activities/timelogs/helpers.py is named after",
        ),
        ("services/kit/json_utils.py", CODE, "services/kit/json_utils.py is named after nothing"),
        ("gateway/common/urls.py", CODE, "gateway/common/urls.py is named after nothing"),
        ("examples/reporting/tools.py", CODE, "examples/reporting/tools.py is named after nothing"),
        ("services/kit/silent.py", "ANSWER = 42\n", "services/kit/silent.py does not say what it is"),
        (
            "services/contacts/people/domain.py",
            '"""Rules."""\n',
            "services/contacts/people/domain.py is empty",
        ),
        (
            "services/contacts/people/domain.py",
            CODE + "#\n" * LONGEST,
            f"services/contacts/people/domain.py has more than {LONGEST} lines",
        ),
    ],
)
def test_each_departure_is_found(tree: Path, path: str, text: str, departure: str) -> None:
    module = tree / path
    before = module.read_text(encoding="utf-8") if module.exists() else None
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text(text, encoding="utf-8")
    assert [said for said in departures(tree) if said.startswith(departure)]
    if before is None:
        module.unlink()
    else:
        module.write_text(before, encoding="utf-8")


def test_a_name_that_says_nothing_is_one_whole_word() -> None:
    assert "data" in EMPTY_WORDS
    assert not any(word in EMPTY_WORDS for word in ("database", "processes", "basement", "corelation"))
