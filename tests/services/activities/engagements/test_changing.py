"""Changing activities: merge patches, what is over, versions, and what they refer to."""

import asyncio
from typing import Any

import pytest

from tests.services.activities.conftest import House, refused

PAST = "2026-03-01T09:00:00Z"


def path_of(activity: dict[str, Any]) -> str:
    return f"/v1/activities/{activity['id']}"


async def patched(house: House, activity: dict[str, Any], who: str = "seller", **patch: Any) -> Any:
    """The answer to a patch of the activity's present version."""
    return await house.call(who, "PATCH", path_of(activity), patch, if_match=f'"{activity["version"]}"')


async def test_a_patch_changes_what_it_names(house: House) -> None:
    made = await house.make("seller", outcome="待定", our_attendees=[attendee(house, "teammate")])
    answer = await patched(house, made, subject="改期拜访", outcome=None)
    assert answer.status_code == 200, answer.text
    changed = {"subject": "改期拜访", "outcome": None, "version": 2}
    assert answer.json() == made | changed | {"updated_at": answer.json()["updated_at"]}
    assert answer.headers["etag"] == '"2"'
    [(said,)] = await house.rows("SELECT changed FROM journal WHERE version = 2")
    assert said == {
        "subject": {"from": "拜访总工程师", "to": "改期拜访"},
        "outcome": {"from": "待定", "to": None},
    }


def attendee(house: House, name: str) -> dict[str, str]:
    return {"member_id": house.members[name], "function": "SALES"}


async def test_lists_are_replaced_as_a_whole(house: House) -> None:
    people = list(house.people)
    made = await house.make("seller", our_attendees=[attendee(house, "seller")], contact_ids=people)
    answer = await patched(
        house,
        made,
        our_attendees=[attendee(house, "boss"), attendee(house, "teammate")],
        contact_ids=people[1:],
    )
    assert answer.json()["our_attendees"] == [attendee(house, "boss"), attendee(house, "teammate")]
    assert answer.json()["contact_ids"] == people[1:]


async def test_external_ids_change_source_by_source(house: House) -> None:
    made = await house.make("seller", external_ids={"crm": "7", "erp": "a"})
    answer = await patched(house, made, external_ids={"crm": None, "日历".encode().hex(): "9"})
    assert answer.json()["external_ids"] == {"erp": "a", "日历".encode().hex(): "9"}
    found = await house.rows("SELECT source, external_id FROM external_id ORDER BY source")
    assert dict(found) == answer.json()["external_ids"]


async def test_a_patch_that_says_nothing_new_changes_nothing(house: House) -> None:
    made = await house.make("seller")
    for patch in ({}, {"subject": made["subject"]}, {"status": "PLANNED"}, {"account_id": house.account}):
        answer = await patched(house, made, **patch)
        assert (answer.status_code, answer.json()) == (200, made)
    assert len(await house.rows("SELECT FROM journal")) == 1


@pytest.mark.parametrize(
    ("status", "fact", "more"),
    [
        ("DONE", "completed", {"started_at": PAST}),
        ("MISSED", "missed", {"planned_start_at": PAST}),
        ("CANCELLED", "cancelled", {}),
    ],
)
async def test_what_was_planned_comes_to_an_end_once(
    house: House, status: str, fact: str, more: dict[str, str]
) -> None:
    made = await house.make("seller")
    ended = await patched(house, made, status=status, **more)
    assert (ended.status_code, ended.json()["status"]) == (200, status)
    for other in {"PLANNED", "DONE", "MISSED", "CANCELLED"} - {status}:
        answer = await patched(house, ended.json(), status=other, started_at=PAST)
        assert (answer.status_code, answer.json()["code"]) == (409, "activity_over")
    after = await patched(house, ended.json(), status=status, outcome="客户很满意")
    assert after.status_code == 200
    facts = await house.rows("SELECT type FROM journal ORDER BY id")
    assert [name for (name,) in facts] == ["activity.planned", f"activity.{fact}", "activity.updated"]


async def test_done_stays_in_the_past_when_its_time_is_mended(house: House) -> None:
    made = await house.make("seller", status="DONE")
    assert refused(await patched(house, made, started_at=None)) == {"started_at": "required"}
    mended = await patched(house, made, started_at="2026-02-01T09:00:00Z", minutes=60)
    assert mended.json()["starts_at"] == "2026-02-01T09:00:00.000000Z"


async def test_the_account_is_filled_from_a_deal_named_later(house: House) -> None:
    made = await house.make("seller", account_id=None)
    answer = await patched(house, made, opportunity_id=house.deal)
    assert (answer.json()["account_id"], answer.json()["opportunity_id"]) == (house.account, house.deal)
    [(key,)] = await house.rows("SELECT DISTINCT partition_key::text FROM journal")
    assert key == made["id"], "the partition key stays what it was at birth"


async def test_account_people_and_deal_stay_in_agreement(house: House) -> None:
    other = await house.open_account("seller", name="别处")
    elsewhere = await house.hear("contact", account_id=other, name="王强")
    made = await house.make("seller", contact_ids=list(house.people))
    assert refused(await patched(house, made, account_id=other)) == {
        "contact_ids.0": "unknown",
        "contact_ids.1": "unknown",
    }
    moved = await patched(house, made, account_id=other, contact_ids=[elsewhere])
    assert moved.json()["account_id"] == other
    answer = await patched(house, moved.json(), opportunity_id=house.deal)
    assert refused(answer) == {"account_id": "disagrees"}


async def test_what_a_patch_does_not_name_is_not_doubted(house: House) -> None:
    made = await house.make("teammate", contact_ids=list(house.people))
    await house.hear(
        "account", "updated", 2, id=house.account, name="云山电网", owner_id=None, team=[], external_ids={}
    )
    await house.hear("contact", "deleted", 2, id=house.people[0], account_id=house.account, name="李雷")
    answer = await patched(house, made, "teammate", our_attendees=[attendee(house, "teammate")])
    assert answer.status_code == 200, answer.text
    answer = await patched(house, answer.json(), "teammate", contact_ids=[house.people[1]])
    assert answer.status_code == 200, answer.text


async def test_the_owner_is_changed_by_the_owner_and_from_above(house: House) -> None:
    made = await house.make("seller")
    theirs = await patched(house, made, "teammate", owner_id=house.members["teammate"])
    assert (theirs.status_code, theirs.json()["code"]) == (403, "not_yours_to_edit")
    handed = await patched(house, made, "boss", owner_id=house.members["teammate"])
    assert handed.json()["owner_id"] == house.members["teammate"]
    assert (await patched(house, handed.json(), "boss", owner_id=house.members["boss"])).status_code == 403
    assert (await patched(house, handed.json(), "admin", owner_id=house.members["boss"])).status_code == 200


async def test_whoever_sees_may_edit_but_roles_that_read_only_their_own(house: House) -> None:
    made = await house.make("seller")
    for n, who in enumerate(("seller", "boss", "teammate", "admin"), start=1):
        answer = await house.call(who, "PATCH", path_of(made), {"next_step": who}, if_match=f'"{n}"')
        assert answer.status_code == 200, (who, answer.text)
    for who in ("executive", "marketing", "reporting"):
        for patch in ({"next_step": who}, {"minutes": 5}):
            answer = await house.call(who, "PATCH", path_of(made), patch, if_match="*")
            assert (answer.status_code, answer.json()["code"]) == (403, "not_yours_to_edit"), who
    handed = await patched(house, made | {"version": 5}, "seller", owner_id=house.members["stranger"])
    assert handed.status_code == 200
    house.callers.add("reporting", "reporting", member_id=handed_to(house))
    own = await house.call("reporting", "PATCH", path_of(made), {"minutes": 5}, if_match="*")
    assert own.status_code == 200, own.text


async def test_an_executive_who_sells_edits_what_sellers_see(house: House) -> None:
    theirs, mine = await house.make("stranger", account_id=None), await house.make("seller")
    house.callers.add("chief", "executive", "rep", member_id=house.callers.viewers["boss"].member_id)
    for patch in ({"minutes": 5}, {"subject": "改"}):
        seen = await house.call("chief", "PATCH", path_of(theirs), patch, if_match="*")
        assert (seen.status_code, seen.json()["code"]) == (403, "not_yours_to_edit")
        below = await house.call("chief", "PATCH", path_of(mine), patch, if_match="*")
        assert below.status_code == 200, below.text


async def test_who_sends_the_owner_as_it_stands_hands_nothing_over(house: House) -> None:
    made = await house.make("seller")
    answer = await patched(house, made, "teammate", owner_id=made["owner_id"], subject="改")
    assert (answer.status_code, answer.json()["subject"]) == (200, "改")


def handed_to(house: House) -> Any:
    return house.callers.viewers["stranger"].member_id


async def test_changes_say_which_version_they_were_made_on(house: House) -> None:
    made = await house.make("seller")
    for patch in ({"subject": "新题目"}, {"minutes": 30}):
        missing = await house.call("seller", "PATCH", path_of(made), patch)
        assert (missing.status_code, missing.json()["code"]) == (428, "if_match_required")
        stale = await house.call("seller", "PATCH", path_of(made), patch, if_match='"7"')
        assert (stale.status_code, stale.json()["current"]) == (412, made)
        assert stale.headers["etag"] == '"1"'
        garbled = await house.call("seller", "PATCH", path_of(made), patch, if_match="first")
        assert refused(garbled) == {"If-Match": "etag"}
        unseen = await house.call("stranger", "PATCH", path_of(made), patch, if_match="*")
        assert (unseen.status_code, unseen.json()["code"]) == (404, "not_found")
    answer = await house.call("seller", "PATCH", path_of(made), {"minutes": 30}, if_match="*")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')


async def test_of_two_changes_on_one_version_one_is_told(house: House) -> None:
    made = await house.make("seller")
    both = [patched(house, made, minutes=30), patched(house, made, "boss", minutes=45)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*both)) == [200, 412]


async def test_any_version_does_not_lose_to_another_change(house: House) -> None:
    made = await house.make("seller")
    many = [house.call("seller", "PATCH", path_of(made), {"minutes": 10 + n}, if_match="*") for n in range(3)]
    assert [answer.status_code for answer in await asyncio.gather(*many)] == [200] * 3
    [(version,)] = await house.rows("SELECT version FROM activity")
    assert version == 4
