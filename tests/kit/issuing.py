"""An issuer of tokens for tests: its keys can be changed, its tokens be wrong in one thing, its fetches counted."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from services.kit.identity import Verifier
from services.kit.problems import Problem
from services.kit.settings import Settings

ISSUER = "https://issuer.test"
SETTINGS = Settings(oidc_issuer=ISSUER, oidc_audience="foothold")


@dataclass(eq=False)
class Clock:
    """Seconds since 1970 that stand still until told to move."""

    now: float = field(default_factory=lambda: float(int(time.time())))

    def __call__(self) -> float:
        return self.now


@dataclass(eq=False)
class StubIssuer:
    """Publishes the public halves of `keys`.

    `down` makes it fail, `hold` keeps it from answering, `metadata` and `jwks` make it answer otherwise.
    """

    keys: list[ECKey] = field(default_factory=lambda: [new_key()])
    clock: Clock = field(default_factory=Clock)
    down: bool = False
    hold: asyncio.Event | None = None
    fetches: int = 0
    metadata: dict[str, Any] | None = None
    jwks: dict[str, Any] | None = None

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def token(self, *, key: ECKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A good token but for what is given; a claim given as None is left out."""
        signer = key or self.keys[-1]
        return jwt.encode(
            {"alg": "ES256", "kid": signer.kid, **(header or {})}, self.claims(**claims), signer
        )

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(self.clock())
        good = {
            "iss": ISSUER,
            "aud": "foothold",
            "sub": "somebody",
            "email": "Somebody@Example.com",
            "email_verified": True,
            "roles": ["rep"],
            "scope": "openid email",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
        }
        return {name: value for name, value in (good | changed).items() if value is not None}

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.hold is not None:
            await self.hold.wait()
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(200, json=self.metadata or {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"})
        self.fetches += 1
        return httpx.Response(200, json=self.jwks or {"keys": [k.as_dict(private=False) for k in self.keys]})


def new_key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


async def code_of(verifier: Verifier, token: str | None) -> str:
    """The code with which the token is refused."""
    with pytest.raises(Problem) as refused:
        await verifier.viewer(token if token is None else f"Bearer {token}")
    return refused.value.code
