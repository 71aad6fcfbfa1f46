"""The committed schemas are those that the code declares, and a difference is told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploy.local.schemas import DIRECTORY, RELEASED, declared, releasable, states
from services.kit.contract import write_schemas
from tests.contracts.compatibility.states import breaks
from tests.contracts.examples import EXAMPLES, KEYS, key_of

"""Of each released type, the member of the state that is its key; "" where the state does not hold it."""


def differing(directory: Path) -> list[str]:
    """The names of files that are missing, stale or superfluous under the directory."""
    files = declared()
    there = {path.name: path.read_bytes() for path in directory.glob("*.json")}
    return sorted(name for name in there.keys() | files.keys() if there.get(name) != files.get(name))


def test_the_committed_schemas_are_what_the_services_declare() -> None:
    assert not differing(DIRECTORY), "make schemas, and commit what has changed"


def test_a_planted_difference_is_told(tmp_path: Path) -> None:
    write_schemas(tmp_path, declared())
    assert differing(tmp_path) == []
    planted = tmp_path / "account.v1.json"
    schema = json.loads(planted.read_bytes())
    del schema["properties"]["owner_id"]
    planted.write_text(json.dumps(schema))
    (tmp_path / "contact.created.v1.json").unlink()
    (tmp_path / "contact.promoted.v1.json").write_text("{}")
    assert differing(tmp_path) == [
        "account.v1.json",
        "contact.created.v1.json",
        "contact.promoted.v1.json",
    ]


def test_what_is_released_is_not_broken() -> None:
    present = states()
    for path in RELEASED.glob("*.v*.json"):
        assert path.name in present, f"{path.name} is released, and is told no more"
        assert breaks(json.loads(path.read_bytes()), json.loads(present[path.name])) == [], path.name


def test_everything_that_is_told_is_released() -> None:
    assert {path.name for path in RELEASED.glob("*.json")} == releasable().keys()


def test_every_released_type_is_told_under_the_key_that_it_has() -> None:
    assert {type_: key_of(example) for type_, example in EXAMPLES.items()} == KEYS


def test_a_changed_key_is_told() -> None:
    example = EXAMPLES["contact.created"]
    assert key_of(example) == "account_id"
    assert key_of({**example, "key": example["value"]["data"]["id"]}) == "id"


def _without(schema: dict[str, Any]) -> None:
    del schema["properties"]["owner_id"]
    schema["required"].remove("owner_id")


def _narrowed(schema: dict[str, Any]) -> None:
    schema["properties"]["owner_id"] = {"type": "string", "format": "uuid"}


def _widened(schema: dict[str, Any]) -> None:
    schema["properties"]["name"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def _other(schema: dict[str, Any]) -> None:
    schema["properties"]["name"] = {"type": "integer"}


def _newly_required(schema: dict[str, Any]) -> None:
    schema["properties"]["motto"] = {"type": "string"}
    schema["required"].append("motto")


def _not_required(schema: dict[str, Any]) -> None:
    schema["required"].remove("name")


def _fewer_words(schema: dict[str, Any]) -> None:
    schema["$defs"]["AccountKind"]["enum"].remove("CHANNEL")


def _only_words(schema: dict[str, Any]) -> None:
    schema["properties"]["name"] = {"type": "string", "enum": ["Acme"]}


def _any_word(schema: dict[str, Any]) -> None:
    del schema["$defs"]["AccountKind"]["enum"]


def _bounded(schema: dict[str, Any]) -> None:
    schema["properties"]["name"] |= {"maxLength": 10, "pattern": "^A"}
    schema["properties"]["team"] |= {"maxItems": 3}
    schema["properties"]["industry"]["anyOf"][0] |= {"minLength": 5}


def _inside(schema: dict[str, Any]) -> None:
    del schema["$defs"]["SeatState"]["properties"]["function"]


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (_without, [".owner_id: is gone"]),
        (_narrowed, [".owner_id: was null, and is not any more"]),
        (_widened, [".name: is null, and was not"]),
        (_other, [".name: is integer, and was not", ".name: was string, and is not any more"]),
        (_newly_required, [".motto: is required, and was not"]),
        (_not_required, [".name: was required"]),
        (_fewer_words, [".account_kind: does not say CHANNEL any more"]),
        (_only_words, [".name: says one of few words now"]),
        (_any_word, [".account_kind: said one of few words"]),
        (
            _bounded,
            [
                ".industry: minLength was not said, and is 5",
                ".name: maxLength was not said, and is 10",
                ".name: pattern was not said, and is ^A",
                ".team: maxItems was not said, and is 3",
            ],
        ),
        (_inside, [".team.[].function: is gone"]),
    ],
)
def test_a_planted_break_is_told(plant: Callable[[dict[str, Any]], None], told: list[str]) -> None:
    released = json.loads(states()["account.v1.json"])
    present = json.loads(states()["account.v1.json"])
    plant(present)
    assert breaks(released, present) == told


def test_what_is_only_added_breaks_nothing() -> None:
    released = json.loads(states()["account.v1.json"])
    present = json.loads(states()["account.v1.json"])
    present["properties"]["motto"] = {"type": "string"}
    present["$defs"]["AccountKind"]["enum"].append("PARTNER")
    present["description"] = "said otherwise"
    assert breaks(released, present) == []
