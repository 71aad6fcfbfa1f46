"""How the schema of a state breaks what readers of its released one rely on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast


def breaks(released: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """How the present schema of a state breaks what readers of the released one rely on: one line a member.

    Members may be added, and words to an enumeration; nothing else may change within a version.
    """
    return _breaks(_Place(released, released), _Place(present, present), "")


@dataclass(frozen=True, slots=True)
class _Place:
    """A schema within its document."""

    schema: Mapping[str, Any]
    document: Mapping[str, Any]

    def kinds(self) -> dict[str, "_Place"]:
        """What a value may be, by kind, whatever it takes to say so."""
        if "$ref" in self.schema:
            name: str = self.schema["$ref"].rpartition("/")[2]
            return self.at(self.document["$defs"][name]).kinds()
        if "anyOf" in self.schema:
            return {
                kind: place for each in self.schema["anyOf"] for kind, place in self.at(each).kinds().items()
            }
        told = self.schema.get("type", "any")
        named = [told] if isinstance(told, str) else told
        return {" ".join(filter(None, (self.schema.get("format"), kind))): self for kind in named}

    def at(self, schema: Mapping[str, Any]) -> "_Place":
        return _Place(schema, self.document)

    def inner(self) -> dict[str, "_Place"]:
        """The members of an object by name, and what a list or a table holds under `[]`."""
        members = {name: self.at(each) for name, each in self.schema.get("properties", {}).items()}
        items: object = self.schema.get("items") or self.schema.get("additionalProperties")
        if isinstance(items, dict):
            members["[]"] = self.at(cast("dict[str, Any]", items))
        return members

    @property
    def required(self) -> set[str]:
        return set(self.schema.get("required", ()))


def _breaks(old: _Place, new: _Place, path: str) -> list[str]:
    before, after = old.kinds(), new.kinds()
    found = [f"{path}: was {kind}, and is not any more" for kind in before.keys() - after.keys()]
    found += [f"{path}: is {kind}, and was not" for kind in after.keys() - before.keys()]
    for kind in before.keys() & after.keys():
        found += _inner_breaks(before[kind], after[kind], path)
    return sorted(found)


def _inner_breaks(old: _Place, new: _Place, path: str) -> list[str]:
    before, after = old.inner(), new.inner()
    found = _bound_breaks(old.schema, new.schema, path)
    found += [f"{path}.{name}: is gone" for name in before.keys() - after.keys()]
    found += [f"{path}.{name}: is required, and was not" for name in new.required - old.required]
    found += [f"{path}.{name}: was required" for name in (old.required - new.required) & after.keys()]
    for name in before.keys() & after.keys():
        found += _breaks(before[name], after[name], f"{path}.{name}")
    return found


_BOUNDS: Final = (
    "const", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "propertyNames",
)  # fmt: skip


def _bound_breaks(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> list[str]:
    """What a value may be within its kind: the same as before, words apart, of which there may be more."""
    found = [
        f"{path}: {bound} was {old.get(bound, 'not said')}, and is {new.get(bound, 'not said')}"
        for bound in _BOUNDS
        if old.get(bound) != new.get(bound)
    ]
    if ("enum" in old) != ("enum" in new):
        found.append(f"{path}: {'said one of few words' if 'enum' in old else 'says one of few words now'}")
    lost = set(old.get("enum", ())) - set(new.get("enum", ()))
    return found + [f"{path}: does not say {word} any more" for word in lost if "enum" in new]
