"""Ids as they are written: in one way, by whoever sends them."""

from uuid import UUID

import pytest

from services.kit.ids import new_id, read_id

AN = "0198c0de-0000-7000-8000-00000000002a"


def test_an_id_is_read_in_either_case() -> None:
    assert read_id(AN) == read_id(AN.upper()) == UUID(AN)


@pytest.mark.parametrize(
    "text",
    [
        f"urn:uuid:{AN}",
        f"{{{AN}}}",
        AN.replace("-", ""),
        AN.replace("-", "", 1),
        f" {AN}",
        f"{AN}\n",
        f"{AN}0",
        AN[:-1],
        AN.replace("0", "٠"),
        "",
    ],
)
def test_a_uuid_that_is_written_in_another_way_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="must be an id as in"):
        read_id(text)


def test_later_ids_sort_after_earlier_ones() -> None:
    ids = [new_id() for _ in range(100)]
    assert ids == sorted(ids)
