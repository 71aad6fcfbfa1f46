"""A text of which blanks are taken off is measured without them, and its schema says so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from services.contacts.accounts.schemas import Website
from services.contacts.people.schemas import Phone
from services.kit.fields import Email, Line, Name


def takes(texts: TypeAdapter[Any], text: str) -> bool:
    try:
        texts.validate_python(text)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "alphabet"),
    [
        (Name, " \n\u3000a"),
        (Line, " \n\u3000a"),
        (Phone, " +1.x"),
        (Email, " @a."),
        (Website, " htps:/"),
    ],
    ids=["name", "line", "phone", "email", "website"],
)
def test_what_the_schema_of_a_text_lets_in_is_taken(kind: Any, alphabet: str) -> None:
    texts = TypeAdapter[Any](kind)
    schema = Draft202012Validator(texts.json_schema())

    @given(st.text(alphabet, max_size=8))
    def taken(text: str) -> None:
        assert takes(texts, text) or not schema.is_valid(text)

    taken()


@pytest.mark.parametrize(("text", "taken"), [(" 110 ", True), ("12 ", False), ("+  ", False), ("+1.", True)])
def test_a_phone_has_three_characters_without_blanks_around_it(text: str, taken: bool) -> None:
    assert takes(TypeAdapter(Phone), text) is taken
