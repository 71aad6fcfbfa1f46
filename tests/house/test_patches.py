"""PATCH is JSON merge patch: what a patch makes of a row is what RFC 7396 says, held against a plain model of it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.activities.engagements.schemas import ActivityUpdate
from services.activities.timelogs.schemas import TimeLogUpdate
from services.contacts.accounts.schemas import AccountUpdate
from services.contacts.members.schemas import MemberUpdate
from services.contacts.people.schemas import ContactUpdate
from services.kit.fields import Body
from services.opportunities.pipeline.schemas import OpportunityUpdate
from services.opportunities.products.schemas import ProductUpdate
from tests.apis import as_, prepared
from tests.conftest import DatabaseUrl
from tests.house.grounds import GROUNDS, Ground
from tests.problems import assert_problem

Json: TypeAlias = Any
Values: TypeAlias = Mapping[str, Sequence[Json]]

# What follows from the other fields of a row, or from its being changed.
DERIVED = {"version", "updated_at", "updated_by", "starts_at"}
# Of what a schema says by a pattern, and of references: some of the values that it lets in.
SAID: Values = {
    "currency": ["USD", "EUR", "CNY"],
    "website": ["https://example.com/a", "https://example.com/b"],
    "email": ["a@example.com", "b@example.com"],
    "emails": [[], ["a@example.com"], ["b@example.com", "a@example.com"]],
    "phones": [[], ["+86 10 1234"], ["112", "110"]],
    "founded_year": [1900, 2000],
}


def _no_values(_: Mapping[str, str]) -> Values:
    return {}


@dataclass(frozen=True)
class Noun:
    """A noun whose rows are patched: who does it, by which schema, and which values hold beside all others."""

    service: str
    who: str
    update: type[Body]
    values: Callable[[Mapping[str, str]], Values] = field(default=_no_values)


def _of_member(ids: Mapping[str, str]) -> Values:
    return {"manager_id": [None, ids["boss"]], "subject": [None, "auth0|5f3a", "b"]}


def _of_account(ids: Mapping[str, str]) -> Values:
    seats = [{"member_id": ids[name], "function": "RND"} for name in ("boss", "stranger")]
    return {
        "parent_account_id": [None],
        "owner_id": [None, ids["seller"], ids["boss"]],
        "team": [[], seats[:1], seats],
    }


def _of_deal(ids: Mapping[str, str]) -> Values:
    return {
        "account_id": [None, ids["accounts"]],
        "product_id": [None, ids["products"]],
        "sponsor_contact_id": [None, ids["contacts"], ids["other"]],
        "go_by": [None, ids["boss"]],
        "owner_id": [ids["seller"], ids["boss"]],
    }


def _of_activity(ids: Mapping[str, str]) -> Values:
    """Of a visit that stays planned, for the one deal and its account."""
    boss, seller = ({"member_id": ids[name], "function": "SALES"} for name in ("boss", "seller"))
    return {
        "status": ["PLANNED"],
        "planned_start_at": ["2030-01-01T08:00:00.000000Z", "2031-01-01T08:00:00.000000Z"],
        "started_at": [None],
        "account_id": [ids["accounts"]],
        "opportunity_id": [None, ids["opportunity_id"]],
        "owner_id": [ids["seller"], ids["boss"]],
        "our_attendees": [[], [boss], [boss, seller]],
        "contact_ids": [[], [ids["contacts"]], [ids["contacts"], ids["other"]]],
    }


def _of_time_log(ids: Mapping[str, str]) -> Values:
    return {
        "spent_on": ["2026-01-01", "2026-02-28"],
        "activity_id": [ids["activities"]],
        "account_id": [ids["accounts"]],
    }


NOUNS = {
    "members": Noun("contacts", "admin", MemberUpdate, _of_member),
    "accounts": Noun("contacts", "admin", AccountUpdate, _of_account),
    "contacts": Noun("contacts", "admin", ContactUpdate),
    "opportunities": Noun("opportunities", "admin", OpportunityUpdate, _of_deal),
    "products": Noun("opportunities", "admin", ProductUpdate),
    "activities": Noun("activities", "admin", ActivityUpdate, _of_activity),
    "time-logs": Noun("activities", "seller", TimeLogUpdate, _of_time_log),
}


def merged(target: Json, patch: Json) -> Json:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Json] = {**target} if isinstance(target, dict) else {}
    for name, value in cast("dict[str, Json]", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


class Row:
    """One row of the noun, patched again and again."""

    def __init__(self, noun: Noun, plural: str, ground: Ground) -> None:
        self.noun, self._ground = noun, ground
        self.path = f"/v1/{plural}/{ground.ids[plural]}"
        self.schema: Json = noun.update.model_json_schema()
        self._values: Values = {**SAID, **noun.values(ground.ids)}

    async def read(self) -> Json:
        answer = await self._ground.ask(self.noun.who, "GET", self.path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def patch(self, patch: Json, kind: str = "application/merge-patch+json") -> Json:
        headers = as_(self.noun.who, if_match="*") | {"Content-Type": kind}
        return await self._ground.client.request("PATCH", self.path, json=patch, headers=headers)

    def patches(self) -> st.SearchStrategy[Json]:
        """Every field may be absent."""
        fields = {
            name: st.sampled_from(list(self._values[name])) if name in self._values else self._some(told)
            for name, told in self.schema["properties"].items()
        }
        return st.fixed_dictionaries({}, optional=fields)

    def _some(self, told: Json) -> st.SearchStrategy[Json]:
        if "$ref" in told:
            return self._some(self.schema["$defs"][told["$ref"].rpartition("/")[2]])
        if "anyOf" in told:
            return st.one_of(*map(self._some, told["anyOf"]))
        if "enum" in told:
            return st.sampled_from(told["enum"])
        if told["type"] == "object":
            sources = st.sampled_from(["crm", "erp", "wecom"])
            return st.dictionaries(sources, self._some(told["additionalProperties"]), max_size=3)
        return _PLAIN[told.get("format", told["type"])](told)


def _number(told: Json) -> st.SearchStrategy[Json]:
    return st.integers(told["minimum"], told["maximum"])


_PLAIN: Mapping[str, Callable[[Json], st.SearchStrategy[Json]]] = {
    "null": lambda _: st.none(),
    "boolean": lambda _: st.booleans(),
    "integer": _number,
    "date": lambda _: st.sampled_from(["2026-01-01", "2031-12-31"]),
    "date-time": lambda _: st.sampled_from(["2026-01-01T08:00:00.000000Z", "2026-02-01T08:00:00.000000Z"]),
    "string": lambda _: st.text('ab%\\"云', min_size=1, max_size=4),
}


@pytest.fixture(params=NOUNS)
async def row(request: pytest.FixtureRequest, database_url: DatabaseUrl) -> AsyncIterator[Row]:
    noun = NOUNS[request.param]
    service, opened = GROUNDS[noun.service]
    async with opened(database_url(service.name, prepared(service))) as ground:
        yield Row(noun, request.param, ground)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(choice=st.data())
async def test_a_patch_makes_of_a_row_what_the_standard_says(row: Row, choice: st.DataObject) -> None:
    before = await row.read()
    patch = choice.draw(row.patches())
    answer = await row.patch(patch)
    assert answer.status_code == 200, (patch, answer.text)
    after = answer.json()
    model = dict.fromkeys(before) | merged(before, patch)
    assert {name: after[name] for name in after.keys() - DERIVED} == {
        name: model[name] for name in model.keys() - DERIVED
    }
    changed = any(after[name] != before[name] for name in after.keys() - DERIVED)
    assert after["version"] == before["version"] + changed
    assert await row.read() == after


async def test_null_is_refused_by_name_where_a_field_is_always_there(row: Row) -> None:
    before = await row.read()
    properties: Mapping[str, Json] = row.schema["properties"]
    always = [name for name, told in properties.items() if {"type": "null"} not in told.get("anyOf", ())]
    assert always
    for name in always:
        problem = assert_problem(await row.patch({name: None}), 422, "invalid")
        assert [error["field"] for error in problem["errors"]] == [name]
    assert await row.read() == before


async def test_a_patch_is_an_object_whatever_it_is_called(row: Row) -> None:
    before = await row.read()
    for kind in ("application/json", "application/merge-patch+json"):
        assert (await row.patch({}, kind)).json() == before
        for patch in ([], None, "x", [{"op": "remove", "path": "/name"}]):
            refused = await row.patch(patch, kind)
            assert refused.status_code == 422, (patch, refused.text)
    assert await row.read() == before
