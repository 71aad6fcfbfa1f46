"""Who asks: which tokens are believed, which are not and why, keys that change, members joined by mail address."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.kit import keys
from services.kit.db import Database
from services.kit.identity import (
    LEEWAY,
    MAX_TOKEN,
    MEMBER_FOR,
    NO_MEMBER_FOR,
    VERIFIED_FOR,
    Remembered,
    Verifier,
    Viewer,
    member_lookup,
)
from services.kit.problems import Problem, Unauthorized, Unavailable
from tests.conftest import DatabaseUrl
from tests.kit.issuing import ISSUER, SETTINGS, Clock, StubIssuer, new_key


@pytest.fixture
def issuer() -> StubIssuer:
    return StubIssuer()


@pytest.fixture
async def verifier(issuer: StubIssuer) -> AsyncGenerator[Verifier]:
    async with Verifier(SETTINGS, transport=issuer.transport, clock=issuer.clock) as opened:
        yield opened


async def code_of(verifier: Verifier, token: str | None) -> str:
    with pytest.raises(Problem) as refused:
        await verifier.viewer(token if token is None else f"Bearer {token}")
    return refused.value.code


def forged(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    """A token put together by hand; signed with HMAC when there is a secret, else not at all."""
    signed = b".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(secret, signed, "sha256") if secret is not None else b""
    return (signed + b"." + encoded(signature)).decode()


def encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


# What is believed


async def test_good_token_names_its_bearer(issuer: StubIssuer, verifier: Verifier) -> None:
    viewer = await verifier.viewer(f"Bearer {issuer.token(roles=['rep', 'manager', 'butler'])}")
    assert viewer == Viewer(
        subject="somebody",
        issuer=ISSUER,
        email="somebody@example.com",
        roles=frozenset({"rep", "manager"}),
        scopes=frozenset({"openid", "email"}),
    )


async def test_scheme_is_read_in_any_case(issuer: StubIssuer, verifier: Verifier) -> None:
    assert (await verifier.viewer(f"bearer {issuer.token()}")).subject == "somebody"


async def test_audience_may_be_one_of_several(issuer: StubIssuer, verifier: Verifier) -> None:
    assert await verifier.viewer(f"Bearer {issuer.token(aud=['other', 'foothold'])}")


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": None},
        {"email": ["somebody@example.com"]},
        {"email": "no address"},
        {"email": "a@b\x00c"},
    ],
)
async def test_only_a_verified_address_counts(
    claims: dict[str, Any], issuer: StubIssuer, verifier: Verifier
) -> None:
    assert (await verifier.viewer(f"Bearer {issuer.token(**claims)}")).email is None


@pytest.mark.parametrize("roles", [None, 7, {"admin": True}, [["admin"]], "", []])
async def test_roles_of_another_shape_give_no_role(
    roles: object, issuer: StubIssuer, verifier: Verifier
) -> None:
    assert (await verifier.viewer(f"Bearer {issuer.token(roles=roles)}")).roles == frozenset()


async def test_a_minute_of_clock_skew_is_half_forgiven(issuer: StubIssuer, verifier: Verifier) -> None:
    now = int(issuer.clock())
    assert await verifier.viewer(f"Bearer {issuer.token(exp=now - LEEWAY + 1)}")
    assert await verifier.viewer(f"Bearer {issuer.token(nbf=now + LEEWAY, iat=now + LEEWAY)}")


# What is not


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://elsewhere.test"}, "token_issuer"),
        ({"iss": ISSUER + "/"}, "token_issuer"),
        ({"aud": "other"}, "token_audience"),
        ({"aud": ["other"]}, "token_audience"),
        ({"aud": {"foothold": 1}}, "token_audience"),
        ({"exp": 1}, "token_expired"),
        ({"exp": float("nan")}, "token_claims"),
        ({"exp": "tomorrow"}, "token_claims"),
        ({"nbf": 10**11}, "token_not_yet_valid"),
        ({"iat": 10**11}, "token_not_yet_valid"),
        ({"sub": ""}, "token_claims"),
        ({"sub": "a\x00b"}, "token_claims"),
        ({"sub": "a" * 256}, "token_claims"),
        ({"sub": 7}, "token_claims"),
        ({"iss": None}, "token_claims"),
        ({"aud": None}, "token_claims"),
        ({"exp": None}, "token_claims"),
        ({"iat": None}, "token_claims"),
        ({"sub": None}, "token_claims"),
    ],
)
async def test_a_wrong_claim_is_refused_by_name(
    claims: dict[str, Any], code: str, issuer: StubIssuer, verifier: Verifier
) -> None:
    assert await code_of(verifier, issuer.token(**claims)) == code


@pytest.mark.parametrize(
    "token", ["", "x", "a.b", "a.b.c", "a.b.c.d", "....", "eyJ.e30.x", "ü.ü.ü", "x" * MAX_TOKEN * 2]
)
async def test_what_is_no_token_is_malformed(token: str, verifier: Verifier) -> None:
    assert await code_of(verifier, token) == "token_malformed"


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Token x"])
async def test_other_schemes_are_malformed(header: str, verifier: Verifier) -> None:
    with pytest.raises(Unauthorized) as refused:
        await verifier.viewer(header)
    assert refused.value.code == "token_malformed"


@pytest.mark.parametrize("header", [None, ""])
async def test_no_token_is_told_how_to_send_one(header: str | None, verifier: Verifier) -> None:
    with pytest.raises(Unauthorized) as refused:
        await verifier.viewer(header)
    assert (refused.value.code, refused.value.headers["WWW-Authenticate"]) == ("token_missing", "Bearer")


async def test_refusals_carry_a_challenge(issuer: StubIssuer, verifier: Verifier) -> None:
    with pytest.raises(Unauthorized) as refused:
        await verifier.viewer(f"Bearer {issuer.token(aud='other')}")
    assert refused.value.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')


@pytest.mark.parametrize("algorithm", ["none", "None", "", None, ["ES256"]])
async def test_unsigned_token_is_refused(algorithm: object, issuer: StubIssuer, verifier: Verifier) -> None:
    token = forged({"alg": algorithm, "kid": issuer.keys[0].kid}, issuer.claims())
    assert await code_of(verifier, token) == "token_algorithm"


async def test_public_key_used_as_a_shared_secret_is_refused(issuer: StubIssuer, verifier: Verifier) -> None:
    header = {"alg": "HS256", "kid": issuer.keys[0].kid}
    token = forged(header, issuer.claims(), issuer.keys[0].as_pem(private=False))
    assert await code_of(verifier, token) == "token_algorithm"


async def test_other_asymmetric_algorithms_are_refused(issuer: StubIssuer, verifier: Verifier) -> None:
    rsa = RSAKey.generate_key(2048, auto_kid=True)
    assert (
        await code_of(verifier, jwt.encode({"alg": "RS256", "kid": rsa.kid}, issuer.claims(), rsa))
        == "token_algorithm"
    )


async def test_forged_signature_is_refused(issuer: StubIssuer, verifier: Verifier) -> None:
    token = issuer.token(key=new_key(), header={"kid": issuer.keys[0].kid})
    assert await code_of(verifier, token) == "token_signature"


async def test_claims_changed_under_a_signature_are_refused(issuer: StubIssuer, verifier: Verifier) -> None:
    head, _, signature = issuer.token().split(".")
    payload = (
        base64.urlsafe_b64encode(json.dumps(issuer.claims(roles=["admin"])).encode()).rstrip(b"=").decode()
    )
    assert await code_of(verifier, f"{head}.{payload}.{signature}") == "token_signature"


@pytest.mark.parametrize("payload", [b"[1]", b"null", b'"x"'])
async def test_claims_must_be_an_object(payload: bytes, issuer: StubIssuer, verifier: Verifier) -> None:
    key = issuer.keys[0]
    token = jws.serialize_compact({"alg": "ES256", "kid": key.kid}, payload, key)
    assert await code_of(verifier, token) == "token_malformed"


@pytest.mark.parametrize("payload", [b"\xff", b"{", b"[" * 50_000, b""])
async def test_claims_must_be_json(payload: bytes, issuer: StubIssuer, verifier: Verifier) -> None:
    key = issuer.keys[0]
    token = jws.serialize_compact({"alg": "ES256", "kid": key.kid}, payload, key)
    assert await code_of(verifier, token) == "token_malformed"


@pytest.mark.parametrize("header", [{"kid": "another"}, {"kid": ""}])
async def test_a_key_that_the_issuer_does_not_have_is_refused(
    header: dict[str, Any], issuer: StubIssuer, verifier: Verifier
) -> None:
    assert await code_of(verifier, issuer.token(header=header)) == "token_key_unknown"


async def test_a_token_without_key_id_is_refused(issuer: StubIssuer, verifier: Verifier) -> None:
    token = jwt.encode({"alg": "ES256"}, issuer.claims(), issuer.keys[0])
    assert await code_of(verifier, token) == "token_key_unknown"


async def test_keys_for_other_uses_verify_nothing(issuer: StubIssuer, verifier: Verifier) -> None:
    used, encrypting = issuer.keys[0], new_key()
    issuer.jwks = {
        "keys": [
            used.as_dict(private=False),
            {**encrypting.as_dict(private=False), "use": "enc"},
            {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
            {"kty": "future", "kid": "unknown"},
            "no key at all",
        ]
    }
    assert await verifier.viewer(f"Bearer {issuer.token()}")
    assert await code_of(verifier, issuer.token(key=encrypting)) == "token_key_unknown"


# Keys


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


# Remembered


async def test_a_verified_token_is_remembered_for_a_minute(issuer: StubIssuer, verifier: Verifier) -> None:
    header = f"Bearer {issuer.token()}"
    first = await verifier.viewer(header)
    assert await verifier.viewer(header) is first
    issuer.clock.now += VERIFIED_FOR
    assert await verifier.viewer(header) is not first


async def test_a_remembered_token_still_expires(issuer: StubIssuer, verifier: Verifier) -> None:
    token = issuer.token(exp=int(issuer.clock()) + 5)
    await verifier.viewer(f"Bearer {token}")
    issuer.clock.now += 5 + LEEWAY
    assert await code_of(verifier, token) == "token_expired"


def test_what_is_remembered_is_bounded() -> None:
    remembered = Remembered[int, int](10, Clock(0))
    for n in range(25):
        remembered.put(n, n, 1)
    assert (len(remembered), remembered.get(0), remembered.get(24)) == (10, None, 24)


# Members


class Members:
    """A table of members that counts how often it is asked."""

    def __init__(self) -> None:
        self.found: dict[str, UUID] = {}
        self.asked = 0

    async def __call__(self, email: str) -> UUID | None:
        self.asked += 1
        return self.found.get(email)


async def test_a_member_is_joined_by_verified_address(issuer: StubIssuer) -> None:
    members = Members()
    members.found["somebody@example.com"] = member = uuid4()
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        joined = await verifier.viewer(f"Bearer {issuer.token()}")
        stranger = await verifier.viewer(f"Bearer {issuer.token(email_verified=False)}")
    assert (joined.member_id, joined.actor) == (member, str(member))
    assert (stranger.member_id, stranger.actor) == (None, "sub:somebody")


async def test_members_are_asked_for_once_in_five_seconds(issuer: StubIssuer) -> None:
    members = Members()
    members.found["somebody@example.com"] = uuid4()
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        for _ in range(3):
            await verifier.viewer(f"Bearer {issuer.token()}")
        assert members.asked == 1
        issuer.clock.now += MEMBER_FOR
        await verifier.viewer(f"Bearer {issuer.token()}")
    assert members.asked == 2


async def test_somebody_who_becomes_a_member_is_let_in_within_a_second(issuer: StubIssuer) -> None:
    members = Members()
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        assert (await verifier.viewer(f"Bearer {issuer.token()}")).member_id is None
        members.found["somebody@example.com"] = member = uuid4()
        issuer.clock.now += NO_MEMBER_FOR
        assert (await verifier.viewer(f"Bearer {issuer.token()}")).member_id == member


@pytest.mark.parametrize(
    ("roles", "sees_all", "is_admin"),
    [
        ((), False, False),
        (("rep", "manager", "service"), False, False),
        (("executive",), True, False),
        (("marketing",), True, False),
        (("reporting",), True, False),
        (("admin",), True, True),
    ],
)
def test_roles_say_what_is_seen(roles: tuple[str, ...], sees_all: bool, is_admin: bool) -> None:
    viewer = Viewer("x", ISSUER, roles=frozenset(roles))
    assert (viewer.sees_all, viewer.is_admin) == (sees_all, is_admin)


async def test_lookup_finds_active_members_alone(database_url: DatabaseUrl) -> None:
    url = database_url("members")
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("CREATE TABLE member (id uuid, email text, active boolean, deleted_at timestamptz)")
        session.execute(
            "INSERT INTO member VALUES"
            " ('00000000-0000-0000-0000-000000000001', 'Anna@Example.com', true, NULL),"
            " ('00000000-0000-0000-0000-000000000002', 'gone@example.com', true, now()),"
            " ('00000000-0000-0000-0000-000000000003', 'idle@example.com', false, NULL),"
            " ('00000000-0000-0000-0000-000000000004', 'two@example.com', true, NULL),"
            " ('00000000-0000-0000-0000-000000000005', 'Two@example.com', true, NULL)"
        )
    db = Database(url, name="lookup", size=1)
    await db.open()
    lookup = member_lookup(db)
    addresses = ("anna", "gone", "idle", "two", "nobody")
    found = [await lookup(f"{name}@example.com") for name in addresses]
    await db.close()
    assert found == [UUID(int=1), None, None, None, None]


def test_stub_issuer_publishes_no_private_key() -> None:
    assert "d" not in KeySet([ECKey.generate_key("P-256")]).as_dict(private=False)["keys"][0]
