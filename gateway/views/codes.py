"""Parameters whose values are the codes of an enumeration refer to it, so that clients have one type of it.

A service says of a filter which codes it takes; that they are an enumeration's shows in the whole document.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Codes = Mapping[frozenset[str], tuple[str, ...]]
"""Names of enumerations, by their codes."""


def codes_of(schemas: Mapping[str, Any]) -> Codes:
    """The enumerations among the schemas."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    for name, schema in schemas.items():
        if schema.get("type") == "string" and (codes := schema.get("enum")):
            found[frozenset(codes)] = (*found.get(frozenset(codes), ()), name)
    return found


def told_by_name(operation: Mapping[str, Any], codes: Codes) -> dict[str, Any]:
    """The operation, its parameters naming the enumerations that they take codes of."""
    given: Iterable[Mapping[str, Any]] = operation.get("parameters", ())
    return {**operation, "parameters": [_named(each, codes) for each in given]}


def _named(parameter: Mapping[str, Any], codes: Codes) -> Mapping[str, Any]:
    schema = parameter.get("schema", {})
    of_each = schema.get("items", schema)
    name = _enumeration(str(parameter.get("name")), codes.get(frozenset(of_each.get("enum", ())), ()))
    if name is None:
        return parameter
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {**parameter, "schema": {**schema, "items": reference} if "items" in schema else reference}


def _enumeration(parameter: str, names: tuple[str, ...]) -> str | None:
    """The one of the enumerations that is called as the parameter is, or the only one."""
    called = parameter.partition("[")[0].title().replace("_", "")
    if called in names:
        return called
    return names[0] if len(names) == 1 else None
