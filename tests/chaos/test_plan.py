"""The seed alone decides what goes wrong, when and to whom; and histories are read as they were written."""

from pathlib import Path

import pytest

from tests.chaos import history
from tests.chaos.history import Answer, Scribe, Wish
from tests.chaos.plan import KINDS, plan
from tests.chaos.sabotage import MISTAKES


def test_same_seed_has_the_same_plan_and_another_has_another() -> None:
    assert plan(7, 25) == plan(7, 25)
    assert plan(7, 25) != plan(8, 25)


def test_longer_plan_begins_like_the_shorter() -> None:
    assert plan(7, 25)[:5] == plan(7, 5)


def test_every_kind_of_fault_comes_in_its_time() -> None:
    assert {fault.kind for fault in plan(7, 1000)} == set(KINDS)


def test_pause_of_a_consumer_is_longer_than_its_session() -> None:
    pauses = [fault.seconds for fault in plan(7, 1000) if fault.kind == "pause worker"]
    assert min(pauses) > 10.0


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_names_faults_that_there_are(name: str) -> None:
    assert MISTAKES[name].weights.keys() <= KINDS.keys()
    assert len({fault.kind for fault in plan(7, 50, MISTAKES[name].weights)}) == len(MISTAKES[name].weights)


def test_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    scribe = Scribe(tmp_path / "client-1.jsonl")
    wish = Wish("contacts", "account", "POST", "/v1/accounts", {"name": "云山"})
    answers = [
        Answer(None, trouble="ReadTimeout"),
        Answer(503, {"code": "database"}),
        Answer(201, {"id": "1"}, '"1"'),
    ]
    for number, answer in enumerate(answers, 1):
        scribe.sends("op-1", number, wish)
        scribe.hears("op-1", number, answer)
    scribe.sends("op-2", 1, wish)
    scribe.close()
    operations = history.read(tmp_path)
    assert operations["op-1"].wish == wish
    assert operations["op-1"].answers == answers
    assert operations["op-1"].acknowledged == answers[2]
    assert operations["op-2"].answers == []


@pytest.mark.parametrize(
    ("answer", "definite"),
    [
        (Answer(201), True),
        (Answer(412), True),
        (Answer(409, {"code": "already_there"}), True),
        (Answer(409, {"code": "request_running"}), False),
        (Answer(429), False),
        (Answer(503), False),
        (Answer(None, trouble="ReadTimeout"), False),
    ],
)
def test_only_what_is_definite_ends_a_clients_asking(answer: Answer, definite: bool) -> None:
    assert answer.definite == definite
