"""Who asks: bearer tokens of an OpenID Connect issuer, verified here, in every process, every time.

A token is a JWT signed with ES256 by a key of the issuer's JWKS, which is found through the issuer's
metadata, kept, renewed and rotated. Its verified mail address joins it to a member. What was verified is
remembered for at most a minute, and only under a hash of the token.
"""

import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, LiteralString, NoReturn, Self, TypeAlias, TypeVar, cast
from uuid import UUID

from joserfc import jws
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import ECKey
from joserfc.jwt import JWTClaimsRegistry

from services.kit.clients import AsyncBaseTransport, open_client
from services.kit.db import Database
from services.kit.keys import ALGORITHM, Clock, IssuerKeys
from services.kit.problems import Unauthorized
from services.kit.settings import Settings

ROLES = frozenset({"rep", "manager", "marketing", "executive", "service", "admin", "reporting"})
SEES_ALL = frozenset({"executive", "marketing", "admin", "reporting"})

# Seconds.
LEEWAY = 30
VERIFIED_FOR = 60
MEMBER_FOR = 5
NO_MEMBER_FOR = 1  # somebody who has just been made a member is let in at once

MAX_TOKEN = 16_384
MAX_REMEMBERED = 10_000

K = TypeVar("K")
V = TypeVar("V")
MemberOf: TypeAlias = Callable[[str], Awaitable[UUID | None]]


@dataclass(frozen=True)
class Viewer:
    """The caller of a request. `email` is there only when the issuer has verified it, in lower case."""

    subject: str
    issuer: str
    email: str | None = None
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    member_id: UUID | None = None

    @property
    def sees_all(self) -> bool:
        """Whether a role shows every account (time logs excepted)."""
        return not self.roles.isdisjoint(SEES_ALL)

    @property
    def is_admin(self) -> bool:
        """Whether the caller administers the platform."""
        return "admin" in self.roles

    @property
    def actor(self) -> str:
        """Who did it, as the journal says: a member id, or `sub:...` for callers that are no member."""
        return f"sub:{self.subject}" if self.member_id is None else str(self.member_id)


class Remembered(Generic[K, V]):
    """At most `size` values, each until its time; the oldest give way first."""

    def __init__(self, size: int, clock: Clock) -> None:
        self._size, self._clock = size, clock
        self._kept: dict[K, tuple[float, V]] = {}

    def get(self, key: K) -> V | None:
        """The value, or None when there is none or its time is over."""
        kept = self._kept.get(key)
        return kept[1] if kept is not None and kept[0] > self._clock() else None

    def put(self, key: K, value: V, until: float) -> None:
        """Keeps the value until the clock shows `until`."""
        self._kept.pop(key, None)
        if len(self._kept) >= self._size:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (until, value)

    def __len__(self) -> int:
        return len(self._kept)


class Verifier:
    """Turns an Authorization header into a `Viewer`. Use it as a context: it owns an HTTP client.

    `member_of` finds the member with a mail address (in lower case); without it nobody is joined to a member.
    Tests give a transport in place of the network, and a clock (seconds since 1970).
    """

    def __init__(
        self,
        settings: Settings,
        member_of: MemberOf | None = None,
        *,
        transport: AsyncBaseTransport | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._issuer, self._clock, self._member_of = settings.oidc_issuer, clock, member_of
        self._client = open_client(transport=transport)
        self._keys = IssuerKeys(self._issuer, self._client, clock)
        self._verified = Remembered[bytes, Viewer](MAX_REMEMBERED, clock)
        self._members = Remembered[str, tuple[UUID | None]](MAX_REMEMBERED, clock)
        self._claims = _claims(self._issuer, settings.oidc_audience, clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._keys.close()
        await self._client.aclose()

    async def ready(self) -> bool:
        """Whether tokens can be verified: the issuer's keys are at hand."""
        return await self._keys.load()

    async def viewer(self, authorization: str | None) -> Viewer:
        """The caller that a bearer token names.

        Raises Unauthorized with the code token_missing, token_malformed, token_algorithm, token_key_unknown,
        token_signature, token_issuer, token_audience, token_expired, token_not_yet_valid or token_claims;
        Unavailable (issuer_unreachable) while there are no keys to verify with.
        """
        token = _bearer(authorization)
        name = hashlib.sha256(token).digest()
        viewer = self._verified.get(name)
        if viewer is None:
            viewer, until = await self._verify(token)
            self._verified.put(name, viewer, min(self._clock() + VERIFIED_FOR, until))
        if viewer.email is None or self._member_of is None:
            return viewer
        return replace(viewer, member_id=await self._member(viewer.email, self._member_of))

    async def _member(self, email: str, member_of: MemberOf) -> UUID | None:
        known = self._members.get(email)
        if known is None:
            known = (await member_of(email),)
            self._members.put(
                email, known, self._clock() + (NO_MEMBER_FOR if known[0] is None else MEMBER_FOR)
            )
        return known[0]

    async def _verify(self, token: bytes) -> tuple[Viewer, float]:
        try:
            signed = jws.extract_compact(token)
            key = await self._signer(signed.headers())
            valid = jws.validate_compact(signed, key, [ALGORITHM])
            claims = json.loads(signed.payload)
        except (JoseError, ValueError, TypeError, RecursionError, KeyError) as error:
            raise _refusal("token_malformed", "The bearer token is not a JSON Web Token.") from error
        if not valid:
            _refuse("token_signature", "The token's signature is not its issuer's.")
        if not isinstance(claims, dict):
            _refuse("token_malformed", "The token's claims are not a JSON object.")
        return self._judged(cast("dict[str, Any]", claims))

    async def _signer(self, header: Mapping[str, Any]) -> ECKey:
        if header.get("alg") != ALGORITHM:
            _refuse("token_algorithm", f"The token must be signed with {ALGORITHM}.")
        kid = header.get("kid")
        key = await self._keys.key(kid) if isinstance(kid, str) else None
        if key is None:
            _refuse("token_key_unknown", "The token names no key of its issuer.")
        return key

    def _judged(self, claims: dict[str, Any]) -> tuple[Viewer, float]:
        try:
            self._claims.validate(claims)
        except ExpiredTokenError as error:
            raise _refusal("token_expired", "The token has expired; ask the issuer for a new one.") from error
        except MissingClaimError as error:
            raise _refusal("token_claims", f"The token lacks {error.claim}.") from error
        except InvalidClaimError as error:
            other = ("token_claims", f"The token's {error.claim} is not valid.")
            raise _refusal(*_WRONG_CLAIM.get(error.claim, other)) from error
        return _viewer(claims), claims["exp"] + LEEWAY


_WRONG_CLAIM = {
    "iss": ("token_issuer", "The token comes from another issuer."),
    "aud": (
        "token_audience",
        "The token is meant for somebody else: its audience does not name this platform.",
    ),
    "nbf": ("token_not_yet_valid", "The token is not valid yet."),
    "iat": ("token_not_yet_valid", "The token was issued in the future."),
}


def _claims(issuer: str, audience: str, clock: Clock) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=lambda: int(clock()),
        leeway=LEEWAY,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )


def _viewer(claims: Mapping[str, Any]) -> Viewer:
    subject = claims["sub"]
    if not 0 < len(subject) <= 255 or not subject.isprintable():
        _refuse("token_claims", "The token's sub is not valid.")
    return Viewer(
        subject=subject,
        issuer=claims["iss"],
        email=_verified_email(claims),
        roles=ROLES.intersection(_words(claims.get("roles"))),
        scopes=frozenset(_words(claims.get("scope"))),
    )


def _verified_email(claims: Mapping[str, Any]) -> str | None:
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        return None
    return email.lower() if 3 <= len(email) <= 254 and "@" in email and email.isprintable() else None


def _words(claim: object) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    if isinstance(claim, list):
        return [word for word in cast("list[object]", claim) if isinstance(word, str)]
    return []


def _bearer(authorization: str | None) -> bytes:
    if not authorization:
        problem = Unauthorized("token_missing", "Send a token: Authorization: Bearer <token>.")
        problem.headers["WWW-Authenticate"] = "Bearer"
        raise problem
    scheme, _, token = authorization.partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN or not token.isascii():
        _refuse("token_malformed", "The Authorization header must read: Bearer <token>.")
    return token.encode("ascii")


def _refusal(code: str, detail: str) -> Unauthorized:
    return Unauthorized(code, detail)


def _refuse(code: str, detail: str) -> NoReturn:
    raise _refusal(code, detail)


_MEMBER: LiteralString = """
    SELECT id FROM member
    WHERE lower(email) = %(email)s AND active AND deleted_at IS NULL
    LIMIT 2
"""


def member_lookup(db: Database) -> MemberOf:
    """Finds the active member with a mail address in the service's table; an address of two names nobody."""

    async def member_of(email: str) -> UUID | None:
        async with db.connect() as session:
            rows = await (await session.execute(_MEMBER, {"email": email})).fetchall()
        return rows[0][0] if len(rows) == 1 else None

    return member_of
