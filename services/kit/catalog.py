"""`GET /v1/catalog`: what a service's codes, fields, refusals and events are called, in the reader's language.

What there is comes from what the service declares: its OpenAPI document and what it tells as events. What it is called
comes from `words`. The answer is the same for every caller and as long as the process runs, so it is made once a
language.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response

from services.kit.conditional import TAGGED, etag_of
from services.kit.currencies import UNUSUAL, USUAL
from services.kit.descriptor import Service
from services.kit.fields import Read
from services.kit.illustrations import IN_PART
from services.kit.languages import LANGUAGES, Language, language_of, spoken_in
from services.kit.openapi import references
from services.kit.routing import CallDep, router
from services.kit.settings import Settings
from services.kit.telling import FieldType, Teller

Json = dict[str, Any]

_PAGE: Final = frozenset({"items", "next_cursor", "total"})


class NamedRead(Read):
    """A code and what it is called."""

    code: str
    label: str
    definition: str


class EnumerationRead(Read):
    """An enumeration, its codes in the method's order."""

    label: str
    definition: str
    codes: list[NamedRead]


class FieldRead(Read):
    """A field of a resource. `many` of its kind may be there; `enumeration` and `resource` name what it refers to."""

    name: str
    label: str
    definition: str
    type: FieldType
    many: bool
    nullable: bool
    enumeration: str | None
    resource: str | None
    unit: str | None


class ResourceRead(Read):
    """What answers show under a name of the OpenAPI document."""

    label: str
    definition: str
    fields: list[FieldRead]


class ProblemRead(Read):
    """A refusal: what it is called, and what to do about it."""

    code: str
    title: str
    action: str


class OrganisationRead(Read):
    """The organisation that the platform serves."""

    timezone: str
    currency: str


class CurrencyRead(Read):
    """A currency whose minor unit is not a hundredth."""

    code: str
    decimals: int


class MissingRead(Read):
    """A part that is not there, and why."""

    part: str
    reason: str


class CatalogRead(Read):
    """What everything is called, in one language."""

    language: str
    languages: list[NamedRead]
    organisation: OrganisationRead
    usual_decimals: int
    currencies: list[CurrencyRead]
    units: list[NamedRead]
    enumerations: dict[str, EnumerationRead]
    resources: dict[str, ResourceRead]
    problems: list[ProblemRead]
    events: list[NamedRead]
    missing: list[MissingRead]


@dataclass(frozen=True)
class Catalog:
    """The answer in one language, with its entity tag."""

    language: Language
    body: bytes
    tag: str


routes = router("catalog")


@routes.get("/catalog", response_model=CatalogRead, responses=TAGGED)
async def get_catalog(request: Request, _: CallDep) -> Response:
    """What codes, fields, refusals and events are called, in the language that Accept-Language asks for."""
    catalog = (await catalogs_of(request))[language_of(request.scope)]
    headers = {"ETag": catalog.tag, **spoken_in(catalog.language)}
    return Response(catalog.body, media_type="application/json", headers=headers)


async def catalogs_of(request: Request) -> Mapping[Language, Catalog]:
    """The catalogues of the process that answers, made when they are first asked for, beside what else it does."""
    app: FastAPI = request.app
    if not hasattr(app.state, "catalogs"):
        making = asyncio.to_thread(lambda: catalogs(app.state.service, app.state.settings, app.openapi()))
        app.state.catalogs = asyncio.ensure_future(making)
    return await asyncio.shield(app.state.catalogs)


def catalogs(service: Service, settings: Settings, document: Mapping[str, Any]) -> Mapping[Language, Catalog]:
    """The service's catalogue in every language; `document` is its OpenAPI document."""
    return {language: _catalog(Teller(service, language), settings, document) for language in LANGUAGES}


def _catalog(teller: Teller, settings: Settings, document: Mapping[str, Any]) -> Catalog:
    schemas: Mapping[str, Json] = document["components"]["schemas"]
    told: Json = {
        "language": teller.language,
        "languages": teller.named("languages"),
        "organisation": {
            "timezone": settings.organisation_timezone,
            "currency": settings.organisation_currency,
        },
        "usual_decimals": USUAL,
        "currencies": [{"code": code, "decimals": decimals} for code, decimals in UNUSUAL.items()],
        "units": teller.named("units"),
        "enumerations": {
            name: teller.enumeration(name, codes)
            for name, codes in enumerations(schemas, teller.service).items()
        },
        "resources": {name: teller.resource(name, schemas) for name in resources(document)},
        "problems": teller.problems(),
        "events": teller.events(),
        "missing": [],
    }
    body = orjson.dumps(told)
    return Catalog(teller.language, body, etag_of(body))


def enumerations(schemas: Mapping[str, Json], service: Service) -> dict[str, list[str]]:
    """The codes of every enumeration that requests, answers or events of the service hold, by its name."""
    states = (each.state.model_json_schema(mode="serialization") for each in service.public)
    told = [dict(schemas), *(state.get("$defs", {}) for state in states)]
    found = {name: schema["enum"] for each in told for name, schema in each.items() if "enum" in schema}
    return dict(sorted(found.items()))


def resources(document: Mapping[str, Any]) -> list[str]:
    """The names of what answers show, in order; a page is what it holds, and a row shown in part is that row."""
    schemas: Mapping[str, Json] = document["components"]["schemas"]
    found: set[str] = set()
    new = _schemas_in(_answers(document))
    while new:
        found |= new
        new = _schemas_in([schemas[each] for each in new]) - found
    whole = {name.removesuffix(IN_PART) for name in found}
    return sorted(name for name in whole if schemas[name].get("properties", {}).keys() - _PAGE)


def _answers(document: Mapping[str, Any]) -> list[Any]:
    operations = (operation for item in document["paths"].values() for operation in item.values())
    answers = (answer for operation in operations for answer in operation["responses"].items())
    return [answer for status, answer in answers if status.startswith("2")]


def _schemas_in(content: object) -> set[str]:
    return {name for kind, name in references(content) if kind == "schemas"}
