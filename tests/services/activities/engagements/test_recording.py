"""Recording activities: what a new one may say, whose it is, and what it refers to."""

from datetime import UTC, datetime, timedelta

from tests.services.activities.conftest import House, refused


async def test_everything_that_is_said_is_kept(house: House) -> None:
    said = {
        "type": "TECH_EXCHANGE",
        "status": "DONE",
        "planned_start_at": "2026-03-01T16:00:00+08:00",
        "started_at": "2026-03-01T16:10:00.250+08:00",
        "minutes": 95,
        "account_id": house.account,
        "opportunity_id": house.deal,
        "our_attendees": [{"member_id": house.members["teammate"], "function": "RND"}],
        "contact_ids": list(house.people),
        "two_way": True,
        "subject": "与总工程师交流母线保护方案",
        "outcome": "对方认可双母线方案，\n希望看到试验报告",
        "next_step": "下周送试验报告",
        "important": True,
        "urgent": False,
        "external_ids": {"旧系统".encode().hex(): "访-17"},
    }
    answer = await house.call("seller", "POST", "/v1/activities", said)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    written = said | {
        "planned_start_at": "2026-03-01T08:00:00.000000Z",
        "started_at": "2026-03-01T08:10:00.250000Z",
    }
    assert {name: made[name] for name in said} == written
    assert made["starts_at"] == written["started_at"]
    assert (made["owner_id"], made["version"]) == (house.members["seller"], 1)
    assert answer.headers["etag"] == '"1"'
    again = await house.call("seller", "GET", answer.headers["location"])
    assert again.json() == made
    assert again.headers["etag"] == '"1"'


async def test_little_needs_to_be_said(house: House) -> None:
    made = await house.make("seller", account_id=None, type="TRAINING")
    assert made["status"] == "PLANNED"
    assert made["owner_id"] == made["created_by"] == house.members["seller"]
    assert (made["account_id"], made["contact_ids"], made["two_way"]) == (None, [], False)


async def test_what_is_done_may_have_begun_just_now(house: House) -> None:
    now = datetime.now(UTC)
    assert await house.make("seller", status="DONE", started_at=now.isoformat())
    soon = house.visit(status="DONE", started_at=(now + timedelta(minutes=5)).isoformat())
    assert refused(await house.call("seller", "POST", "/v1/activities", soon)) == {"started_at": "in_future"}


async def test_the_account_is_that_of_the_deal(house: House) -> None:
    made = await house.make("seller", account_id=None, opportunity_id=house.deal, contact_ids=house.people)
    assert made["account_id"] == house.account
    [(partition_key,)] = await house.rows("SELECT partition_key::text FROM journal")
    assert partition_key == house.account


async def test_account_and_deal_must_agree(house: House) -> None:
    other = await house.open_account("seller", name="别处")
    visit = house.visit(account_id=other, opportunity_id=house.deal)
    house.owners.tell("accounts", id=other, name="别处", owner_id=None, team=[], external_ids={})
    assert refused(await house.call("seller", "POST", "/v1/activities", visit)) == {"account_id": "disagrees"}


async def test_a_deal_without_an_account_leaves_the_choice(house: House) -> None:
    lead = await house.hear(
        "opportunity", name="线索", account_id=None, owner_id=house.members["seller"], stage="TARGETING",
        status="OPEN",
    )  # fmt: skip
    assert (await house.make("seller", account_id=None, opportunity_id=lead))["account_id"] is None
    assert (await house.make("seller", opportunity_id=lead))["account_id"] == house.account
    nowhere = house.visit(account_id=None, opportunity_id=lead, contact_ids=list(house.people))
    answer = await house.call("seller", "POST", "/v1/activities", nowhere)
    assert refused(answer) == {"contact_ids": "account_required"}


async def test_people_are_those_of_the_account(house: House) -> None:
    other = await house.open_account("seller", name="别处")
    elsewhere = await house.hear("contact", account_id=other, name="王强")
    visit = house.visit(contact_ids=[house.people[0], elsewhere])
    assert refused(await house.call("seller", "POST", "/v1/activities", visit)) == {
        "contact_ids.1": "unknown"
    }
    gone = await house.hear(
        "contact", "deleted", 2, id=house.people[0], account_id=house.account, name="李雷"
    )
    visit = house.visit(contact_ids=[gone])
    assert refused(await house.call("seller", "POST", "/v1/activities", visit)) == {
        "contact_ids.0": "unknown"
    }


async def test_an_activity_is_ones_own_or_of_somebody_below(house: House) -> None:
    seller, boss = house.members["seller"], house.members["boss"]
    assert (await house.make("boss", owner_id=seller))["owner_id"] == seller
    upwards = await house.call("seller", "POST", "/v1/activities", house.visit(owner_id=boss))
    assert (upwards.status_code, upwards.json()["code"]) == (403, "owner_not_yours")
    assert (await house.make("admin", owner_id=seller))["owner_id"] == seller


async def test_who_is_no_member_names_an_owner(house: House) -> None:
    answer = await house.call("admin", "POST", "/v1/activities", house.visit())
    assert refused(answer) == {"owner_id": "required"}


async def test_whoever_left_owns_nothing_new_but_may_have_taken_part(house: House) -> None:
    left = house.members["seller"]
    await house.hear(
        "member", "updated", 2, id=left, name="Seller", email="seller@example.com", function="SALES",
        manager_id=house.members["boss"], active=False, external_ids={},
    )  # fmt: skip
    answer = await house.call("boss", "POST", "/v1/activities", house.visit(owner_id=left))
    assert refused(answer) == {"owner_id": "unknown"}
    assert await house.make("boss", our_attendees=[{"member_id": left, "function": "SALES"}])


async def test_a_row_of_another_system_is_taken_once(house: House) -> None:
    await house.make("seller", external_ids={"crm": "7"})
    again = await house.call("seller", "POST", "/v1/activities", house.visit(external_ids={"crm": "7"}))
    assert (again.status_code, again.json()["code"]) == (409, "taken")
