"""The issuer's keys: fetched when they are wanted, renewed, withdrawn, and never asked for in a flood."""

import asyncio
from typing import Any

import pytest

from services.kit import keys
from services.kit.identity import Verifier
from services.kit.problems import Unavailable
from tests.kit.issuing import ISSUER, StubIssuer, code_of, new_key


async def test_keys_are_fetched_once_for_all_who_wait(issuer: StubIssuer, verifier: Verifier) -> None:
    tokens = [issuer.token(sub=f"caller {n}") for n in range(20)]
    await asyncio.gather(*(verifier.viewer(f"Bearer {token}") for token in tokens))
    assert issuer.fetches == 1


async def test_a_new_key_is_found_at_once(issuer: StubIssuer, verifier: Verifier) -> None:
    await verifier.viewer(f"Bearer {issuer.token()}")
    issuer.keys = [new_key()]
    issuer.clock.now += keys.FETCH_PAUSE
    assert await verifier.viewer(f"Bearer {issuer.token()}")
    assert issuer.fetches == 2


async def test_a_key_that_was_withdrawn_verifies_nothing_more(issuer: StubIssuer, verifier: Verifier) -> None:
    old = issuer.keys[0]
    await verifier.viewer(f"Bearer {issuer.token()}")
    issuer.keys = [new_key()]
    issuer.clock.now += keys.FETCH_PAUSE
    await verifier.viewer(f"Bearer {issuer.token()}")
    assert await code_of(verifier, issuer.token(key=old, sub="late")) == "token_key_unknown"


async def test_unknown_keys_ask_the_issuer_once_in_a_while(issuer: StubIssuer, verifier: Verifier) -> None:
    await verifier.viewer(f"Bearer {issuer.token()}")
    for n in range(50):
        await code_of(verifier, issuer.token(header={"kid": f"made up {n}"}))
    assert issuer.fetches == 1
    issuer.clock.now += keys.FETCH_PAUSE
    for n in range(50):
        await code_of(verifier, issuer.token(header={"kid": f"made up {n}"}))
    assert issuer.fetches == 2


async def test_a_flood_of_made_up_keys_is_one_fetch_and_keeps_nobody_waiting(
    issuer: StubIssuer, verifier: Verifier
) -> None:
    good = f"Bearer {issuer.token(sub='regular')}"
    await verifier.viewer(good)
    issuer.clock.now += keys.FETCH_PAUSE
    issuer.hold = asyncio.Event()
    flood = [
        asyncio.create_task(code_of(verifier, issuer.token(header={"kid": f"made up {n}"})))
        for n in range(200)
    ]
    await asyncio.sleep(0)
    assert (await verifier.viewer(f"Bearer {issuer.token(sub='meanwhile')}")).subject == "meanwhile"
    assert (await verifier.viewer(good)).subject == "regular"
    assert not any(task.done() for task in flood)
    issuer.hold.set()
    assert set(await asyncio.gather(*flood)) == {"token_key_unknown"}
    assert issuer.fetches == 2


async def test_one_key_that_makes_no_sense_does_not_spoil_the_others(
    issuer: StubIssuer, verifier: Verifier
) -> None:
    bad = {"kty": "EC", "crv": "P-256", "kid": "bad", "x": "AAAA", "y": "AAAA"}
    issuer.jwks = {"keys": [bad, {**bad, "kid": "worse", "x": 7}, issuer.keys[0].as_dict(private=False)]}
    assert await verifier.viewer(f"Bearer {issuer.token()}")


async def test_keys_are_renewed_in_the_background(issuer: StubIssuer, verifier: Verifier) -> None:
    await verifier.viewer(f"Bearer {issuer.token()}")
    issuer.clock.now += keys.FRESH_FOR + 1
    await verifier.viewer(f"Bearer {issuer.token(sub='next')}")
    await asyncio.sleep(0.05)
    assert issuer.fetches == 2


async def test_keys_at_hand_serve_while_the_issuer_is_away(issuer: StubIssuer, verifier: Verifier) -> None:
    await verifier.viewer(f"Bearer {issuer.token()}")
    issuer.down = True
    issuer.clock.now += keys.USED_FOR - 1
    assert await verifier.viewer(f"Bearer {issuer.token()}")


async def test_keys_do_not_outlive_the_issuer(issuer: StubIssuer, verifier: Verifier) -> None:
    await verifier.viewer(f"Bearer {issuer.token()}")
    issuer.down = True
    issuer.clock.now += keys.USED_FOR
    with pytest.raises(Unavailable) as refused:
        await verifier.viewer(f"Bearer {issuer.token()}")
    assert refused.value.code == "issuer_unreachable"


async def test_issuer_that_is_not_up_yet_is_unavailable_then_found(
    issuer: StubIssuer, verifier: Verifier
) -> None:
    issuer.down = True
    assert not await verifier.ready()
    assert await code_of(verifier, issuer.token()) == "issuer_unreachable"
    issuer.down = False
    issuer.clock.now += 1
    assert await verifier.ready()
    assert await verifier.viewer(f"Bearer {issuer.token()}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": {"issuer": "https://elsewhere.test", "jwks_uri": f"{ISSUER}/keys"}},
        {"metadata": {"issuer": ISSUER}},
        {"metadata": {"issuer": ISSUER, "jwks_uri": "no address"}},
        {"metadata": {"issuer": ISSUER, "jwks_uri": ISSUER.replace("https", "http") + "/keys"}},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": "none"}},
        {"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "x", "x": "AAAA", "y": "AAAA"}]}},
        {"jwks": {"keys": [{"kty": "EC", "crv": "P-256", "kid": "x"}]}},
    ],
)
async def test_an_issuer_that_makes_no_sense_is_not_ready(
    wrong: dict[str, Any], issuer: StubIssuer, verifier: Verifier
) -> None:
    vars(issuer).update(wrong)
    assert not await verifier.ready()
