"""This service's part of an account's view."""

from services.contacts.accounts.schemas import AccountRead
from services.contacts.overview.schemas import AccountView
from services.contacts.people.schemas import ContactRead
from tests.problems import assert_problem
from tests.services.contacts.conftest import House


async def test_a_part_holds_the_account_and_its_people_by_name(house: House) -> None:
    account = await house.open("seller", name="Acme")
    people = [await house.meet("seller", account, name) for name in ("Zoe", "Ann", "王伟", "Ben")]
    await house.meet("seller", await house.open("seller"), "Elsewhere")
    part = await house.ok("boss", "GET", f"{account}/view")
    assert part["account"] == await house.ok("seller", "GET", account)
    assert part["standing"] is None
    assert [person["name"] for person in part["people"]] == ["Ann", "Ben", "Zoe", "王伟"]
    assert part["people"][2] == await house.ok("seller", "GET", people[0])
    AccountView.model_validate(part)


async def test_a_part_is_seen_by_whoever_sees_the_account(house: House) -> None:
    account = await house.open("seller")
    for who, status in {"seller": 200, "boss": 200, "executive": 200, "stranger": 404}.items():
        answer = await house.call(who, "GET", f"{account}/view")
        assert answer.status_code == status, who
    assert_problem(await house.call("stranger", "GET", f"{account}/view"), 404, "not_found")


async def test_a_part_holds_two_hundred_people_at_most(house: House) -> None:
    account = await house.open("seller")
    await house.meet("seller", account, "Zoe")
    await house.rows(
        "INSERT INTO contact (id, version, partition_key, created_at, created_by, updated_at, updated_by, account_id,"
        " name, department, level, public_official, do_not_contact)"
        " SELECT uuidv7(), 1, uuidv7(), now(), 'x', now(), 'x', %(account)s::uuid, 'A' || n, 'OTHER', 'BASE',"
        "  false, false"
        " FROM generate_series(1, 250) n",
        account=account.rpartition("/")[2],
    )
    people = (await house.ok("seller", "GET", f"{account}/view"))["people"]
    assert len(people) == 200
    assert people[-1]["name"] < "Zoe"


async def test_what_is_shown_is_what_is_documented(house: House) -> None:
    """The bytes are PostgreSQL's; the models only describe them, and are held to them here."""
    account = await house.open("seller", team=[{"member_id": house.id_of("boss"), "function": "SALES"}])
    person = await house.meet(
        "seller", account, tenure_end_on="2030-01-01", phones=["+41 31 1"], real_influence="H"
    )
    AccountRead.model_validate(await house.ok("seller", "GET", account))
    shown = ContactRead.model_validate(await house.ok("seller", "GET", person))
    assert shown.model_dump(mode="json").keys() == (await house.ok("seller", "GET", person)).keys()
