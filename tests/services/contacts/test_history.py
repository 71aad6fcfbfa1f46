"""What became of members, accounts, people and links, and how they stood, over HTTP."""

from typing import Any

from tests.problems import assert_problem
from tests.services.contacts.conftest import House
from tests.services.histories import told


async def past_of(house: House, path: str, who: str = "seller") -> Any:
    return await house.ok(who, "GET", f"{path}/history")


async def then(house: House, path: str, moment: str, who: str = "seller") -> Any:
    return await house.ok(who, "GET", f"{path}?as_of={moment}")


async def test_a_member_has_a_past_that_everybody_sees(house: House) -> None:
    path, boss = f"/v1/members/{house.id_of('seller')}", house.id_of("boss")
    first = await house.ok("stranger", "GET", path)
    await house.ok("admin", "PATCH", path, {"manager_id": None, "active": False}, if_match="*")
    page = await past_of(house, path, "stranger")
    left, hired = page["items"]
    assert told(left) == {
        "manager_id": {"from": boss, "to": None},
        "active": {"from": True, "to": False},
    }
    assert page["names"][boss] == "Boss"
    assert told(hired)["email"] == {"from": None, "to": "seller@example.com"}
    assert await then(house, path, hired["recorded_at"], "stranger") == first
    assert (await then(house, path, left["recorded_at"], "stranger"))["active"] is False


async def test_an_accounts_past_says_who_came_to_its_team_and_who_left(house: House) -> None:
    boss, stranger, seller = (house.id_of(who) for who in ("boss", "stranger", "seller"))
    seats = [{"member_id": boss, "function": "SALES"}, {"member_id": stranger, "function": "RND"}]
    path = await house.open("seller", team=seats, external_ids={"crm": "1"})
    first = await house.ok("seller", "GET", path)
    became = [{"member_id": boss, "function": "EXECUTIVE"}, {"member_id": seller, "function": "SALES"}]
    await house.ok("seller", "PATCH", path, {"team": became, "name": "Apex"}, if_match="*")
    page = await past_of(house, path)
    changed, opened = page["items"]
    assert list(told(changed)) == ["name", "team"]
    assert told(changed)["team"] == {
        "from": seats,
        "to": became,
        "added": [became[1]],
        "removed": [seats[1]],
        "changed": [{"from": seats[0], "to": became[0]}],
    }
    assert (changed["actor"], changed["actor_name"]) == (seller, "Seller")
    assert page["names"] == {boss: "Boss", stranger: "Stranger", seller: "Seller"}
    assert told(opened)["external_ids"]["added"] == {"crm": "1"}
    assert await then(house, path, opened["recorded_at"]) == first


async def test_names_of_accounts_are_those_that_the_caller_sees(house: House) -> None:
    parent, hidden = await house.open("boss", name="Parent"), await house.open("stranger", name="Hidden")
    path = await house.open("admin", owner_id=house.id_of("seller"))
    for above in (parent, hidden, None):
        body = {"parent_account_id": above and above[-36:]}
        await house.ok("admin", "PATCH", path, body, if_match="*")
    for who, names in (("boss", {"Parent"}), ("seller", set[str]()), ("admin", {"Parent", "Hidden"})):
        page = await past_of(house, path, who)
        assert set(page["names"].values()) - {"Seller"} == names
        assert told(page["items"][0])["parent_account_id"] == {"from": hidden[-36:], "to": None}


async def test_a_persons_past_is_told_to_whoever_sees_them_now(house: House) -> None:
    account = await house.open("seller")
    path = await house.meet("seller", account, phones=["+41 31 1"], emails=["a@b.cd"])
    first = await house.ok("seller", "GET", path)
    body = {"phones": ["+41 31 1", "+41 31 2"], "emails": [], "tenure_end_on": "2030-12-31"}
    await house.ok("boss", "PATCH", path, body, if_match="*")
    page = await past_of(house, path)
    changed, met = page["items"]
    assert told(changed) == {
        "phones": {"from": ["+41 31 1"], "to": body["phones"], "added": ["+41 31 2"], "removed": []},
        "emails": {"from": ["a@b.cd"], "to": [], "added": [], "removed": ["a@b.cd"]},
        "tenure_end_on": {"from": None, "to": "2030-12-31"},
    }
    assert page["names"] == {
        account[-36:]: "Acme",
        house.id_of("boss"): "Boss",
        house.id_of("seller"): "Seller",
    }
    assert await then(house, path, met["recorded_at"]) == first
    for each in (f"{path}/history", f"{path}?as_of={met['recorded_at']}"):
        assert_problem(await house.call("stranger", "GET", each), 404, "not_found")
    # Handed over, the past goes with it.
    handed = {"owner_id": house.id_of("stranger")}
    await house.ok("admin", "PATCH", account, handed, if_match="*")
    assert len((await past_of(house, path, "stranger"))["items"]) == 2
    assert_problem(await house.call("seller", "GET", f"{path}/history"), 404, "not_found")


async def test_a_link_is_shown_with_its_past_as_one_of_its_person(house: House) -> None:
    account = await house.open("seller")
    one, other = await house.meet("seller", account), await house.meet("seller", account, "John Doe")
    link = {"to_contact_id": other[-36:], "kind": "ALLY", "note": "Golf."}
    answer = await house.call("seller", "POST", f"{one}/links", link)
    path = answer.headers["location"]
    found = await house.call("seller", "GET", path)
    assert (found.json(), found.headers["etag"]) == (answer.json(), '"1"')
    page = await past_of(house, path)
    [made] = page["items"]
    assert {field: each["to"] for field, each in told(made).items()} == {
        "from_contact_id": one[-36:],
        "to_contact_id": other[-36:],
        "kind": "ALLY",
        "note": "Golf.",
    }
    assert set(page["names"].values()) == {"Jane Roe", "John Doe", "Seller"}
    assert await then(house, path, made["recorded_at"]) == answer.json()
    elsewhere = f"{other}/links/{path[-36:]}"
    for who, at in (("stranger", path), ("seller", elsewhere)):
        for more in ("", "/history", f"?as_of={made['recorded_at']}"):
            assert_problem(await house.call(who, "GET", at + more), 404, "not_found")
    await house.ok("seller", "DELETE", path, if_match="*")
    for more in ("", "/history", f"?as_of={made['recorded_at']}"):
        assert_problem(await house.call("seller", "GET", path + more), 404, "not_found")


async def test_a_row_that_is_taken_back_is_gone_with_its_past_for_those_who_saw_it(house: House) -> None:
    account = await house.open("seller")
    path = await house.meet("seller", account)
    [met] = (await past_of(house, path))["items"]
    await house.rows("UPDATE contact SET deleted_at = now()")
    for more in ("/history", f"?as_of={met['recorded_at']}"):
        assert_problem(await house.call("seller", "GET", path + more), 404, "not_found")
