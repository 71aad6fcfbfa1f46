"""What a deal names: known here, asked of its owner, or refused by name."""

from typing import Any

import psycopg
import pytest

from services.opportunities.main import SERVICE
from tests.apis import api_of, as_
from tests.services.elsewhere import NOWHERE
from tests.services.opportunities.conftest import House, contact, member


async def test_what_is_known_here_is_not_asked_for(house: House) -> None:
    await house.deal(sponsor_contact_id=house.people[0], go_by=house.members["boss"])
    assert house.contacts.asked == []


async def test_an_unknown_account_is_asked_of_its_owner_with_the_callers_token_and_kept(house: House) -> None:
    account = house.contacts.tell(
        "accounts", name="新客户", owner_id=house.members["seller"], team=[], external_ids={}, version=3
    )
    deal = await house.deal(account_id=account)
    assert deal["account_id"] == account
    assert house.contacts.asked == [("accounts", "Bearer seller", [account])]
    assert await house.rows("SELECT version FROM account WHERE id = %s", account) == [(3,)]
    await house.deal(account_id=account)
    assert len(house.contacts.asked) == 1


async def test_everything_unknown_is_asked_in_one_batch_and_the_rest_is_named(house: House) -> None:
    fresh = member("fresh", NOWHERE, None) | {"id": None}
    new = house.contacts.tell("members", **{n: v for n, v in fresh.items() if n != "id"})
    missing = "00000000-0000-7000-8000-000000000001"
    body = {
        "name": "x",
        "go_by": new,
        "account_id": NOWHERE,
        "sponsor_contact_id": missing,
        "product_id": missing,
    }
    answer = await house.call("seller", "POST", "/v1/opportunities", body)
    assert answer.status_code == 422, answer.text
    assert {e["field"] for e in answer.json()["errors"]} == {"account_id", "sponsor_contact_id", "product_id"}
    assert {e["code"] for e in answer.json()["errors"]} == {"unknown"}
    assert sorted(noun for noun, *_ in house.contacts.asked) == ["accounts", "contacts", "members"]
    assert await house.rows("SELECT count(*) FROM opportunity") == [(0,)]


async def test_an_account_that_the_caller_does_not_see_is_unknown(house: House) -> None:
    other = await house.open_account("stranger")
    for body in ({"name": "x", "account_id": other}, {"name": "x", "account_id": NOWHERE}):
        answer = await house.call("seller", "POST", "/v1/opportunities", body)
        assert (answer.status_code, answer.json()["errors"]) == (
            422,
            [{"field": "account_id", "code": "unknown", "message": "names no account that you may see"}],
        )


async def test_the_owners_word_on_who_sees_an_account_is_newer_than_ours(house: House) -> None:
    other = await house.open_account("stranger")
    house.contacts.tell(
        "accounts",
        id=other,
        name="云山",
        owner_id=house.members["seller"],
        team=[],
        external_ids={},
        version=2,
    )
    assert (await house.deal(account_id=other))["account_id"] == other


async def test_a_patch_asks_as_well(house: House) -> None:
    deal = await house.deal()
    path = f"/v1/opportunities/{deal['id']}"
    refused = await house.call("seller", "PATCH", path, {"account_id": NOWHERE, "amount": 7}, if_match="*")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "account_id")
    account = house.contacts.tell(
        "accounts", name="新客户", owner_id=house.members["seller"], team=[], external_ids={}
    )
    assert (await house.call("seller", "PATCH", path, {"account_id": account}, if_match="*")).json()[
        "account_id"
    ] == account
    told = {n: v for n, v in contact("王", NOWHERE, account).items() if n != "id"}
    sponsor = house.contacts.tell("contacts", **told)
    patched = await house.call("seller", "PATCH", path, {"sponsor_contact_id": sponsor}, if_match="*")
    assert patched.json()["sponsor_contact_id"] == sponsor
    unseen = await house.call("stranger", "PATCH", path, {"account_id": NOWHERE}, if_match="*")
    assert unseen.status_code == 404


@pytest.mark.parametrize("status", [503, 500, 401])
async def test_when_the_owner_does_not_answer_nothing_is_accepted_or_refused(
    house: House, status: int
) -> None:
    house.contacts.status = status
    answer = await house.call("seller", "POST", "/v1/opportunities", {"name": "x", "account_id": NOWHERE})
    assert (answer.status_code, answer.json()["code"]) == (503, "reference_unverified")
    assert answer.headers["retry-after"] == "1"


async def test_an_inactive_member_owns_nothing_new(house: House) -> None:
    told: dict[str, Any] = member("gone", NOWHERE, house.members["boss"]) | {"active": False}
    await house.hear("member", **told)
    answer = await house.call("boss", "POST", "/v1/opportunities", {"name": "x", "owner_id": NOWHERE})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "owner_id")


async def test_a_change_that_meets_another_one_at_its_second_attempt_is_no_success(house: House) -> None:
    deal = await house.deal()
    attempts: list[str] = []

    def meanwhile(statement: str) -> None:
        """Somebody else changes the deal between the first attempt and the second."""
        if 'UPDATE "opportunity" AS r' in statement:
            attempts.append(statement)
        if len(attempts) == 2:
            with psycopg.connect(house.url, autocommit=True) as other:
                other.execute(
                    "UPDATE opportunity SET version = 2 WHERE id = %s AND version = 1", (deal["id"],)
                )

    async with api_of(SERVICE, house.url, house.callers, on_statement=meanwhile) as client:
        answer = await client.request(
            "PATCH",
            f"/v1/opportunities/{deal['id']}",
            json={"account_id": house.account},
            headers=as_("seller", if_match='"1"'),
        )
    assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
    assert len(attempts) == 2
