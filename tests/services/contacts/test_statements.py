"""How many statements each endpoint executes: what it costs is chosen, not found out."""

from typing import Any, cast

import pytest

from services.contacts.main import SERVICE
from services.kit.clock import instant, now
from tests.services.contacts.conftest import House

# Caller, method, path, body and the statements of a request.
COSTS: list[tuple[str, str, str, Any, int]] = [
    ("seller", "GET", "/v1/me", None, 1),
    ("seller", "GET", "/v1/changes", None, 1),
    ("seller", "GET", "/v1/members", None, 1),
    ("seller", "GET", "/v1/members?count=true&manager_id[null]=true", None, 1),
    ("seller", "GET", "/v1/members/{boss}", None, 1),
    ("seller", "POST", "/v1/members/lookup", {"ids": ["{boss}"]}, 1),
    ("admin", "POST", "/v1/members", {"email": "a@b.cd", "name": "A", "manager_id": "{boss}"}, 1),
    ("admin", "PATCH", "/v1/members/{boss}", {"name": "B"}, 1),
    ("admin", "PATCH", "/v1/members/{boss}", {"manager_id": "{stranger}"}, 4),  # lock, manager, circle, change
    ("admin", "PATCH", "/v1/members/{boss}", {"manager_id": None}, 2),
    ("seller", "GET", "/v1/members/{boss}?as_of={instant}", None, 1),
    ("seller", "GET", "/v1/members/{boss}/history", None, 1),
    ("admin", "PUT", "/v1/members/by-external-id/crm/{boss}", {"email": "c@d.ef", "name": "C"}, 2),
    ("admin", "PUT", "/v1/members/by-external-id/crm/{boss}", {"email": "c@d.ef", "name": "D"}, 2),
    ("admin", "PUT", "/v1/members/by-external-id/crm/{boss}", {"email": "c@d.ef", "name": "D"}, 3),  # nothing new
    ("seller", "GET", "/v1/catalog", None, 0),
    ("seller", "GET", "/v1/accounts", None, 1),
    ("seller", "GET", "/v1/accounts?q=acme&count=true&sort=-created_at", None, 1),
    ("seller", "GET", "/v1/accounts/{account}", None, 1),
    ("seller", "GET", "/v1/accounts/{account}?as_of={instant}", None, 1),
    ("seller", "GET", "/v1/accounts/{account}/history", None, 1),
    ("seller", "GET", "/v1/accounts/{account}/view", None, 1),
    ("seller", "POST", "/v1/accounts/lookup", {"external_ids": [{"source": "a", "id": "b"}]}, 1),
    ("seller", "POST", "/v1/accounts", {"name": "A"}, 1),
    ("boss", "POST", "/v1/accounts", {"name": "A", "owner_id": "{seller}"}, 3),  # below, active, row
    ("seller", "POST", "/v1/accounts", {"name": "A", "parent_account_id": "{account}"}, 2),
    ("seller", "PATCH", "/v1/accounts/{account}", {"name": "B"}, 1),
    ("seller", "PATCH", "/v1/accounts/{account}", {"name": "B"}, 2),  # nothing new, so it is read
    ("seller", "PATCH", "/v1/accounts/{account}", {"owner_id": "{seller}"}, 3),  # active, nothing new, read
    ("seller", "PATCH", "/v1/accounts/{account}", {"parent_account_id": "{other}"}, 5),
    ("seller", "PUT", "/v1/accounts/by-external-id/crm/{boss}", {"name": "C"}, 2),
    ("seller", "PUT", "/v1/accounts/by-external-id/crm/{boss}", {"name": "D"}, 2),
    ("seller", "GET", "/v1/contacts", None, 1),
    ("seller", "GET", "/v1/contacts?account_id={account}&count=true", None, 1),
    ("seller", "GET", "/v1/contacts/{person}", None, 1),
    ("seller", "GET", "/v1/contacts/{person}?as_of={instant}", None, 1),
    ("seller", "GET", "/v1/contacts/{person}/history", None, 1),
    ("seller", "POST", "/v1/contacts/lookup", {"ids": ["{person}"]}, 1),
    ("seller", "POST", "/v1/contacts", {"account_id": "{account}", "name": "Jane"}, 1),
    ("seller", "PATCH", "/v1/contacts/{person}", {"title": "CTO"}, 1),
    ("seller", "PUT", "/v1/contacts/by-external-id/crm/{boss}", {"account_id": "{account}", "name": "J"}, 2),
    ("seller", "PUT", "/v1/contacts/by-external-id/crm/{boss}", {"account_id": "{account}", "name": "K"}, 3),
    ("seller", "GET", "/v1/contacts/{person}/links", None, 1),
    ("seller", "GET", "/v1/contacts/{person}/links/{link}", None, 1),
    ("seller", "POST", "/v1/contacts/{person}/links", {"to_contact_id": "{friend}", "kind": "ALLY"}, 3),
    ("seller", "POST", "/v1/contacts/{person}/links", {"to_contact_id": "{friend}", "kind": "REPORTS_TO"}, 5),
    ("seller", "GET", "/v1/contacts/{person}/links/{link}", None, 1),
    ("seller", "GET", "/v1/contacts/{person}/links/{link}?as_of={instant}", None, 1),
    ("seller", "GET", "/v1/contacts/{person}/links/{link}/history", None, 1),
    ("seller", "DELETE", "/v1/contacts/{person}/links/{link}", None, 1),
    ("seller", "POST", "/v1/contacts/{person}/links/{link}/restoration", None, 4),  # lines, lock, row, circle
    ("seller", "DELETE", "/v1/contacts/{person}", None, 3),  # lock, row, links
    ("seller", "POST", "/v1/contacts/{person}/restoration", None, 5),  # lines, lock, row, links, circle
    ("seller", "DELETE", "/v1/accounts/{empty}", None, 6),  # lock, what refuses, row, three kinds that follow
    ("seller", "POST", "/v1/accounts/{empty}/restoration", None, 9),  # and lines, circle, its standing
    ("seller", "GET", "/v1/contacts/{person}/personal-data", None, 1),
    ("admin", "POST", "/v1/contacts/{person}/erasure", {"reason": "REQUESTED"}, 11),
    ("admin", "GET", "/v1/contacts/{person}/erasure", None, 1),
    ("admin", "DELETE", "/v1/members/{stranger}", None, 3),
    ("admin", "POST", "/v1/members/{stranger}/restoration", None, 2),
]  # fmt: skip


def filled(told: Any, names: dict[str, str]) -> Any:
    """The template with the ids that it names."""
    match told:
        case str():
            for name, id in names.items():
                told = told.replace("{" + name + "}", id)
            return told
        case dict():
            return {key: filled(value, names) for key, value in cast("dict[str, Any]", told).items()}
        case list():
            return [filled(value, names) for value in cast("list[Any]", told)]
        case _:
            return told


async def test_what_each_endpoint_costs(house: House) -> None:
    names = {who: house.id_of(who) for who in ("boss", "seller", "stranger")}
    account, other = await house.open("seller"), await house.open("seller")
    person, friend = await house.meet("seller", account), await house.meet("seller", account)
    link = await house.ok(
        "seller", "POST", f"{person}/links", {"to_contact_id": friend[-36:], "kind": "CONFLICT"}
    )
    empty = await house.open("seller")
    paths = {"account": account, "other": other, "empty": empty, "person": person, "friend": friend}
    names |= {name: path.rpartition("/")[2] for name, path in paths.items()} | {"link": link["id"]}
    names["instant"] = instant(now())
    for who, method, path, body, expected in COSTS:
        house.statements.clear()
        on = {} if "by-external-id" in path else {"if_match": "*"}
        answer = await house.call(who, method, filled(path, names), filled(body, names), **on)
        assert answer.is_success, (method, path, answer.text)
        assert len(house.statements) == expected, (method, path, house.statements)


async def test_a_key_costs_nothing_until_it_comes_again(house: House) -> None:
    body = {"name": "Acme"}
    for expected in (1, 2):
        house.statements.clear()
        assert (await house.call("seller", "POST", "/v1/accounts", body, key="k")).status_code == 201
        assert len(house.statements) == expected


def test_every_endpoint_is_counted() -> None:
    counted = {(method, path.partition("?")[0]) for _, method, path, _, _ in COSTS}
    shapes = {
        (method, path.count("/"), path.split("/")[2], path.rpartition("/")[2][:1] == "{")
        for method, path in counted
    }
    for router in SERVICE.routers:
        for route in router.routes:
            path: str = getattr(route, "path", "")
            methods: set[str] = getattr(route, "methods", set[str]())
            if "imports" in path:
                continue  # They are jobs, and have tests of their own.
            for method in methods:
                shape = (method, path.count("/"), path.split("/")[2], path.rpartition("/")[2][:1] == "{")
                assert shape in shapes, (method, path)


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/contacts", "/v1/members"])
async def test_a_list_costs_one_statement_however_long(house: House, path: str) -> None:
    for n in range(3):
        await house.meet("seller", await house.open("seller", name=f"a{n}"))
    for query in ("", "?limit=1", "?limit=200&count=true"):
        house.statements.clear()
        await house.ok("seller", "GET", path + query)
        assert len(house.statements) == 1
