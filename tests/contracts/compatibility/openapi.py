"""How one OpenAPI document breaks what clients of an earlier one rely on: one line a break.

What is asked may become wider and what is answered may become more, never the other way round: a client of the earlier
document goes on to send what was taken, and to find what was shown.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.kit.openapi import PROBLEM_CODES
from tests.contracts.rules.reading import followed

Schema = Mapping[str, Any]

_METHODS: Final = ("get", "put", "post", "patch", "delete")
_CEILINGS: Final = ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum")
_FLOORS: Final = ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum")


def breaks(released: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """What clients of the released document cannot rely on any more."""
    return sorted(set(_breaks(released, present)))


def _breaks(released: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[str]:
    gone = set(released[PROBLEM_CODES]) - set(present[PROBLEM_CODES])
    yield from (f"problems: {code} is gone" for code in gone)
    for path, item in released["paths"].items():
        for method in _METHODS:
            if method not in item:
                continue
            said = f"{method.upper()} {path}"
            after = present["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{said}: is gone"
            else:
                pair = _Pair(item[method], after, released, present)
                yield from (f"{said}: {line}" for line in _operation(pair))


@dataclass(frozen=True)
class _Pair:
    """The same place in both documents."""

    old: Any
    new: Any
    released: Mapping[str, Any]
    present: Mapping[str, Any]

    def at(self, old: Any, new: Any) -> "_Pair":
        return _Pair(followed(self.released, old), followed(self.present, new), self.released, self.present)


def _operation(pair: _Pair) -> Iterator[str]:
    if pair.old["operationId"] != pair.new["operationId"]:
        yield f"was called {pair.old['operationId']}, and is {pair.new['operationId']}"
    yield from _parameters(pair)
    if "requestBody" in pair.new and "requestBody" not in pair.old:
        if followed(pair.present, pair.new["requestBody"]).get("required"):
            yield "wants a body"
    elif "requestBody" in pair.old:
        bodies = pair.at(pair.old["requestBody"], pair.new.get("requestBody", {}))
        yield from _contents(bodies, "body", asked=True)
    for status, answer in pair.old["responses"].items():
        if not status.startswith("2"):
            continue
        if status not in pair.new["responses"]:
            yield f"does not answer {status} any more"
        else:
            yield from _contents(pair.at(answer, pair.new["responses"][status]), status, asked=False)


def _parameters(pair: _Pair) -> Iterator[str]:
    before = {(p["in"], p["name"]): p for p in _all(pair.released, pair.old)}
    after = {(p["in"], p["name"]): p for p in _all(pair.present, pair.new)}
    for key, parameter in after.items():
        if parameter.get("required") and not before.get(key, {}).get("required"):
            yield f"{key[1]}: is required, and was not"
    for key, parameter in before.items():
        if key not in after:
            yield f"{key[1]}: is not taken any more"
        else:
            schemas = pair.at(parameter.get("schema", {}), after[key].get("schema", {}))
            yield from _asked(schemas, key[1], ())


def _all(document: Mapping[str, Any], operation: Mapping[str, Any]) -> list[Any]:
    return [followed(document, each) for each in operation.get("parameters", ())]


def _contents(pair: _Pair, place: str, *, asked: bool) -> Iterator[str]:
    for kind, told in pair.old.get("content", {}).items():
        now = pair.new.get("content", {}).get(kind)
        if now is None:
            yield f"{place}: is not {kind} any more"
        elif asked:
            yield from _asked(pair.at(told.get("schema", {}), now.get("schema", {})), place, ())
        else:
            yield from _answered(pair.at(told.get("schema", {}), now.get("schema", {})), place, ())


def _kinds(document: Mapping[str, Any], schema: Schema) -> dict[str, Schema]:
    """What a value may be, by kind."""
    schema = followed(document, schema)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return {kind: each for choice in choices for kind, each in _kinds(document, choice).items()}
    told: Any = schema.get("type", "any")
    title = schema.get("title", "") if told == "object" else ""
    names: list[str] = [told] if isinstance(told, str) else told
    return {" ".join(filter(None, (schema.get("format"), name, title))): schema for name in names}


def _asked(pair: _Pair, place: str, seen: tuple[int, ...]) -> Iterator[str]:
    """Whatever was taken is taken."""
    before, after = _kinds(pair.released, pair.old), _kinds(pair.present, pair.new)
    yield from (
        f"{place}: is not {kind} any more" for kind in before.keys() - after.keys() if after.keys() - {"any"}
    )
    for kind in before.keys() & after.keys():
        old, new = before[kind], after[kind]
        if id(old) in seen:
            continue
        yield from _narrowed(old, new, place)
        yield from (
            f"{place}.{name}: is required, and was not"
            for name in set(new.get("required", ())) - set(old.get("required", ()))
        )
        yield from (
            f"{place}.{name}: is not taken any more"
            for name in old.get("properties", {}).keys() - new.get("properties", {}).keys()
        )
        for name, inner in _inner(pair, old, new):
            yield from _asked(inner, f"{place}.{name}", (*seen, id(old)))


def _narrowed(old: Schema, new: Schema, place: str) -> Iterator[str]:
    if "enum" in new:
        lost = set(old["enum"]) - set(new["enum"]) if "enum" in old else {"anything"}
        yield from (f"{place}: does not take {code} any more" for code in sorted(map(str, lost)))
    for key in _CEILINGS:
        if key in new and (key not in old or new[key] < old[key]):
            yield f"{place}: {key} is {new[key]}, and was {old.get(key, 'not there')}"
    for key in _FLOORS:
        if key in new and (key not in old or new[key] > old[key]):
            yield f"{place}: {key} is {new[key]}, and was {old.get(key, 'not there')}"
    if new.get("pattern") not in (None, old.get("pattern")):
        yield f"{place}: pattern is {new['pattern']}, and was {old.get('pattern', 'not there')}"


def _answered(pair: _Pair, place: str, seen: tuple[int, ...]) -> Iterator[str]:
    """Whatever was shown is shown, and is nothing that it was not."""
    before, after = _kinds(pair.released, pair.old), _kinds(pair.present, pair.new)
    yield from (
        f"{place}: is {kind}, and was not" for kind in after.keys() - before.keys() if before.keys() - {"any"}
    )
    for kind in before.keys() & after.keys():
        old, new = before[kind], after[kind]
        if id(old) in seen:
            continue
        yield from (
            f"{place}.{name}: is gone"
            for name in old.get("properties", {}).keys() - new.get("properties", {}).keys()
        )
        kept = old.get("properties", {}).keys() & new.get("properties", {}).keys()
        yield from (
            f"{place}.{name}: was always there"
            for name in (set(old.get("required", ())) - set(new.get("required", ()))) & kept
        )
        for name, inner in _inner(pair, old, new):
            yield from _answered(inner, f"{place}.{name}", (*seen, id(old)))


def _inner(pair: _Pair, old: Schema, new: Schema) -> Iterator[tuple[str, _Pair]]:
    for name in old.get("properties", {}).keys() & new.get("properties", {}).keys():
        yield name, pair.at(old["properties"][name], new["properties"][name])
    for key in ("items", "additionalProperties"):
        if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
            yield "[]", pair.at(old[key], new[key])
