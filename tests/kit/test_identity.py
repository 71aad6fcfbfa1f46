"""Who asks: which tokens are believed, which are not and why, keys that change, members joined to identities."""

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
from services.kit.identity import LEEWAY, MAX_TOKEN, VERIFIED_FOR, Verifier, Viewer
from services.kit.membership import MEMBER_FOR, Membership, member_lookup
from services.kit.problems import Forbidden, Problem, Unauthorized, Unavailable
from services.kit.remembered import Remembered
from services.kit.settings import Settings
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


def signed(issuer: StubIssuer, header: dict[str, Any], claims: dict[str, Any]) -> str:
    """A token with that very header, signed by the issuer."""
    content = b".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    signature = jws.JWSRegistry.algorithms["ES256"].sign(content, issuer.keys[0])
    return (content + b"." + encoded(signature)).decode()


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
        ({"exp": float("nan")}, "token_malformed"),
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


@pytest.mark.parametrize("header", ['["alg"]', '"alg"', "null", "{", '{"alg":"ES256","kid":{}}'])
async def test_headers_of_another_shape_are_refused(header: str, verifier: Verifier) -> None:
    token = b".".join((encoded(header.encode()), b"e30", b"AAAA")).decode()
    assert await code_of(verifier, token) in ("token_malformed", "token_key_unknown")


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], 5, None, "x"])
async def test_no_extension_is_understood(crit: object, issuer: StubIssuer, verifier: Verifier) -> None:
    header = {"alg": "ES256", "kid": issuer.keys[0].kid, "crit": crit, "exp": 1}
    assert await code_of(verifier, signed(issuer, header, issuer.claims())) == "token_extension"


@pytest.mark.parametrize("type_", ["logout+jwt", "dpop+jwt", "secevent+jwt", "", 7, None, ["JWT"]])
async def test_what_is_no_access_token_by_its_type_is_refused(
    type_: object, issuer: StubIssuer, verifier: Verifier
) -> None:
    header = {"alg": "ES256", "kid": issuer.keys[0].kid, "typ": type_}
    assert await code_of(verifier, signed(issuer, header, issuer.claims())) == "token_type"


@pytest.mark.parametrize("type_", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
async def test_access_tokens_may_say_that_they_are_such(
    type_: str, issuer: StubIssuer, verifier: Verifier
) -> None:
    assert await verifier.viewer(f"Bearer {issuer.token(header={'typ': type_})}")


async def test_a_key_that_a_token_brings_along_is_not_used(issuer: StubIssuer, verifier: Verifier) -> None:
    own = new_key()
    header = {"jwk": own.as_dict(private=False), "jku": "https://evil.test/keys", "x5c": ["AAAA"]}
    token = issuer.token(key=own, header={"kid": issuer.keys[0].kid, **header})
    assert await code_of(verifier, token) == "token_signature"
    assert issuer.fetches == 1


async def test_headers_that_say_nothing_here_are_passed_over(issuer: StubIssuer, verifier: Verifier) -> None:
    header = {"x5t": "abc", "nonce": "n", "cty": "JWT", "padding": "x" * 2000}
    whole = {"alg": "ES256", "kid": issuer.keys[0].kid, **header}
    assert await verifier.viewer(f"Bearer {signed(issuer, whole, issuer.claims())}")


@pytest.mark.parametrize(
    "twice", ['"roles":["admin"],', '"sub":"another",', '"exp":Infinity,', '"realm_access":{"a":1,"a":2},']
)
async def test_claims_that_come_twice_or_are_no_number_are_refused(
    twice: str, issuer: StubIssuer, verifier: Verifier
) -> None:
    key = issuer.keys[0]
    claims = ("{" + twice + json.dumps(issuer.claims())[1:]).encode()
    token = jws.serialize_compact({"alg": "ES256", "kid": key.kid}, claims, key)
    assert await code_of(verifier, token) == "token_malformed"


async def test_letters_of_other_alphabets_are_not_taken_for_latin_ones(
    issuer: StubIssuer, verifier: Verifier
) -> None:
    kelvin = "\u212aim@example.com"
    assert kelvin.lower() == "kim@example.com"
    assert (await verifier.viewer(f"Bearer {issuer.token(email=kelvin)}")).email == kelvin


# What settings say of the issuer


def settings(**given: object) -> Settings:
    return SETTINGS.model_copy(update=given)


RSA = RSAKey.generate_key(2048, auto_kid=True)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", ECKey.generate_key("P-256", auto_kid=True)),
        ("ES384", ECKey.generate_key("P-384", auto_kid=True)),
        ("RS256", RSA),
        ("PS256", RSA),
    ],
)
async def test_one_algorithm_is_believed_and_no_other(algorithm: str, key: ECKey | RSAKey) -> None:
    issuer = StubIssuer()
    issuer.jwks = {"keys": [key.as_dict(private=False)]}
    token = jwt.encode({"alg": algorithm, "kid": key.kid}, issuer.claims(), key, algorithms=[algorithm])
    for pinned in ("ES256", "ES384", "RS256", "PS256"):
        own = settings(oidc_algorithm=pinned)
        async with Verifier(own, transport=issuer.transport, clock=issuer.clock) as verifier:
            if pinned == algorithm:
                assert (await verifier.viewer(f"Bearer {token}")).subject == "somebody"
            else:
                assert await code_of(verifier, token) == "token_algorithm"


async def test_rsa_keys_that_are_too_short_are_not_used() -> None:
    issuer = StubIssuer()
    number = base64.urlsafe_b64encode(b"\xff" * 128).rstrip(b"=").decode()
    issuer.jwks = {"keys": [{"kty": "RSA", "kid": "short", "n": number, "e": "AQAB"}]}
    async with Verifier(
        settings(oidc_algorithm="RS256"), transport=issuer.transport, clock=issuer.clock
    ) as verifier:
        assert not await verifier.ready()
        issuer.jwks["keys"].append(RSA.as_dict(private=False))
        issuer.clock.now += 1
        assert await verifier.ready()


@pytest.mark.parametrize(
    ("name", "claims", "roles"),
    [
        ("roles", {"roles": ["rep"], "realm_access": {"roles": ["admin"]}}, {"rep"}),
        ("realm_access.roles", {"realm_access": {"roles": ["admin", "other"]}}, {"admin"}),
        ("realm_access.roles", {"realm_access": ["roles"]}, set[str]()),
        ("realm_access.roles", {}, set[str]()),
        (
            "https://foothold.example/roles",
            {"https://foothold.example/roles": "manager rep"},
            {"manager", "rep"},
        ),
    ],
)
async def test_roles_are_where_the_settings_say(
    name: str, claims: dict[str, Any], roles: set[str], issuer: StubIssuer
) -> None:
    own = settings(oidc_roles_claim=name)
    async with Verifier(own, transport=issuer.transport, clock=issuer.clock) as verifier:
        told = issuer.token(**({"roles": None} | claims))
        assert (await verifier.viewer(f"Bearer {told}")).roles == roles


async def test_scopes_are_where_the_settings_say(issuer: StubIssuer) -> None:
    async with Verifier(
        settings(oidc_scope_claim="scp"), transport=issuer.transport, clock=issuer.clock
    ) as verifier:
        viewer = await verifier.viewer(f"Bearer {issuer.token(scp=['contacts:read', 'imports'])}")
    assert viewer.scopes == {"contacts:read", "imports"}


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
        self.found: dict[str, Membership] = {}
        self.asked = 0

    def hire(self) -> UUID:
        """Makes somebody@example.com a member."""
        self.found["somebody@example.com"] = Membership(uuid4(), active=True)
        return self.found["somebody@example.com"].member_id

    async def __call__(self, subject: str, email: str | None) -> Membership | None:
        self.asked += 1
        return self.found.get(subject) or self.found.get(email or "")


async def test_a_member_is_joined_by_verified_address(issuer: StubIssuer) -> None:
    members = Members()
    member = members.hire()
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        joined = await verifier.viewer(f"Bearer {issuer.token()}")
        stranger = await verifier.viewer(f"Bearer {issuer.token(email_verified=False)}")
    assert (joined.member_id, joined.actor) == (member, str(member))
    assert (stranger.member_id, stranger.actor) == (None, "sub:somebody")


async def test_a_member_is_joined_by_subject_whatever_the_address(issuer: StubIssuer) -> None:
    members = Members()
    members.hire()
    members.found["somebody"] = bound = Membership(uuid4(), active=True)
    async with Verifier(SETTINGS, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        for token in (issuer.token(), issuer.token(email_verified=False), issuer.token(email=None)):
            assert (await verifier.viewer(f"Bearer {token}")).member_id == bound.member_id


async def test_a_member_who_has_left_is_nobody_whatever_the_roles(issuer: StubIssuer) -> None:
    members = Members()
    members.found["somebody"] = Membership(uuid4(), active=False)
    settings = SETTINGS.model_copy(update={"access_contact": "sales-ops@example.com"})
    async with Verifier(settings, members, transport=issuer.transport, clock=issuer.clock) as verifier:
        with pytest.raises(Forbidden, match=r"ask sales-ops@example\.com") as refused:
            await verifier.viewer(f"Bearer {issuer.token(roles=['executive', 'admin'])}")
    assert refused.value.code == "member_inactive"


async def test_members_are_asked_for_twice_in_a_second(issuer: StubIssuer) -> None:
    members = Members()
    members.hire()
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
        member = members.hire()
        issuer.clock.now += MEMBER_FOR
        assert (await verifier.viewer(f"Bearer {issuer.token()}")).member_id == member


@pytest.mark.parametrize(
    ("roles", "sees_all", "is_admin"),
    [
        ((), False, False),
        (("rep", "manager"), False, False),
        (("service",), True, False),
        (("executive",), True, False),
        (("marketing",), True, False),
        (("reporting",), True, False),
        (("admin",), True, True),
    ],
)
def test_roles_say_what_is_seen(roles: tuple[str, ...], sees_all: bool, is_admin: bool) -> None:
    viewer = Viewer("x", ISSUER, roles=frozenset(roles))
    assert (viewer.sees_all, viewer.is_admin) == (sees_all, is_admin)


MEMBERS = """
CREATE TABLE member (id uuid, email text, subject text, active boolean, deleted_at timestamptz);
INSERT INTO member VALUES
  ('00000000-0000-0000-0000-000000000001', 'Anna@Example.com', NULL, true, NULL),
  ('00000000-0000-0000-0000-000000000002', 'gone@example.com', 'sub-gone', true, now()),
  ('00000000-0000-0000-0000-000000000003', 'idle@example.com', NULL, false, NULL),
  ('00000000-0000-0000-0000-000000000004', 'two@example.com', NULL, true, NULL),
  ('00000000-0000-0000-0000-000000000005', 'Two@example.com', NULL, true, NULL),
  ('00000000-0000-0000-0000-000000000006', 'bound@example.com', 'sub-bound', true, NULL),
  ('00000000-0000-0000-0000-000000000007', 'left@example.com', 'sub-left', false, NULL),
  ('00000000-0000-0000-0000-000000000008', 'back@example.com', NULL, false, NULL),
  ('00000000-0000-0000-0000-000000000009', 'Back@example.com', NULL, true, NULL)"""


@pytest.mark.parametrize(
    ("subject", "email", "found"),
    [
        ("x", "anna@example.com", (1, True)),
        ("x", "gone@example.com", None),
        ("sub-gone", None, None),
        ("sub-gone", "anna@example.com", (1, True)),
        ("x", "idle@example.com", (3, False)),
        ("x", "two@example.com", None),
        ("x", "nobody@example.com", None),
        ("x", None, None),
        ("sub-bound", None, (6, True)),
        ("sub-bound", "anna@example.com", (6, True)),
        ("SUB-BOUND", None, None),
        ("x", "bound@example.com", None),
        ("sub-left", "anna@example.com", (7, False)),
        ("x", "back@example.com", (9, True)),
    ],
)
async def test_lookup_joins_by_subject_or_else_by_address(
    subject: str, email: str | None, found: tuple[int, bool] | None, database_url: DatabaseUrl
) -> None:
    url = database_url("members", _with_members)
    db = Database(url, name="lookup", size=1)
    await db.open()
    told = await member_lookup(db)(subject, email)
    await db.close()
    assert told == (None if found is None else Membership(UUID(int=found[0]), found[1]))


def _with_members(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(MEMBERS)


def test_stub_issuer_publishes_no_private_key() -> None:
    assert "d" not in KeySet([ECKey.generate_key("P-256")]).as_dict(private=False)["keys"][0]
