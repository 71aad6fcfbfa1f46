"""The comparison of shapes notices what it is there to notice."""

import pytest

from tests.docs.shapes import differences, documents, fits


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"id": "a", "amount": 1}, {"id": "b", "amount": 2}),
        ({"id": "a", "…": "…"}, {"id": "b", "amount": 2, "more": []}),
        ([1], [1, 2, 3]),
        ([], []),
        ({"a": None}, {"a": None}),
        ({"a": [{"b": True}]}, {"a": [{"b": False}, {"b": True}]}),
    ],
)
def test_same_shape(shown: object, told: object) -> None:
    assert list(differences(shown, told)) == []


@pytest.mark.parametrize(
    ("shown", "told", "said"),
    [
        ({"id": "a"}, {"id": 1}, "answer.id is int, not str"),
        ({"id": "a"}, {"id": None}, "answer.id is null, not str"),
        ({"id": None}, {"id": "a"}, "answer.id is str, not null"),
        ({"on": True}, {"on": 1}, "answer.on is int, not bool"),
        ({"id": "a"}, {}, "answer has no id"),
        ({"id": "a", "…": "…"}, {"x": 1}, "answer has no id"),
        ({}, {"id": "a"}, "answer has id, which is not shown"),
        ({"a": {"b": 1}}, {"a": {"b": "1"}}, "answer.a.b is str, not int"),
        ({"a": {}}, {"a": []}, "answer.a is list, not an object"),
        ([1], {}, "answer is dict, not a list"),
        ([1], [], "answer has 0 entries, not 1"),
        ([], [1], "answer has 1 entries, not 0"),
        ([{"a": 1}], [{"a": "x"}], "answer.0.a is str, not int"),
    ],
)
def test_other_shape(shown: object, told: object, said: str) -> None:
    assert list(differences(shown, told)) == [said]


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        ({"id": "…", "amount": 1}, {"id": "b", "amount": 1}),
        ({"total": "…"}, {"total": 7}),
        ({"at": "/v1/accounts/…"}, {"at": "/v1/accounts/7"}),
        ([{"on": True, "…": "…"}], [{"on": True, "more": 1}, {}]),
    ],
)
def test_same_as_shown_exactly(shown: object, told: object) -> None:
    assert list(differences(shown, told, exact=True)) == []


@pytest.mark.parametrize(
    ("shown", "told", "said"),
    [
        ({"a": 1}, {"a": 2}, "answer.a is 2, not 1"),
        ({"a": 1}, {"a": True}, "answer.a is True, not 1"),
        ([{"a": "x"}], [{"a": "y"}], "answer.0.a is 'y', not 'x'"),
        (
            {"at": "/v1/accounts/…"},
            {"at": "/v1/contacts/7"},
            "answer.at is '/v1/contacts/7', not '/v1/accounts/…'",
        ),
        ({"a": None}, {"a": "x"}, "answer.a is 'x', not None"),
        ({"a": {"…": "…"}}, {"a": []}, "answer.a is list, not an object"),
    ],
)
def test_other_than_shown_exactly(shown: object, told: object, said: str) -> None:
    assert list(differences(shown, told, exact=True)) == [said]


def test_documents_stand_one_after_the_other() -> None:
    assert documents('{"a": 1}\n{"b": 2}\n[3]') == [{"a": 1}, {"b": 2}, [3]]


def test_dots_stand_for_anything_in_a_line() -> None:
    assert fits("eyJ…", "eyJhbGciOi.x.y\n")
    assert not fits("eyJ…", "eyJ")
    assert not fits("eyJ…", "a trace\neyJx")
