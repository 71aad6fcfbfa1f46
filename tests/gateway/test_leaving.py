"""Who has left is nobody in every service, whatever a token that is still good says."""

from typing import Any

import pytest

from tests.gateway.platform import Platform

READS = ("/v1/accounts", "/v1/opportunities", "/v1/activities")


async def refusals(small: Platform, who: str, *asked: tuple[str, str, Any]) -> set[tuple[int, str]]:
    """How the lists of the services, and what else is asked, refuse somebody."""
    requests = [*(("GET", path, None) for path in READS), *asked]
    answers = [await small.call(who, method, path, body) for method, path, body in requests]
    return {(answer.status_code, answer.json().get("code", "")) for answer in answers}


@pytest.mark.parametrize("role", ["admin", "executive", "rep"])
async def test_whoever_was_deleted_is_nobody_as_whoever_was_let_go(small: Platform, role: str) -> None:
    member = f"/v1/members/{await small.hire('leaver')}"
    small.admit("leaver", role)
    writes = (("POST", "/v1/accounts", {"name": "Mine"}), ("POST", f"{member}/restoration", None))
    for method, body in (("PATCH", {"active": False}), ("DELETE", None)):
        await small.ok("admin", method, member, body)
        await small.carry()
        small.issuer.clock.now += 1
        assert await refusals(small, "leaver", *writes) == {(403, "member_inactive")}
    await small.ok("admin", "POST", f"{member}/restoration")
    await small.ok("admin", "PATCH", member, {"active": True})
    await small.carry()
    small.issuer.clock.now += 1
    assert await refusals(small, "leaver") == {(200, "")}


async def test_only_administrators_and_machines_need_no_member(small: Platform) -> None:
    for role in ("executive", "marketing", "reporting", "manager"):
        small.admit("nobody", role)
        assert await refusals(small, "nobody") == {(403, "not_a_member")}
    small.admit("machine", "service", scope=" ".join(f"{name}:read" for name in small.running))
    assert await refusals(small, "admin") == await refusals(small, "machine") == {(200, "")}
