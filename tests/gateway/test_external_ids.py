"""Rows whose id elsewhere has no place in a path: everything but the upsert knows them by it."""

from typing import Any

import pytest

from tests.conftest import DatabaseUrl
from tests.gateway.platform import platform
from tests.problems import assert_problem

NOUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "members": ({"email": "ida@example.com", "name": "Ida"}, {"function": "RND"}),
    "accounts": ({"name": "Borealis"}, {"region": "Nordics"}),
    "contacts": ({"name": "Ida Lund"}, {"title": "CFO"}),
    "opportunities": ({"name": "Renewal"}, {"amount": 100}),
    "products": ({"name": "GTX Pro"}, {"series": "GTX"}),
    "activities": (
        {"type": "VISIT", "subject": "Tour", "planned_start_at": "2030-01-01T08:00:00Z"},
        {"minutes": 30},
    ),
}
"""What is made of each noun, and then changed."""
AT_AN_ACCOUNT = ("contacts", "opportunities", "activities")


@pytest.mark.parametrize(("id", "written"), [("2026/7", "2026%2F7"), ("a\\b", "a%5Cb"), ("..", "%2E%2E")])
async def test_a_row_whose_id_elsewhere_fits_no_path_is_made_found_and_changed(
    id: str, written: str, database_url: DatabaseUrl
) -> None:
    async with platform(database_url) as small:
        await small.hire("seller")
        account = (await small.ok("seller", "POST", "/v1/accounts", {"name": "Acme"}))["id"]
        await small.carry()
        for noun, (told, change) in NOUNS.items():
            who = "admin" if noun in ("members", "products") else "seller"
            body = told | ({"account_id": account} if noun in AT_AN_ACCOUNT else {})
            path = f"/v1/{noun}/by-external-id/crm/{written}"
            assert_problem(await small.call(who, "PUT", path, body), 400, "path_malformed")
            named = body | {"external_ids": {"crm": id}}
            made = await small.ok(who, "POST", f"/v1/{noun}", named)
            wanted = {"external_ids": [{"source": "crm", "id": id}]}
            assert (await small.ok(who, "POST", f"/v1/{noun}/lookup", wanted))["items"] == [made]
            changed = await small.ok(who, "PATCH", f"/v1/{noun}/{made['id']}", change)
            assert changed.items() >= (change | {"external_ids": {"crm": id}}).items()
