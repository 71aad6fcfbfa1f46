"""What differs between two values, as people read it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.differences import difference

BOSS, SELLER = {"member_id": "b", "function": "SALES"}, {"member_id": "s", "function": "RND"}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (1, 2, {}),
        (None, "x", {}),
        ("x", None, {}),
        (None, None, {}),
        (["1", "2"], ["2", "3"], {"added": ["3"], "removed": ["1"]}),
        (["1", "2"], ["2", "1"], {"added": [], "removed": []}),
        (["1"], ["1", "1"], {"added": ["1"], "removed": []}),
        (None, ["1"], {"added": ["1"], "removed": []}),
        (["1"], None, {"added": [], "removed": ["1"]}),
        (
            {"crm": "1", "erp": "2"},
            {"crm": "3", "mail": "4"},
            {
                "added": {"mail": "4"},
                "removed": {"erp": "2"},
                "changed": {"crm": {"from": "1", "to": "3"}},
            },
        ),
        (None, {"crm": "1"}, {"added": {"crm": "1"}, "removed": {}, "changed": {}}),
        # What was a list and is a map now has no items in common.
        ([1], {"a": 1}, {}),
    ],
)
def test_what_came_and_went_is_said_of_lists_and_maps(before: Any, after: Any, told: Any) -> None:
    assert difference("x", before, after) == {"field": "x", "from": before, "to": after} | told


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([BOSS], [BOSS, SELLER], {"added": [SELLER], "removed": [], "changed": []}),
        ([BOSS, SELLER], [SELLER], {"added": [], "removed": [BOSS], "changed": []}),
        (
            [BOSS, SELLER],
            [SELLER, BOSS | {"function": "CEO"}],
            {"added": [], "removed": [], "changed": [{"from": BOSS, "to": BOSS | {"function": "CEO"}}]},
        ),
        # What has been scrubbed has no identity any more.
        ([{}, None, BOSS], [BOSS], {"added": [], "removed": [], "changed": []}),
    ],
)
def test_objects_of_a_list_are_the_same_by_the_member_that_says_so(
    before: Any, after: Any, told: Any
) -> None:
    found = difference("team", before, after, "member_id")
    assert found == {"field": "team", "from": before, "to": after} | told


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_a_list_without_what_went_and_with_what_came_is_the_other(
    before: list[int], after: list[int]
) -> None:
    told = difference("x", before, after)
    left = list(before)
    for item in told["removed"]:
        left.remove(item)
    assert sorted(left + told["added"]) == sorted(after)
    assert not set(told["removed"]) & set(told["added"])


@given(*[st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2))] * 2)
def test_a_map_without_what_went_and_with_what_came_is_the_other(
    before: dict[str, int], after: dict[str, int]
) -> None:
    told = difference("x", before, after)
    left = {key: value for key, value in before.items() if key not in told["removed"]}
    turned = {key: each["to"] for key, each in told["changed"].items()}
    assert left | turned | told["added"] == after
    assert all(left[key] == each["from"] for key, each in told["changed"].items())
