"""Who asks: bearer tokens of an OpenID Connect issuer, verified here, in every process, every time.

A token is a JWT signed by a key of the issuer's JWKS (`services.kit.keys`), with the one algorithm that the settings
name. Its subject, or else its verified mail address, joins it to a member (`services.kit.membership`). What was
verified is remembered for at most a minute, and only under a hash of the token.
"""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self, cast
from uuid import UUID

from joserfc import jws
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwt import JWTClaimsRegistry

from services.kit.claims import JWT_TYPES, Reading, read_object, verified_email
from services.kit.clients import AsyncBaseTransport, open_client
from services.kit.keys import IssuerKeys, PublicKey
from services.kit.membership import MemberOf, Members, Membership
from services.kit.problems import Forbidden, Unauthorized
from services.kit.remembered import Clock, Remembered
from services.kit.settings import Settings

ROLES = frozenset({"rep", "manager", "marketing", "executive", "service", "admin", "reporting"})
# A machine account sees what it has a scope for: it gets no further than that (services/kit/access.py).
SEES_ALL = frozenset({"executive", "marketing", "admin", "reporting", "service"})

# Seconds.
LEEWAY = 30
VERIFIED_FOR = 60

MAX_TOKEN = 16_384
MAX_HEADER = 8_192
MAX_REMEMBERED = 10_000


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
    def acts_for_anybody(self) -> bool:
        """Whether the caller may put rows into anybody's hands, and edit whatever is seen: no seller among others."""
        return not self.roles.isdisjoint({"admin", "service"})

    @property
    def actor(self) -> str:
        """Who did it, as the journal says: a member id, or `sub:...` for callers that are no member."""
        return f"sub:{self.subject}" if self.member_id is None else str(self.member_id)


class Verifier:
    """Turns an Authorization header into a `Viewer`. Use it as a context: it owns an HTTP client.

    `member_of` finds the member behind an identity; without it nobody is joined to a member. Tests give a transport in
    place of the network, and a clock (seconds since 1970).
    """

    def __init__(
        self,
        settings: Settings,
        member_of: MemberOf | None = None,
        *,
        transport: AsyncBaseTransport | None = None,
        clock: Clock = time.time,
    ) -> None:
        self._clock, self._contact = clock, settings.access_contact
        self._algorithm = settings.oidc_algorithm
        self._client = open_client(transport=transport)
        self._keys = IssuerKeys(settings.oidc_issuer, self._algorithm, self._client, clock)
        self._verified = Remembered[bytes, Viewer](MAX_REMEMBERED, clock)
        self._members = Members(member_of, clock) if member_of else None
        self._claims = _claims(settings.oidc_issuer, settings.oidc_audience, clock)
        self._reading = Reading(settings.oidc_roles_claim, settings.oidc_scope_claim)
        self._headers = jws.JWSRegistry(algorithms=[self._algorithm], strict_check_header=False)
        self._headers.max_header_length = MAX_HEADER

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

        Raises Unauthorized with the code token_missing, token_malformed, token_algorithm, token_type, token_extension,
        token_key_unknown, token_signature, token_issuer, token_audience, token_expired, token_not_yet_valid or
        token_claims; Unavailable (issuer_unreachable) while there are no keys to verify with; Forbidden
        (member_inactive) for a member who has left.
        """
        token = _bearer(authorization)
        name = hashlib.sha256(token).digest()
        viewer = self._verified.get(name)
        if viewer is None:
            viewer, until = await self._verify(token)
            self._verified.put(name, viewer, min(self._clock() + VERIFIED_FOR, until))
        if self._members is None:
            return viewer
        return self._joined(viewer, await self._members.find(viewer.subject, viewer.email))

    def _joined(self, viewer: Viewer, membership: Membership | None) -> Viewer:
        if membership is None:
            return viewer
        if not membership.active:
            raise Forbidden(
                "member_inactive",
                f"Your token is good, but you are no active member any more; ask {self._contact}.",
            )
        return _as_member(viewer, membership.member_id)

    async def _verify(self, token: bytes) -> tuple[Viewer, float]:
        try:
            signed = jws.extract_compact(token, registry=self._headers)
            key = await self._signer(signed.headers())
            valid = jws.validate_compact(signed, key, registry=self._headers)
            claims = read_object(signed.payload) if valid else {}
        except (JoseError, ValueError, TypeError, RecursionError, KeyError) as error:
            raise Unauthorized("token_malformed", "The bearer token is not a JSON Web Token.") from error
        if not valid:
            raise Unauthorized("token_signature", "The token's signature is not its issuer's.")
        return self._judged(claims)

    async def _signer(self, header: object) -> PublicKey:
        """The key by which the token says it is signed; what else its header offers (keys, addresses) is not read."""
        if not isinstance(header, Mapping):
            raise TypeError("the header is no object")
        told = cast("Mapping[str, Any]", header)
        if told.get("alg") != self._algorithm:
            raise Unauthorized("token_algorithm", f"The token must be signed with {self._algorithm}.")
        if "crit" in told:
            raise Unauthorized("token_extension", "The token demands extensions; none is understood here.")
        if str(told.get("typ", "JWT")).lower() not in JWT_TYPES:
            raise Unauthorized("token_type", "The token is of another type; send an access token.")
        kid = told.get("kid")
        key = await self._keys.key(kid) if isinstance(kid, str) else None
        if key is None:
            raise Unauthorized("token_key_unknown", "The token names no key of its issuer.")
        return key

    def _judged(self, claims: dict[str, Any]) -> tuple[Viewer, float]:
        try:
            self._claims.validate(claims)
        except ExpiredTokenError as error:
            raise Unauthorized(
                "token_expired", "The token has expired; ask the issuer for a new one."
            ) from error
        except MissingClaimError as error:
            raise Unauthorized("token_claims", f"The token lacks {error.claim}.") from error
        except InvalidClaimError as error:
            other = ("token_claims", f"The token's {error.claim} is not valid.")
            raise Unauthorized(*_WRONG_CLAIM.get(error.claim, other)) from error
        return self._viewer(claims), claims["exp"] + LEEWAY

    def _viewer(self, claims: Mapping[str, Any]) -> Viewer:
        subject = claims["sub"]
        if not 0 < len(subject) <= 255 or not subject.isprintable():
            raise Unauthorized("token_claims", "The token's sub is not valid.")
        return Viewer(
            subject=subject,
            issuer=claims["iss"],
            email=verified_email(claims),
            roles=ROLES & self._reading.roles_of(claims),
            scopes=self._reading.scopes_of(claims),
        )


@lru_cache(MAX_REMEMBERED)
def _as_member(viewer: Viewer, member_id: UUID) -> Viewer:
    return replace(viewer, member_id=member_id)


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


def _bearer(authorization: str | None) -> bytes:
    if not authorization:
        problem = Unauthorized("token_missing", "Send a token: Authorization: Bearer <token>.")
        problem.headers["WWW-Authenticate"] = "Bearer"
        raise problem
    scheme, _, token = authorization.partition(" ")
    token = token.strip(" ")
    if scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN or not token.isascii():
        raise Unauthorized("token_malformed", "The Authorization header must read: Bearer <token>.")
    return token.encode("ascii")
