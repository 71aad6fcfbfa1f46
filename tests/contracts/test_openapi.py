"""The OpenAPI document: valid, told in full, and kept to what was released."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate

from deploy.local.openapi import RELEASED, document
from services.kit.illustrations import IN_PART
from services.kit.openapi import METHODS, PROBLEM_CODES
from tests.contracts.compatibility.openapi import breaks

Json = dict[str, Any]


@pytest.fixture(scope="module")
def whole() -> Json:
    return document()


def operations(whole: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in whole["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def test_the_document_is_valid(whole: Json) -> None:
    validate(whole)


def test_every_operation_has_a_name_of_its_own_by_one_scheme(whole: Json) -> None:
    verbs = {"get": {"get", "list", "stream"}, "patch": {"update"}, "delete": {"delete"}, "put": {"put"}}
    names = [operation["operationId"] for _, _, operation in operations(whole)]
    assert len(set(names)) == len(names)
    for path, method, operation in operations(whole):
        verb, _, noun = operation["operationId"].partition("_")
        assert verb in verbs.get(method, {verb}), (path, method)
        assert noun, (path, method)


def test_every_tag_is_described(whole: Json) -> None:
    described = {tag["name"] for tag in whole["tags"] if tag["description"] != tag["name"]}
    assert {tag for _, _, operation in operations(whole) for tag in operation["tags"]} <= described


def examples(whole: Json) -> Iterator[tuple[str, Json]]:
    for path, method, operation in operations(whole):
        for told in (operation.get("requestBody", {}), *operation["responses"].values()):
            for kind, content in told.get("content", {}).items():
                if kind.endswith("json"):
                    yield f"{method} {path}", content


def test_every_example_is_of_its_schema(whole: Json) -> None:
    found = list(examples(whole))
    assert len(found) > 100
    for where, content in found:
        schema = {**content["schema"], "components": whole["components"]}
        errors = [error.message for error in Draft202012Validator(schema).iter_errors(content["example"])]
        assert errors == [], where


def test_every_operation_says_how_it_refuses(whole: Json) -> None:
    for path, method, operation in operations(whole):
        refused = {status: told for status, told in operation["responses"].items() if status[0] in "45d"}
        always = {"400", "401", "403", "408", "414", "429", "431", "503", "504", "default"}
        assert always <= refused.keys(), (path, method)
        assert all(told.keys() == {"$ref"} for told in refused.values())
        assert ("404" in refused) == ("{" in path)
        assert {"413", "415", "422"} <= refused.keys() or "requestBody" not in operation
        assert {"412", "428"} <= refused.keys() or method not in ("patch", "put", "delete")


def test_a_row_shown_in_part_may_want_every_field_but_its_id(whole: Json) -> None:
    lists = [
        (path, operation)
        for path, method, operation in operations(whole)
        if method == "get" and "fields" in {each.get("name") for each in operation["parameters"]}
    ]
    assert len(lists) > 8
    for path, operation in lists:
        content = operation["responses"]["200"]["content"]["application/json"]
        told = Draft202012Validator({**content["schema"], "components": whole["components"]})
        row = content["example"]["items"][0]
        least = {name: row[name] for name in row.keys() & {"id"}}
        assert told.is_valid(content["example"] | {"items": [least, row]}), path
        assert told.is_valid(content["example"] | {"items": [{}]}) == (not least), path


def test_a_row_of_its_own_is_shown_in_full(whole: Json) -> None:
    schemas = whole["components"]["schemas"]
    parts = {name.removesuffix(IN_PART): each for name, each in schemas.items() if name.endswith(IN_PART)}
    assert {"AccountRead", "StakeholderRead"} <= parts.keys()
    for name in parts.keys() & schemas.keys():
        assert schemas[name]["required"] == list(schemas[name]["properties"])
        assert parts[name]["properties"] == schemas[name]["properties"]


# What was released


def test_what_was_released_is_not_broken(whole: Json) -> None:
    told = breaks(json.loads(RELEASED.read_bytes()), whole)
    assert told == [], "keep what clients rely on; before anybody does: make openapi"


def test_every_operation_is_released(whole: Json) -> None:
    released = {(path, method) for path, method, _ in operations(json.loads(RELEASED.read_bytes()))}
    assert {(path, method) for path, method, _ in operations(whole)} <= released, "make openapi"


def test_every_problem_code_is_released(whole: Json) -> None:
    assert set(whole[PROBLEM_CODES]) <= set(json.loads(RELEASED.read_bytes())[PROBLEM_CODES]), "make openapi"


def _operation_gone(whole: Json) -> None:
    del whole["paths"]["/v1/accounts/{id}"]["get"]


def _renamed(whole: Json) -> None:
    whole["paths"]["/v1/accounts/{id}"]["get"]["operationId"] = "read_account"


def _field_gone(whole: Json) -> None:
    del whole["components"]["schemas"]["Seat"]["properties"]["function"]


def _field_null(whole: Json) -> None:
    field = whole["components"]["schemas"]["LinkRead"]["properties"]
    field["kind"] = {"anyOf": [field["kind"], {"type": "null"}]}


def _field_optional(whole: Json) -> None:
    whole["components"]["schemas"]["LinkRead"]["required"].remove("note")


def _newly_required(whole: Json) -> None:
    whole["components"]["schemas"]["LinkCreate"]["required"].append("note")


def _code_gone(whole: Json) -> None:
    whole["components"]["schemas"]["LinkKind"]["enum"].remove("ALLY")


def _problem_renamed(whole: Json) -> None:
    whole[PROBLEM_CODES] = [
        "version_clash" if code == "version_conflict" else code for code in whole[PROBLEM_CODES]
    ]


def _shorter(whole: Json) -> None:
    whole["components"]["schemas"]["LinkCreate"]["properties"]["note"]["anyOf"][0]["maxLength"] = 10


def _other_type(whole: Json) -> None:
    whole["components"]["schemas"]["LinkCreate"]["properties"]["to_contact_id"] = {"type": "integer"}


def _not_taken(whole: Json) -> None:
    del whole["components"]["schemas"]["LinkCreate"]["properties"]["note"]


def _parameter_gone(whole: Json) -> None:
    operation = whole["paths"]["/v1/accounts"]["get"]
    operation["parameters"] = [each for each in operation["parameters"] if each.get("name") != "cursor"]


def _parameter_required(whole: Json) -> None:
    next(each for each in whole["paths"]["/v1/accounts"]["get"]["parameters"] if each.get("name") == "limit")[
        "required"
    ] = True


def _answer_gone(whole: Json) -> None:
    del whole["paths"]["/v1/accounts"]["post"]["responses"]["201"]


_LINKS = "POST /v1/contacts/{id}/links"


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (_operation_gone, "GET /v1/accounts/{id}: is gone"),
        (_renamed, "GET /v1/accounts/{id}: was called get_account, and is read_account"),
        (_field_gone, "GET /v1/accounts/{id}: 200.team.[].function: is gone"),
        (_field_null, f"{_LINKS}: 201.kind: is null, and was not"),
        (_field_optional, f"{_LINKS}: 201.note: was always there"),
        (_newly_required, f"{_LINKS}: body.note: is required, and was not"),
        (_code_gone, f"{_LINKS}: body.kind: does not take ALLY any more"),
        (_problem_renamed, "problems: version_conflict is gone"),
        (_shorter, f"{_LINKS}: body.note: maxLength is 10, and was 4000"),
        (_other_type, f"{_LINKS}: body.to_contact_id: is not uuid string any more"),
        (_not_taken, f"{_LINKS}: body.note: is not taken any more"),
        (_parameter_gone, "GET /v1/accounts: cursor: is not taken any more"),
        (_parameter_required, "GET /v1/accounts: limit: is required, and was not"),
        (_answer_gone, "POST /v1/accounts: does not answer 201 any more"),
    ],
)
def test_a_planted_break_is_told(whole: Json, plant: Callable[[Json], None], told: str) -> None:
    present = deepcopy(whole)
    plant(present)
    assert told in breaks(whole, present)


def test_what_is_only_added_breaks_nothing(whole: Json) -> None:
    present = deepcopy(whole)
    present["paths"]["/v1/mottos"] = {"get": present["paths"]["/v1/accounts"]["get"]}
    schemas = present["components"]["schemas"]
    schemas["LinkRead"]["properties"]["motto"] = {"type": "string"}
    schemas["LinkRead"]["required"].append("motto")
    schemas["LinkCreate"]["properties"]["motto"] = {"type": "string"}
    schemas["LinkKind"]["enum"].append("RIVAL")
    present[PROBLEM_CODES].append("off_the_shelf")
    assert breaks(whole, present) == []
