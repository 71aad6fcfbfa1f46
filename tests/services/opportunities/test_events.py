"""What is told in public, and what never is."""

from services.kit.envelope import Encoder, JournalRow
from services.kit.events import SNAPSHOT
from services.opportunities.events import PUBLIC
from tests.services.opportunities.conftest import House, person

SECRETS = ["秘密需求", "秘密资金", "秘密证据", "秘密立场", "秘密备注"]


async def told(house: House) -> list[str]:
    """Every journal row as it would be published."""
    encoder = Encoder("opportunities", PUBLIC)
    rows = await house.rows(
        "SELECT id, recorded_at, event_id, type, aggregate, aggregate_id, version, partition_key, actor, request_id,"
        " traceparent, imported, changed, state FROM journal ORDER BY id"
    )
    records = [encoder.encode(JournalRow(*row)) for row in rows]
    return [(record.value or b"").decode() for record in records if record]


async def test_notes_and_needs_stay_at_home(house: House) -> None:
    need, funding, evidence, stance, note = SECRETS
    deal = (await house.deal(need_summary=need, funding_source=funding, shortlist_evidence=evidence))["id"]
    friend = person(house.people[0], "USER", "FRIEND", stance_note=stance, stance_reason="PERSONAL_TRUST")
    await house.draw(deal, friend)
    await house.draw(deal, friend | {"stance_note": stance + "2", "stance": "ENEMY"})
    await house.move("seller", deal, "ENGAGEMENT", note=note)
    await house.move("seller", deal, "TARGETING", note=note)
    await house.move("seller", deal, "LOST", reason_code="PRICE", note=note)
    await house.sell("GTX")
    published = await told(house)
    for secret in SECRETS:
        kept = await house.rows("SELECT count(*) FROM journal WHERE state::text LIKE %s", f"%{secret}%")
        assert kept[0][0] > 0, "the journal keeps it"
        assert not any(secret in value for value in published)
    assert any('"moves":[{' in value for value in published)
    assert any('"stance_reason":"PERSONAL_TRUST"' in value for value in published)


async def test_every_type_that_is_journaled_is_public_and_every_public_type_happens(house: House) -> None:
    deal = (await house.deal())["id"]
    path = f"/v1/opportunities/{deal}"
    await house.call("seller", "PATCH", path, {"amount": 1}, if_match="*")
    one = f"{path}/stakeholders/{house.people[0]}"
    user = {"roles": ["USER"], "influence": "H"}
    await house.call("seller", "PUT", one, user)
    await house.call("seller", "PUT", one, user | {"influence": "L"}, if_match="*")
    await house.call("seller", "PUT", one, user | {"stance": "FRIEND"}, if_match="*")
    await house.call("seller", "DELETE", one, if_match="*")
    await house.move("seller", deal, "ENGAGEMENT")
    await house.move("seller", deal, "LOST", reason_code="PRICE")
    await house.sell("GTX")
    found = {row[0] for row in await house.rows("SELECT DISTINCT type FROM journal")}
    public = {type_ for aggregate in PUBLIC for type_ in aggregate.types}
    # Products change with imports, snapshots come of a republish, and of removals there are tests of their own.
    removals = {
        f"{each.name}.{fact}" for each in PUBLIC for fact in ("deleted", "restored", "erased", SNAPSHOT)
    }
    assert found - removals - {"sight.changed"} == public - removals - {"product.updated"}
