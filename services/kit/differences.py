"""What differs between two values of a field, as people read it: of lists and maps what came, what went, what became
another.

Pure functions over JSON values. `from` and `to` always say all of it; the rest is there to be read.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

Change: TypeAlias = dict[str, Any]


def difference(field: str, before: Any, after: Any, same: str | None = None) -> Change:
    """`{field, from, to}`, of lists and maps also `added` and `removed`, and of items that stayed `changed`.

    `same` names the member by which an object in a list is the same object before and after. What is unknown is as
    good as empty, where the other is a list or a map.
    """
    told: Change = {"field": field, "from": before, "to": after}
    if _is_either(list, before, after):
        return told | _of_lists(before or [], after or [], same)
    if _is_either(dict, before, after):
        return told | _of_maps(before or {}, after or {})
    return told


def _is_either(kind: type, before: Any, after: Any) -> bool:
    given = [value for value in (before, after) if value is not None]
    return bool(given) and all(isinstance(value, kind) for value in given)


def _of_lists(before: Sequence[Any], after: Sequence[Any], same: str | None) -> Change:
    if same is None:
        return {"added": _without(after, before), "removed": _without(before, after)}
    told = _of_maps(_by(before, same), _by(after, same))
    return {name: list(items.values()) for name, items in told.items()}


def _without(items: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """The items that are not among the others; one that is there twice wants two of them."""
    left, rest = list(others), list[Any]()
    for item in items:
        if item in left:
            left.remove(item)
        else:
            rest.append(item)
    return rest


def _by(items: Sequence[Any], same: str) -> Mapping[str, Any]:
    objects = [cast("Mapping[str, Any]", item) for item in items if isinstance(item, Mapping)]
    return {str(item[same]): item for item in objects if same in item}


def _of_maps(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    stayed = [key for key in before if key in after and before[key] != after[key]]
    return {
        "added": {key: value for key, value in after.items() if key not in before},
        "removed": {key: value for key, value in before.items() if key not in after},
        "changed": {key: {"from": before[key], "to": after[key]} for key in stayed},
    }
