"""Histories as tests read them."""

from typing import Any


def told(item: Any) -> dict[str, Any]:
    """The changes of an entry by their fields."""
    return {each["field"]: {n: v for n, v in each.items() if n != "field"} for each in item["changes"]}
