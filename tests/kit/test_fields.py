"""The types of fields that requests share: what they take and refuse of the odd characters."""

import sys
import unicodedata

import pytest
from pydantic import TypeAdapter, ValidationError

from services.kit.fields import Email, Line, Name, Website

UNSEEN = [
    char
    for char in map(chr, range(sys.maxunicode + 1))
    if char.isspace() or unicodedata.category(char) in ("Cc", "Zs", "Zl", "Zp") or char == "\ufeff"
]


SHAPES = {
    "name": (TypeAdapter[str](Name), "{}"),
    "line": (TypeAdapter[str](Line), "{}"),
    "local part": (TypeAdapter[str](Email), "a{}b@example.com"),
    "domain": (TypeAdapter[str](Email), "a@b{}c.com"),
    "last label": (TypeAdapter[str](Email), "a@b.c{}d"),
    "website": (TypeAdapter[str](Website), "https://example.com/{}x"),
}


@pytest.mark.parametrize("what", SHAPES)
def test_what_cannot_be_seen_is_no_text_and_in_no_address(what: str) -> None:
    taken, text = SHAPES[what]
    assert taken.validate_python(text.format("x"))
    for char in UNSEEN:
        with pytest.raises(ValidationError):
            taken.validate_python(text.format(char))


def test_texts_of_every_language_are_taken() -> None:
    assert TypeAdapter[str](Name).validate_python(" 王\u3000小明 ") == "王\u3000小明"
    assert TypeAdapter[str](Email).validate_python("Jürgen@Bücher.example") == "jürgen@bücher.example"
