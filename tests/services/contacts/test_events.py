"""What is told in public, and what never is."""

from typing import Any, LiteralString

import orjson

from services.contacts.events import PUBLIC
from services.kit.envelope import Encoder, JournalRow
from tests.services.contacts.conftest import House

ROWS: LiteralString = """
SELECT id AS position, recorded_at, event_id, type, aggregate, aggregate_id, version, partition_key, actor, request_id,
       traceparent, imported, changed, state
FROM journal ORDER BY id"""


async def told(house: House) -> list[tuple[dict[str, str], dict[str, Any], str]]:
    """What the relay would publish: headers, value and key of each record."""
    encoder = Encoder("contacts", PUBLIC)
    records = [encoder.encode(JournalRow(**row)) for row in await house.rows(ROWS)]
    return [
        ({n: t.decode() for n, t in one.headers}, orjson.loads(one.value or b""), (one.key or b"").decode())
        for one in records
        if one is not None
    ]


async def test_of_a_person_topics_carry_who_and_where_and_no_more(house: House) -> None:
    account = await house.open("seller")
    secret: dict[str, Any] = {
        "phones": ["+41 31 4711"], "emails": ["secret@example.com"], "tenure_end_on": "2031-07-31",
        "real_influence": "H", "preferred_channel": "MESSENGER", "public_official": True, "do_not_contact": True,
        "external_ids": {"secretsource": "secretid"},
    }  # fmt: skip
    person = await house.meet("seller", account, "Jane Roe", title="CTO", **secret)
    friend = await house.meet("seller", account, "John Doe")
    await house.ok("seller", "PATCH", person, {"phones": ["+41 31 4712"], "title": "CEO"}, if_match="*")
    link = {"to_contact_id": friend[-36:], "kind": "ALLY", "note": "secretnote"}
    made = await house.call("seller", "POST", f"{person}/links", link)
    await house.ok("seller", "DELETE", made.headers["location"], if_match="*")
    published = [(h, v, k) for h, v, k in await told(house) if h["ce_type"].startswith("contact")]
    said = orjson.dumps([value for _, value, _ in published]).decode()
    for word in ("+41 31", "secret", "2031-07-31", "MESSENGER", "phones", "emails", "influence", "note"):
        assert word not in said, word
    assert [(headers["ce_type"], headers["ce_sequence"]) for headers, _, _ in published] == [
        ("contact.created.v1", "1"), ("contact.created.v1", "1"), ("contact.updated.v1", "2"),
        ("contact_link.created.v1", "1"), ("contact_link.deleted.v1", "2"),
    ]  # fmt: skip
    assert published[2][1]["changed"] == {"title": {"from": "CTO", "to": "CEO"}}
    assert {key for _, _, key in published} == {account[-36:]}


async def test_a_change_of_what_stays_at_home_is_told_without_it(house: House) -> None:
    account = await house.open("seller", employees=5)
    await house.ok("seller", "PATCH", account, {"employees": 6, "website": "https://a.example"}, if_match="*")
    headers, value, _ = (await told(house))[-1]
    assert (headers["ce_type"], value["changed"]) == ("account.updated.v1", {})
    assert "employees" not in value["data"]


async def test_every_type_that_is_journaled_is_public(house: House) -> None:
    account = await house.open("seller", team=[{"member_id": house.id_of("boss"), "function": "SALES"}])
    await house.meet("seller", account)
    path = f"/v1/members/{house.id_of('seller')}"
    await house.ok("admin", "PATCH", path, {"name": "x"}, if_match="*")
    journaled = {row["type"] for row in await house.rows("SELECT DISTINCT type FROM journal")}
    assert journaled <= {type_ for aggregate in PUBLIC for type_ in aggregate.types}
    assert len(await told(house)) == len(await house.rows("SELECT id FROM journal"))
