"""Telling: what a service's codes, fields, refusals and events are called in one language, and what fields hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from services.kit.descriptor import Service
from services.kit.languages import Language
from services.kit.words import Text

Json = dict[str, Any]


class FieldType(StrEnum):
    """What kind of value a field holds."""

    TEXT = "TEXT"
    ID = "ID"
    INTEGER = "INTEGER"
    FLAG = "FLAG"
    INSTANT = "INSTANT"
    DAY = "DAY"
    CODE = "CODE"
    OBJECT = "OBJECT"
    TABLE = "TABLE"
    ANY = "ANY"


@dataclass(frozen=True)
class Teller:
    """What a service calls things in one language. What has no words goes by its name."""

    service: Service
    language: Language

    def text(self, *paths: tuple[str, ...], name: str) -> Text:
        """The text at the first of the paths that has one."""
        found = (self.service.words.text(self.language, *path) for path in paths)
        return next((text for text in found if text), Text(name, ""))

    def named(self, table: str) -> list[Json]:
        """All codes of a table of the words."""
        return [
            self._named(code, self.text((table, code), name=code)) for code in self.service.words.at(table)
        ]

    def enumeration(self, name: str, codes: Iterable[str]) -> Json:
        """An enumeration with its codes; those that it shares with others may be said there."""
        text = self.text(("enumerations", name), name=name)
        like: list[str] = self.service.words.at("enumerations", name).get("like", [])
        homes = [("enumerations", each, "codes") for each in (name, *like)]
        told = [self._named(code, self.text(*((*home, code) for home in homes), name=code)) for code in codes]
        return {"label": text.label, "definition": text.definition, "codes": told}

    def resource(self, name: str, schemas: Mapping[str, Json]) -> Json:
        """A resource with its fields."""
        text = self.text(("resources", name), name=name)
        fields = [
            self._field(name, field, schema, schemas) for field, schema in schemas[name]["properties"].items()
        ]
        return {"label": text.label, "definition": text.definition, "fields": fields}

    def _field(self, resource: str, name: str, schema: Json, schemas: Mapping[str, Json]) -> Json:
        homes = (("resources", resource, "fields", name), ("fields", name))
        text = self.text(*homes, name=name)
        said = (self.service.words.at(*home) for home in homes)
        unit = next((each.get("unit") for each in said if each), None)
        return {
            "name": name,
            "label": text.label,
            "definition": text.definition,
            **_kind(schema, schemas),
            "unit": unit,
        }

    def problems(self) -> list[Json]:
        """Every refusal that the service knows of, by code."""
        codes = sorted(self.service.words.at("problems"))
        texts = ((code, self.text(("problems", code), name=code)) for code in codes)
        return [{"code": code, "title": text.label, "action": text.definition} for code, text in texts]

    def events(self) -> list[Json]:
        """Every type of event that the service tells; `{}` in a fact's text is its aggregate."""
        return [
            self._named(type_, self._fact(each.name, type_.partition(".")[2]))
            for each in self.service.public
            for type_ in each.types
        ]

    def _fact(self, aggregate: str, fact: str) -> Text:
        whose = self.text(("aggregates", aggregate), name=aggregate)
        what = self.text(("facts", fact), name=f"{{}} {fact}")
        return Text(what.label.replace("{}", whose.label), what.definition)

    def _named(self, code: str, text: Text) -> Json:
        return {"code": code, "label": text.label, "definition": text.definition}


_FORMATS: Final = {"uuid": FieldType.ID, "date-time": FieldType.INSTANT, "date": FieldType.DAY}
_TYPES: Final = {
    "string": FieldType.TEXT,
    "integer": FieldType.INTEGER,
    "boolean": FieldType.FLAG,
    "object": FieldType.TABLE,
}


def _kind(schema: Json, schemas: Mapping[str, Json]) -> Json:
    """What a property holds, as a field's description says it."""
    choices: list[Json] = schema.get("anyOf", [schema])
    some = [each for each in choices if each.get("type") != "null"]
    nullable = len(some) < len(choices)
    if len(some) != 1:
        return _described(FieldType.ANY, nullable=nullable)
    if some[0].get("type") == "array":
        return _kind(some[0].get("items", {}), schemas) | {"many": True, "nullable": nullable}
    name: str = some[0].get("$ref", "").rpartition("/")[2]
    if not name:
        plain = _TYPES.get(some[0].get("type", ""), FieldType.ANY)
        return _described(_FORMATS.get(some[0].get("format", ""), plain), nullable=nullable)
    if "enum" in schemas[name]:
        return _described(FieldType.CODE, nullable=nullable, enumeration=name)
    return _described(FieldType.OBJECT, nullable=nullable, resource=name)


def _described(
    type_: FieldType, *, nullable: bool, enumeration: str | None = None, resource: str | None = None
) -> Json:
    return {
        "type": type_,
        "many": False,
        "nullable": nullable,
        "enumeration": enumeration,
        "resource": resource,
    }
