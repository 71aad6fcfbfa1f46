"""One document of all services: names that clash, what is fetched when, and pages that need no network."""

import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.routes.documents import FRESH_FOR, RETRY_AFTER, Documents
from gateway.upstreams import JOINED, OWNER_OF, SERVICES, Calls, Upstreams
from gateway.views.openapi import merged
from services.activities import main as activities
from services.contacts import main as contacts
from services.kit.app import create_api
from services.kit.settings import Settings
from services.opportunities import main as opportunities
from tests.gateway.standing import Standing
from tests.kit.issuing import ISSUER, Clock

OWN: dict[str, Any] = {
    "info": {"title": "Foothold", "version": "1"},
    "paths": {"/healthz": {"get": {"responses": {}}}},
}


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def document(paths: dict[str, str], schemas: dict[str, Any]) -> dict[str, Any]:
    """A service's document: each path's GET answers the named schema."""
    items = {
        path: {"get": {"operationId": "show", "responses": {"200": answered(ref(name))}}}
        for path, name in paths.items()
    }
    return {"openapi": "3.1.0", "paths": items, "components": {"schemas": schemas}}


def answered(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "ok", "content": {"application/json": {"schema": schema}}}


def answer_of(whole: dict[str, Any], path: str) -> str:
    return whole["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"][
        "$ref"
    ].rpartition("/")[2]


def text(kind: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": {"type": kind}}}


async def test_it_names_the_organisations_issuer(stand: Standing) -> None:
    whole = (await stand.client.get("/openapi.json")).json()
    told = whole["components"]["securitySchemes"]["openid"]
    assert told["openIdConnectUrl"] == f"{ISSUER}/.well-known/openid-configuration"


# Merging


def test_components_that_mean_the_same_are_shared() -> None:
    whole = merged(
        OWN,
        {
            "contacts": document({"/v1/accounts": "Row"}, {"Row": {**text("string"), "description": "Here"}}),
            "activities": document(
                {"/v1/activities": "Row"}, {"Row": {**text("string"), "description": "There"}}
            ),
        },
    )
    assert answer_of(whole, "/v1/accounts") == answer_of(whole, "/v1/activities") == "Row"


def test_components_that_differ_take_their_services_name() -> None:
    whole = merged(
        OWN,
        {
            "contacts": document({"/v1/accounts": "Row"}, {"Row": text("string")}),
            "activities": document({"/v1/activities": "Row"}, {"Row": text("integer")}),
        },
    )
    schemas = whole["components"]["schemas"]
    assert schemas[answer_of(whole, "/v1/accounts")] == text("string")
    assert schemas[answer_of(whole, "/v1/activities")] == text("integer")
    assert answer_of(whole, "/v1/accounts") == "ContactsRow"


def test_what_refers_to_a_clashing_name_clashes_with_it() -> None:
    def listed(inner: str) -> dict[str, Any]:
        page = {"type": "object", "properties": {"items": {"type": "array", "items": ref("Row")}}}
        return {
            "Page": page,
            "Outer": {"allOf": [ref("Page")]},
            "Row": text(inner),
            "Alone" + inner: ref("Row"),
        }

    whole = merged(
        OWN,
        {
            "contacts": document({"/v1/accounts": "Outer", "/v1/me": "Alonestring"}, listed("string")),
            "activities": document({"/v1/activities": "Outer"}, listed("integer")),
        },
    )
    schemas = whole["components"]["schemas"]
    assert schemas["ContactsOuter"] == {"allOf": [ref("ContactsPage")]}
    assert schemas["ActivitiesPage"]["properties"]["items"]["items"] == ref("ActivitiesRow")
    assert schemas["Alonestring"] == ref("ContactsRow")


def test_a_property_called_title_is_no_prose() -> None:
    def titled(kind: str) -> dict[str, Any]:
        return {"Row": {"type": "object", "properties": {"title": {"type": kind}}}}

    whole = merged(
        OWN,
        {
            "contacts": document({"/v1/accounts": "Row"}, titled("string")),
            "activities": document({"/v1/activities": "Row"}, titled("integer")),
        },
    )
    assert answer_of(whole, "/v1/accounts") != answer_of(whole, "/v1/activities")


def test_a_service_speaks_for_its_own_nouns_alone() -> None:
    schemas = {"Row": text("string")}
    paths = {
        "/v1/accounts": "Row",
        "/v1/activities": "Row",
        "/healthz": "Row",
        "/v1/accounts/{id}/view": "Row",
    }
    whole = merged(OWN, {"contacts": document(paths, schemas)})
    of_people = ["/v1/contacts/{id}/erasure", "/v1/contacts/{id}/personal-data"]
    own = ["/v1/accounts/{id}/view", "/v1/changes", *of_people, "/v1/stream"]
    assert list(whole["paths"]) == ["/healthz", "/v1/accounts", *own]


def test_components_that_nothing_uses_are_left_out() -> None:
    whole = merged(
        OWN, {"contacts": document({"/v1/accounts": "Row"}, {"Row": ref("Inner"), "Inner": {}, "Unused": {}})}
    )
    assert set(whole["components"]["schemas"]) == {
        "AccountView", "Changes", "ContactHeld", "Erasure", "Inner", "Problem", "Row",
    }  # fmt: skip


def test_the_view_is_described_by_its_parts() -> None:
    part = {"type": "object", "properties": {"account": ref("Row"), "people": {"anyOf": [{"type": "null"}]}}}
    whole = merged(
        OWN, {"contacts": document({"/v1/accounts/{id}/view": "Part"}, {"Part": part, "Row": text("string")})}
    )
    view = whole["components"]["schemas"]["AccountView"]["properties"]
    assert view["account"] == {"anyOf": [ref("Row"), {"type": "null"}]}
    assert view["people"] == {"anyOf": [{"type": "null"}]}
    assert view["deals"] == {"anyOf": [{}, {"type": "null"}]}
    assert "Row" in whole["components"]["schemas"]


def operations(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in whole["paths"].items():
        for operation in item.values():
            yield path, operation


def test_every_operation_is_secured_named_once_and_may_be_refused() -> None:
    schemas = {"Row": text("string")}
    whole = merged(
        OWN,
        {
            "contacts": document({"/v1/accounts": "Row", "/v1/me": "Row"}, schemas),
            "opportunities": document({"/v1/opportunities": "Row"}, schemas),
        },
    )
    names = [operation["operationId"] for _, operation in operations(whole)]
    assert len(set(names)) == len(names) == 9
    for path, operation in operations(whole):
        assert operation["security"] == ([{"openid": []}, {"bearer": []}] if path.startswith("/v1/") else [])
        assert operation["responses"]["default"] == {"$ref": "#/components/responses/Refused"}
    refused = whole["components"]["responses"]["Refused"]["content"]["application/problem+json"]
    assert refused["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_documents_are_left_as_they_were() -> None:
    given = {"contacts": document({"/v1/accounts": "Row"}, {"Row": text("string")})}
    before = json.dumps(given)
    merged(OWN, given)
    assert json.dumps(given) == before


# The services themselves


@pytest.fixture(scope="module")
def real() -> dict[str, dict[str, Any]]:
    """The documents of the real services. Nothing is connected to."""
    settings = Settings.model_validate(
        {f"{name}_database_url": "postgresql://nobody@127.0.0.1/none" for name in SERVICES}
    )
    described = (contacts.SERVICE, opportunities.SERVICE, activities.SERVICE)
    return {service.name: create_api(service, settings).openapi() for service in described}


def test_every_path_of_every_service_is_served(real: dict[str, dict[str, Any]]) -> None:
    served = set(merged(OWN, real)["paths"])
    views = {"/v1/changes", *(f"/v1/accounts/{{{name}}}/view" for name in ("id", "account_id"))}
    for document in real.values():
        assert {path for path in document["paths"] if path.startswith("/v1/")} - views <= served


def test_every_noun_of_the_table_is_there(real: dict[str, dict[str, Any]]) -> None:
    nouns = {path.split("/")[2] for path in merged(OWN, real)["paths"] if path.startswith("/v1/")}
    assert nouns == {*OWNER_OF, "changes", "stream", *(path.split("/")[2] for path in JOINED)}


def test_services_refuse_by_problems_alone(real: dict[str, dict[str, Any]]) -> None:
    for document in real.values():
        assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()
        for _, operation in operations(document):
            refused = {name: told for name, told in operation["responses"].items() if name[0] in "45d"}
            assert "default" in refused
            assert all(told["$ref"].startswith("#/components/responses/") for told in refused.values())


def test_every_part_of_the_view_is_described_by_its_service(real: dict[str, dict[str, Any]]) -> None:
    view = merged(OWN, real)["components"]["schemas"]["AccountView"]["properties"]
    assert not [key for key, schema in view.items() if {} in schema.get("anyOf", ())]


def test_who_is_erased_is_asked_for_by_contacts_and_told_by_all(real: dict[str, dict[str, Any]]) -> None:
    whole = merged(OWN, real)
    item, schemas = whole["paths"]["/v1/contacts/{id}/erasure"], whole["components"]["schemas"]
    assert (item["post"]["operationId"], item["get"]["operationId"]) == ("erase_contact", "get_erasure")
    assert answer_of(whole, "/v1/contacts/{id}/erasure") == "Erasure"
    listed: dict[str, Any] = schemas["Erasure"]["properties"]
    assert listed["mentions_in_contacts"]["type"] == "array"
    for service in ("opportunities", "activities"):
        some, none = listed[f"mentions_in_{service}"]["anyOf"]
        assert (some["items"], none) == (ref("Mention"), {"type": "null"})


def test_what_changes_is_described_by_every_service(real: dict[str, dict[str, Any]]) -> None:
    items = merged(OWN, real)["components"]["schemas"]["Changes"]["properties"]["items"]["items"]
    assert len({each["$ref"] for each in items["anyOf"]}) == len(real)


# Served


@pytest.fixture
def described(stand: Standing) -> Standing:
    for name, noun in (
        ("contacts", "accounts"),
        ("opportunities", "opportunities"),
        ("activities", "activities"),
    ):
        body = json.dumps(document({f"/v1/{noun}": "Row"}, {"Row": text("string")})).encode()
        stand.straws[name].answers(200, body)
    return stand


async def test_the_document_holds_all_services_and_the_gateways_own(described: Standing) -> None:
    whole = (await described.client.get("/openapi.json")).json()
    expected = {
        "/v1/accounts",
        "/v1/opportunities",
        "/v1/activities",
        "/v1/accounts/{id}/view",
        "/v1/contacts/{id}/erasure",
        "/v1/contacts/{id}/personal-data",
        "/v1/changes",
        "/v1/stream",
        "/healthz",
        "/readyz",
    }
    assert set(whole["paths"]) == expected
    assert "x-missing" not in whole


async def test_documents_are_fetched_when_asked_for_and_kept(described: Standing) -> None:
    assert not any(straw.seen for straw in described.straws.values())
    for _ in range(3):
        await described.client.get("/openapi.json")
    assert {name: len(straw.seen) for name, straw in described.straws.items()} == dict.fromkeys(SERVICES, 1)


async def test_a_service_that_is_away_is_said_to_be_missing_and_found_again(described: Standing) -> None:
    async with kept(described) as (whole, clock):
        await described.contacts.kill()
        missing = await whole()
        await described.contacts.start()
        clock.now += RETRY_AFTER
        found = await whole()
    assert missing["x-missing"] == ["contacts"]
    assert "/v1/activities" in missing["paths"]
    assert "/v1/accounts" in found["paths"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"no":"paths"}'])
async def test_a_service_that_answers_nonsense_is_missing(body: bytes, described: Standing) -> None:
    described.activities.answers(200, body)
    assert (await described.client.get("/openapi.json")).json()["x-missing"] == ["activities"]


async def test_a_document_outlives_its_service(described: Standing) -> None:
    async with kept(described) as (whole, clock):
        await whole()
        await described.contacts.kill()
        clock.now += FRESH_FOR
        assert "/v1/accounts" in (await whole())["paths"]


async def test_the_document_is_made_anew_only_of_other_parts(described: Standing) -> None:
    async with Upstreams(described.settings, Calls(CollectorRegistry())) as upstreams:
        clock = Clock()
        documents = Documents(upstreams, OWN, clock=clock)
        first = await documents.document([])
        assert await documents.document([]) is first
        body = json.dumps(document({"/v1/accounts/more": "Row"}, {"Row": text("string")})).encode()
        described.contacts.answers(200, body)
        clock.now += FRESH_FOR
        assert "/v1/accounts/more" in json.loads(await documents.document([]))["paths"]


@asynccontextmanager
async def kept(stand: Standing) -> AsyncGenerator[tuple[Callable[[], Awaitable[dict[str, Any]]], Clock]]:
    """The merged document as it is now, and the clock that says when it is too old."""
    async with Upstreams(stand.settings, Calls(CollectorRegistry())) as upstreams:
        clock = Clock()
        documents = Documents(upstreams, OWN, clock=clock)

        async def whole() -> dict[str, Any]:
            return json.loads(await documents.document([]))

        yield whole, clock


async def test_the_documentation_needs_no_network(stand: Standing) -> None:
    page = (await stand.client.get("/docs")).text
    assert "/openapi.json" in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    for asset in re.findall(r"(?:src|href)=\"([^\"]+)\"", page):
        assert (await stand.client.get(asset)).status_code == 200
