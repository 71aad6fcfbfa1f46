"""Examples for the OpenAPI document: a value of each schema, made of what `words` gives as examples of fields.

An example is the same each time, and of its schema: a test holds every one of them to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from services.kit.words import Words

IN_PART: Final = "InPart"
"""How the name ends of the schema of a resource's rows that may be shown in part; words are the resource's own."""

_ID: Final = "0198c0de-0000-7000-8000-000000000001"
_OF_FORMAT: Final[Mapping[str, str]] = {
    "uuid": _ID,
    "date-time": "2026-11-30T08:00:00Z",
    "date": "2026-11-30",
}
_DEEPEST: Final = 6


@dataclass(frozen=True, eq=False)
class Illustrator:
    """Makes examples of the schemas of one document."""

    schemas: Mapping[str, Any]
    words: Words

    def is_row(self, content: Mapping[str, Any]) -> bool:
        """Whether the JSON answer shows a row with its version."""
        schema = self._followed(content.get("application/json", {}).get("schema", {}))
        return "version" in schema.get("properties", {})

    def example(self, schema: Mapping[str, Any]) -> Any:
        """A value of the schema."""
        return self._value(schema, (), 0)

    def _value(self, schema: Mapping[str, Any], names: tuple[str, ...], depth: int) -> Any:
        for key in ("const", "example", "default"):
            if key in schema and schema[key] not in (None, "", [], {}):
                return schema[key]
        if "examples" in schema:
            return schema["examples"][0]
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            some = [each for each in choices if each.get("type") != "null"]
            return self._value(some[0], names, depth) if some and depth < _DEEPEST else None
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2].removesuffix(IN_PART)
            return self._value(self._followed(schema), (*names[-1:], name), depth)
        if "enum" in schema:
            return schema["enum"][0]
        return self._of_type(schema, names, depth)

    def _of_type(self, schema: Mapping[str, Any], names: tuple[str, ...], depth: int) -> Any:
        match schema.get("type"):
            case "object" if "properties" in schema:
                return self._object(schema, names, depth)
            case "object":
                return self._said(names, {})
            case "array" if "prefixItems" in schema:
                return [self._value(each, names, depth + 1) for each in schema["prefixItems"]]
            case "array":
                items = schema.get("items", {})
                return [self._value(items, names, depth + 1)] if depth < _DEEPEST else []
            case "integer" | "number":
                return self._said(names, max(1, schema.get("minimum", 1)))
            case "boolean":
                return self._said(names, False)
            case "null":
                return None
            case _:
                return _OF_FORMAT.get(schema.get("format", "")) or self._said(names, "text")

    def _object(self, schema: Mapping[str, Any], names: tuple[str, ...], depth: int) -> dict[str, Any]:
        resource = names[-1] if names else ""
        return {
            name: self._value(told, (resource, name), depth + 1)
            for name, told in schema["properties"].items()
        }

    def _said(self, names: tuple[str, ...], otherwise: Any) -> Any:
        """The words' example of a field, where they have one."""
        if len(names) < 2:
            return otherwise
        homes = (("resources", names[-2], "fields", names[-1]), ("fields", names[-1]))
        found = (self.words.at(*home).get("example") for home in homes)
        return next((each for each in found if each is not None), otherwise)

    def _followed(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        return cast("Mapping[str, Any]", self.schemas[name]) if name else schema
