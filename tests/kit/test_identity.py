"""Who asks: which tokens are believed, which are not and why, and for how long."""

import base64
import hmac
import json
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from services.kit.identity import LEEWAY, MAX_TOKEN, VERIFIED_FOR, Verifier, Viewer
from services.kit.problems import Unauthorized
from services.kit.remembered import Remembered
from services.kit.settings import Settings
from tests.kit.issuing import ISSUER, SETTINGS, Clock, StubIssuer, code_of, new_key


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


def test_stub_issuer_publishes_no_private_key() -> None:
    assert "d" not in KeySet([ECKey.generate_key("P-256")]).as_dict(private=False)["keys"][0]
