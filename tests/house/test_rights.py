"""Every operation of every service answers callers in every relation to what it is about as the table says."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.kit.clock import instant, now
from services.kit.descriptor import Service
from services.kit.routing import router
from tests.conftest import DatabaseUrl
from tests.house.cast import SERVICES, Cast, opened, send_file
from tests.house.happening import LOG, NUMBERS, VISIT, filled, happens, refresh_all
from tests.house.rights import CALLERS, LETTERS, Line, lines, shape

HELD = {"roles": ["DECISION_MAKER"], "influence": "H", "stance": "OPPONENT", "degree": 3}

# What an operation is sent: `{name}` is an id of the cast's, `{n}` another number each time.
BODIES: Mapping[str, Any] = {
    "POST /v1/members/lookup #owner": {"ids": ["{owner}"]},
    "POST /v1/members": {"email": "new-{n}@example.com", "name": "New"},
    "PUT /v1/members/by-external-id/{source}/{n}": {"email": "put-{n}@example.com", "name": "Put"},
    "PUT /v1/accounts/by-external-id/{source}/{n}": {"name": "Put {n}"},
    "PUT /v1/contacts/by-external-id/{source}/{n}": {"name": "Put {n}", "account_id": "{account}"},
    "POST /v1/contacts/{fresh person}/erasure": {"reason": "REQUESTED"},
    "PUT /v1/opportunities/by-external-id/{source}/{n}": {"name": "Put {n}", "account_id": "{account}"},
    "PUT /v1/activities/by-external-id/{source}/{n}": VISIT,
    "POST /v1/products": {"name": "New {n}"},
    "PUT /v1/products/by-external-id/{source}/{n}": {"name": "Put {n}"},
    "PATCH /v1/products/{product}": {"series": "series {n}"},
    "PATCH /v1/members/{idle}": {"name": "Idle {n}"},
    "PATCH /v1/members/{idle} #subject": {"subject": "sub {n}"},
    "POST /v1/accounts/lookup #account": {"ids": ["{account}"]},
    "POST /v1/accounts": {"name": "New {n}"},
    "POST /v1/accounts #for owner": {"name": "New {n}", "owner_id": "{owner}"},
    "POST /v1/accounts #below": {"name": "New {n}", "parent_account_id": "{account}"},
    "PATCH /v1/accounts/{account}": {"region": "region {n}"},
    "PATCH /v1/accounts/{account} #owner": {"owner_id": "{mate}"},
    "PATCH /v1/accounts/{account} #team": {"team": [{"member_id": "{stranger}", "function": "RND"}]},
    "POST /v1/contacts/lookup #person": {"ids": ["{person}"]},
    "POST /v1/contacts": {"name": "New {n}", "account_id": "{account}"},
    "PATCH /v1/contacts/{person}": {"title": "title {n}"},
    "POST /v1/contacts/{person}/links": {"to_contact_id": "{fresh person}", "kind": "ALLY"},
    "POST /v1/opportunities/lookup #deal": {"ids": ["{deal}"]},
    "POST /v1/opportunities": {"name": "New {n}", "account_id": "{account}"},
    "POST /v1/opportunities #for owner": {"name": "New", "account_id": "{account}", "owner_id": "{owner}"},
    "PATCH /v1/opportunities/{deal}": {"need_summary": "need {n}"},
    "PATCH /v1/opportunities/{deal} #owner": {"owner_id": "{mate}"},
    "POST /v1/opportunities/{deal}/stage": {"to": "ENGAGEMENT"},
    "PUT /v1/opportunities/{deal}/stakeholders": {
        "items": [{"contact_id": "{person}", **HELD, "stance_note": "note {n}"}]
    },
    "PUT /v1/opportunities/{deal}/stakeholders/{person}": {**HELD, "stance_note": "note {n}"},
    "POST /v1/relationship/evaluate": {"stage": "ENGAGEMENT", "people": [{"id": "a", **HELD}], "links": []},
    "POST /v1/products/lookup #product": {"ids": ["{product}"]},
    "POST /v1/activities/lookup #visit": {"ids": ["{visit}"]},
    "POST /v1/activities": VISIT,
    "POST /v1/activities #for owner": {**VISIT, "owner_id": "{owner}"},
    "PATCH /v1/activities/{visit}": {"outcome": "outcome {n}"},
    "PATCH /v1/activities/{visit} #owner": {"owner_id": "{mate}"},
    "POST /v1/time-logs": LOG,
    "POST /v1/time-logs #for owner": {**LOG, "member_id": "{owner}"},
    "PATCH /v1/time-logs/{log}": {"note": "note {n}"},
}  # fmt: skip

# What an administrator does after an operation that was done, so that the next caller finds things as they were.
AFTER: Mapping[str, tuple[str, str, Any]] = {
    "PATCH /v1/accounts/{account} #owner": ("PATCH", "/v1/accounts/{account}", {"owner_id": "{owner}"}),
    "PATCH /v1/accounts/{account} #team": (
        "PATCH", "/v1/accounts/{account}", {"team": [{"member_id": "{mate}", "function": "PRESALES"}]},
    ),
    "PATCH /v1/opportunities/{deal} #owner": ("PATCH", "/v1/opportunities/{deal}", {"owner_id": "{owner}"}),
    "POST /v1/opportunities/{deal}/stage": (
        "POST", "/v1/opportunities/{deal}/stage", {"to": "TARGETING", "note": "back"},
    ),
    "DELETE /v1/opportunities/{deal}/stakeholders/{person}": (
        "PUT", "/v1/opportunities/{deal}/stakeholders",
        {"items": [{"contact_id": "{person}", **HELD}, {"contact_id": "{other}", **HELD}]},
    ),
    "PATCH /v1/activities/{visit} #owner": ("PATCH", "/v1/activities/{visit}", {"owner_id": "{owner}"}),
}  # fmt: skip


@pytest.fixture
async def cast_(database_url: DatabaseUrl) -> AsyncIterator[Cast]:
    async with opened(database_url) as cast:
        yield cast


@pytest.mark.parametrize("service", SERVICES)
async def test_everybody_meets_what_the_table_says(service: str, cast_: Cast) -> None:
    wrong = [told for line in lines(service) if (told := await difference(cast_, service, line))]
    assert wrong == [], "\n" + "\n".join(wrong)


async def difference(cast: Cast, service: str, line: Line) -> str:
    """Where the callers meet something else than the line says; "" where they do not."""
    met = [await letter(cast, service, who, line) for who in CALLERS]
    return line.difference(met)


async def letter(cast: Cast, service: str, who: str, line: Line) -> str:
    """What the caller meets."""
    await refresh_all(cast, line.path + str(BODIES.get(line.asked)))
    if "{since}" in line.path:
        cast.ids["since"] = await before_news(cast, service, who, line.variant)
    ids = cast.ids | {"n": str(next(NUMBERS)), "now": instant(now()), "source": "crm"}
    if line.method == "POST" and line.path.endswith("/imports"):
        answer = await send_file(cast, service, who, line.path.split("/")[2])
    else:
        body = filled(BODIES[line.asked], ids) if line.asked in BODIES else None
        answer = await cast.ask(service, who, line.method, filled(line.path, ids), body)
    if not answer.is_success:
        return LETTERS.get(answer.status_code, str(answer.status_code))
    if line.asked in AFTER:
        method, path, body = AFTER[line.asked]
        restored = await cast.ask(service, "admin", method, filled(path, ids), filled(body, ids))
        assert restored.is_success, restored.text
    return "s" if filled(line.shows, ids) in answer.text else "-"


async def before_news(cast: Cast, service: str, who: str, variant: str) -> str:
    """The caller's token of changes, after which something happens; "" where there is none for the caller."""
    await cast.number(service)
    answer = await cast.ask(service, who, "GET", "/v1/changes")
    await happens(cast, f"{service} {variant}".strip())
    await cast.number(service)
    return answer.json()["next"] if answer.is_success else "none"


def operations(service: Service) -> set[str]:
    """Method and shape of every operation of the service."""
    return {
        f"{method} {shape(route.path)}"
        for router in service.routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


@pytest.mark.parametrize("service", SERVICES)
def test_the_table_speaks_of_every_operation(service: str) -> None:
    told = {f"{line.method} {shape(line.path)}" for line in lines(service)}
    assert operations(SERVICES[service]) - told == set(), "add lines to the table of rights"
    assert told - operations(SERVICES[service]) == set(), "the table speaks of what is not there"


async def test_a_planted_mistake_is_told(cast_: Cast) -> None:
    (right,) = [line for line in lines("contacts") if line.asked == "GET /v1/accounts/{account}"]
    assert await difference(cast_, "contacts", right) == ""
    wrong = replace(right, letters=right.letters.replace(".", "s"))
    expected = ": former . instead of s, stranger . instead of s, idle . instead of s"
    assert await difference(cast_, "contacts", wrong) == right.asked + " -> {account}" + expected
    blind = replace(right, shows="no such text")
    assert "owner - instead of s" in await difference(cast_, "contacts", blind)


def test_a_planted_operation_is_missed() -> None:
    planted = router("planted")
    planted.get("/accounts/{id}/secrets")(test_a_planted_operation_is_missed)
    service = replace(SERVICES["contacts"], routers=(planted,))
    assert operations(service) == {"GET /v1/accounts/{}/secrets"}
