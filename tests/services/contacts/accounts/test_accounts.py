"""Accounts over HTTP, on a real database."""

from tests.services.contacts.conftest import House


async def test_an_account_belongs_to_its_creator_and_is_seen_from_above(house: House) -> None:
    made = await house.call("seller", "POST", "/v1/accounts", {"name": "云山电网"})
    assert made.status_code == 201, made.text
    path = made.headers["location"]
    for who, status in {"seller": 200, "boss": 200, "admin": 200, "executive": 200, "stranger": 404}.items():
        answer = await house.call(who, "GET", path)
        assert answer.status_code == status, (who, answer.text)
    seen = await house.call("boss", "GET", "/v1/accounts?q=山电&count=true")
    assert seen.json()["total"] == 1, seen.text
    unseen = await house.call("stranger", "GET", "/v1/accounts?count=true")
    assert unseen.json() == {"items": [], "next_cursor": None, "total": 0}
