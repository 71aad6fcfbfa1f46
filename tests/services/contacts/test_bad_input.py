"""Whatever is sent: a good answer or a problem that says what is wrong, never a crash, and nothing half-written."""

import json
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.contacts.main import SERVICE
from tests.apis import api_of, callers, prepared
from tests.problems import assert_problem
from tests.servers import Databases
from tests.services.contacts.conftest import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = "01990000-0000-7000-8000-000000000000"
WORDS = ["", "x", "云", "a\u0000b", "\ud800", "x" * 300, "1", "true", "null", NOBODY, "2026-02-30", "%", "\\"]
TEXT = st.one_of(st.sampled_from(WORDS), st.text(max_size=20))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
FIELDS = [
    "email", "name", "function", "manager_id", "active", "external_ids", "account_kind", "industry", "website",
    "employees", "annual_revenue", "currency", "founded_year", "parent_account_id", "owner_id", "team", "target_type",
    "account_id", "title", "department", "level", "phones", "emails", "tenure_end_on", "real_influence",
    "public_official", "preferred_channel", "do_not_contact", "to_contact_id", "kind", "note", "ids",
]  # fmt: skip
GOOD: dict[str, dict[str, Any]] = {
    "/v1/members": {"email": "a@b.cd", "name": "A"},
    "/v1/accounts": {"name": "Acme"},
    "/v1/contacts": {"account_id": NOBODY, "name": "Jane"},
    f"/v1/contacts/{NOBODY}/links": {"to_contact_id": NOBODY, "kind": "ALLY"},
    "/v1/accounts/lookup": {"ids": []},
    f"/v1/members/{NOBODY}": {},
    f"/v1/accounts/{NOBODY}": {},
    f"/v1/contacts/{NOBODY}": {},
}
PARAMETERS = [
    "limit", "cursor", "sort", "count", "q", "name", "name[contains]", "name[in]", "owner_id", "created_at[gte]",
    "employees[lt]", "email", "manager_id[null]", "tenure_end_on", "x", "name[",
]  # fmt: skip
SENDABLE = TEXT.filter(lambda text: text.isprintable() or text == "a\x00b")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(databases: Databases) -> AsyncIterator[House]:
    url = databases.create("contacts", prepared(SERVICE))
    known = callers()
    statements: list[str] = []
    async with api_of(SERVICE, url, known, on_statement=statements.append) as client:
        house = House(client, known, statements, url)
        await house.hire("seller")
        yield house


def encoded(value: Any) -> bytes:
    """JSON as a careless client writes it: NaN, half surrogate pairs and all."""
    return json.dumps(value).encode()


fuzz = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@fuzz
@given(
    path=st.sampled_from(list(GOOD)),
    changes=st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=3),
)
async def test_any_value_in_any_field_is_taken_or_refused_by_name(
    house: House, path: str, changes: dict[str, Any]
) -> None:
    for method in ("POST", "PATCH"):
        headers = {"Authorization": "Bearer admin", "If-Match": "*", "Content-Type": "application/json"}
        body = encoded(GOOD[path] | changes)
        before = await entries(house)
        answer = await house.client.request(method, path, content=body, headers=headers)
        assert answer.status_code < 500, (method, path, body, answer.text)
        if answer.status_code >= 400:
            problem = assert_problem(answer, answer.status_code, answer.json()["code"])
            assert problem["errors"] or answer.status_code != 422, problem
            assert await entries(house) == before
        else:
            orjson.loads(answer.content)


async def entries(house: House) -> Any:
    return await house.rows(
        "SELECT (SELECT count(*) FROM journal) AS told, (SELECT count(*) FROM member) AS members,"
        " (SELECT count(*) FROM account) AS accounts"
    )


@fuzz
@given(body=st.binary(max_size=60), path=st.sampled_from(list(GOOD)))
async def test_any_bytes_are_refused(house: House, body: bytes, path: str) -> None:
    for method in ("POST", "PATCH"):
        headers = {"Authorization": "Bearer admin", "If-Match": "*", "Content-Type": "application/json"}
        answer = await house.client.request(method, path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (method, path, body, answer.text)
        assert_problem(answer, answer.status_code, answer.json()["code"])


@fuzz
@given(
    path=st.sampled_from(["/v1/members", "/v1/accounts", "/v1/contacts", f"/v1/contacts/{NOBODY}/links"]),
    query=st.dictionaries(
        st.sampled_from(PARAMETERS), TEXT.filter(lambda t: t.isprintable() or t == "a\x00b"), max_size=3
    ),
)
async def test_any_query_is_answered_or_refused_by_name(
    house: House, path: str, query: dict[str, str]
) -> None:
    plain = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
    answer = await house.client.get(path, params=plain, headers={"Authorization": "Bearer admin"})
    assert answer.status_code in (200, 404, 422), (path, query, answer.text)
    if answer.status_code == 422:
        names = {error["field"] for error in assert_problem(answer, 422, "invalid")["errors"]}
        assert names <= plain.keys()


@pytest.mark.parametrize("path", ["/v1/members", "/v1/accounts", "/v1/contacts"])
async def test_bodies_beyond_their_size_are_refused(house: House, path: str) -> None:
    body = b'{"name": "' + b"x" * 10_000_000 + b'"}'
    headers = {"Authorization": "Bearer admin", "Content-Type": "application/json"}
    answer = await house.client.post(path, content=body, headers=headers)
    assert_problem(answer, 413, "body_too_large")
