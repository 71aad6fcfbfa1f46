"""Every operation of every service is held to the conventions: by what the document says, and by what it answers."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp

from deploy.local import openapi
from services.activities.main import SERVICE as ACTIVITIES
from services.contacts.main import SERVICE as CONTACTS
from services.kit.clients import ASGITransport, AsyncClient
from services.kit.descriptor import Service
from services.opportunities.main import SERVICE as OPPORTUNITIES
from tests.apis import api_of, callers, prepared
from tests.conftest import DatabaseUrl
from tests.contracts import spoken
from tests.contracts.rules.answers import ANSWERS
from tests.contracts.rules.behaviour import REFUSALS, Refusal
from tests.contracts.rules.conduct import CONDUCT, Conduct
from tests.contracts.rules.naming import NAMING
from tests.contracts.rules.reading import operations
from tests.contracts.rules.requests import REQUESTS
from tests.contracts.rules.rule import Rule
from tests.house.grounds import GROUNDS, Ground

RULES = (*NAMING, *REQUESTS, *ANSWERS)
SERVICES = (CONTACTS, OPPORTUNITIES, ACTIVITIES)

# Making a document takes half a second, and every test wants one.
document, document_of = cache(openapi.document), cache(spoken.document_of)


def _says(each: Rule | Refusal | Conduct) -> str:
    return each.says


@pytest.mark.parametrize("rule", RULES, ids=_says)
def test_no_operation_breaks_the_rule(rule: Rule) -> None:
    offenders = rule.offenders(document())
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize("rule", RULES, ids=_says)
def test_the_rule_finds_an_offender(rule: Rule) -> None:
    whole = document()
    assert len(rule.offenders(rule.planted(whole))) > len(rule.offenders(whole))


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)
async def test_every_operation_refuses_what_is_not_as_it_should_be(
    service: Service, database_url: DatabaseUrl
) -> None:
    url = database_url(prepare=prepared(service))
    asked = [(refusal, each) for refusal in REFUSALS for each in operations(document_of(service))]
    async with api_of(service, url, callers()) as client:
        told = [(refusal.says, await refusal.broken(client, each)) for refusal, each in asked]
    wrong = [f"{says}: {offence}" for says, offence in told if offence]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("refusal", REFUSALS, ids=_says)
async def test_the_refusal_is_missed_where_there_is_none(refusal: Refusal) -> None:
    async with careless() as client:
        told = [await refusal.broken(client, each) for each in operations(document_of(OPPORTUNITIES))]
    assert any(told)


@pytest.mark.parametrize("conduct", CONDUCT, ids=_says)
@pytest.mark.parametrize("service", GROUNDS)
async def test_every_operation_keeps_to_what_callers_rely_on(
    service: str, conduct: Conduct, database_url: DatabaseUrl
) -> None:
    async with _ground(service, database_url) as ground:
        wrong = await conduct.offenders(ground, operations(document_of(ground.service)))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("conduct", CONDUCT, ids=_says)
@pytest.mark.parametrize("service", GROUNDS)
async def test_a_service_that_does_not_heed_the_rule_is_found(
    service: str, conduct: Conduct, database_url: DatabaseUrl
) -> None:
    async with _ground(service, database_url) as ground:
        ground.client.event_hooks["request"] = [conduct.missed]
        assert await conduct.offenders(ground, operations(document_of(ground.service)))


@asynccontextmanager
async def _ground(name: str, database_url: DatabaseUrl) -> AsyncGenerator[Ground]:
    """What lies at the service, its imports too."""
    service, opened = GROUNDS[name]
    async with opened(database_url(service.name, prepared(service))) as ground:
        await ground.queue_imports()
        yield ground


@asynccontextmanager
async def careless() -> AsyncGenerator[AsyncClient]:
    """A client of an app that is content with everything."""
    app: ASGIApp = Response(b"{}", media_type="application/json")
    async with AsyncClient(transport=ASGITransport(app), base_url="http://service.test") as client:
        yield client
