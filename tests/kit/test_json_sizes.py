"""What a body may hold: how deep, how many keys, how many items."""

import pytest

from services.kit.problems import BadRequest, Invalid
from services.kit.strict import parse_json


@pytest.mark.parametrize("opened", ["[", '{"a":'])
def test_a_body_is_nested_so_deep_and_no_deeper(opened: str) -> None:
    closed = "]" if opened == "[" else "}"
    parse_json((opened * 31 + "[]" + closed * 31).encode())
    for depth in (32, 500, 200_000):
        with pytest.raises(BadRequest) as refused:
            parse_json((opened * depth + "[]" + closed * depth).encode())
        assert refused.value.code == "json_depth"


def test_brackets_in_texts_and_side_by_side_are_not_depth() -> None:
    assert parse_json(b'["' + b"[" * 1000 + b'"]') == ["[" * 1000]
    assert len(parse_json(b"[" + b"[]," * 1000 + b"[]]")) == 1001


def test_an_object_has_so_many_keys_and_no_more() -> None:
    def keys(count: int) -> bytes:
        return ("{" + ",".join(f'"{n}":0' for n in range(count)) + "}").encode()

    assert len(parse_json(keys(1000))) == 1000
    with pytest.raises(Invalid) as refused:
        parse_json(keys(1001))
    assert refused.value.errors[0].code == "too_many_keys"


def test_an_array_has_so_many_items_and_no_more() -> None:
    def items(count: int) -> bytes:
        return b'{"a":[' + b",".join([b"0"] * count) + b"]}"

    assert len(parse_json(items(10_000))["a"]) == 10_000
    with pytest.raises(Invalid) as refused:
        parse_json(items(10_001))
    assert refused.value.errors[0].code == "too_long"
