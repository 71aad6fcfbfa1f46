"""Who has left is nobody in every service, whatever a token that is still good says."""

from typing import Any

import pytest

from services.kit import rebuilding
from services.kit.ids import new_id
from services.kit.purging import purge
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


async def test_a_purged_administrator_is_one_without_a_member_also_where_the_purge_was_not_heard_of(
    small: Platform,
) -> None:
    member = f"/v1/members/{await small.hire('leaver')}"
    small.admit("leaver", "admin")
    await small.ok("admin", "DELETE", member)
    await small.lose()
    for name in ("opportunities", "activities"):
        await swept(small, name)
    small.issuer.clock.now += 1
    assert await refusals(small, "leaver") == {(403, "member_inactive")}
    for each in small.running.values():
        async with each.db.connect() as session:
            await session.execute(
                "UPDATE member SET deleted_at = deleted_at - interval '31 days' WHERE deleted_at IS NOT NULL"
            )
    small.issuer.clock.now += 1
    assert await refusals(small, "leaver") == {(200, "")}
    contacts = small.running["contacts"]
    assert await purge(contacts.db, contacts.service.deletables, 30) == 1
    small.issuer.clock.now += 1
    assert await refusals(small, "leaver") == {(200, "")}
    small.admit("leaver", "executive")
    assert await refusals(small, "leaver") == {(403, "not_a_member")}


async def swept(small: Platform, name: str) -> None:
    """Sweeps the service's copies of members, none of which a republish told of."""
    each = small.running[name]
    topic, handlers = "contacts.events", each.service.handlers
    async with each.db.transaction() as tx:
        await rebuilding.ask(tx, name, topic, new_id(), handlers, ["member"])
        await tx.execute("UPDATE rebuild SET started = '{0}', ended = '{0}', partitions = 1")
    assert await rebuilding.Sweeping(name, each.db, handlers).sweep()
