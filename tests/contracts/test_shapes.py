"""Where the shape of a record differs from an example is told by its path."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

import pytest

from tests.contracts.shapes import differences

EXAMPLE: Final[dict[str, Any]] = {
    "topic": "contacts.events",
    "headers": {"ce_actor": "sub:someone"},
    "value": {
        "data": {
            "name": "Acme",
            "owner": {"member_id": "m"},
            "team": [{"member_id": "m"}, {"member_id": "n"}],
        },
        "changed": {"name": {"from": "A", "to": "Acme"}},
    },
}

Spoil = Callable[[Any], object]

DIFFERENT: Final[list[tuple[Spoil, str]]] = [
    (lambda it: it["value"]["data"].pop("name"), "value.data.name: missing"),
    (lambda it: it["value"]["data"].update(more=1), "value.data.more: not in the example"),
    (
        lambda it: it["value"]["data"].update(name=1),
        "value.data.name: a number where the example has a string",
    ),
    (lambda it: it["value"]["data"]["team"][1].pop("member_id"), "value.data.team[].member_id: missing"),
    (lambda it: it["headers"].pop("ce_actor"), "headers.ce_actor: missing"),
]


def test_a_record_of_the_same_shape_has_no_differences() -> None:
    other = deepcopy(EXAMPLE)
    other["value"] = {"data": {"name": "Other", "owner": None, "team": []}, "changed": {}}
    assert differences(EXAMPLE, other) == []


@pytest.mark.parametrize(("spoil", "said"), DIFFERENT)
def test_a_difference_of_shape_is_named(spoil: Spoil, said: str) -> None:
    emitted = deepcopy(EXAMPLE)
    spoil(emitted)
    assert differences(EXAMPLE, emitted) == [said]
