"""Issuing: the tokens that the development issuer signs, for demo people by their roles and for machine accounts.

Its one signing key is kept under FOOTHOLD_HOME/issuer; a new one is made when that file is gone.
"""

import base64
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from joserfc import jwt
from joserfc.jwk import ECKey

from services.kit.access import ERASES, IMPORTS
from services.kit.settings import Settings

ALGORITHM = "ES256"
TOKEN_SECONDS = 3600
CODE_SECONDS = 60
MAX_CODES = 1_000

MANAGERS = (
    "dustin.brinkmann",
    "melvin.marxen",
    "cara.losch",
    "rocco.neubert",
    "celia.rouche",
    "summer.sewald",
)
ROLES: Mapping[str, tuple[str, ...]] = {
    "admin@example.com": ("admin",),
    "executive@example.com": ("executive",),
    "marketing@example.com": ("marketing",),
    "reporting@example.com": ("reporting",),
} | {f"{name}@example.com": ("manager", "rep") for name in MANAGERS}

# What machine accounts may be given: to read and to write a service's rows, to send files, and to erase people.
SCOPES = frozenset(
    {IMPORTS, ERASES}
    | {
        f"{service}:{right}"
        for service in ("contacts", "opportunities", "activities")
        for right in ("read", "write")
    }
)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Refused(Exception):
    """A request refused as RFC 6749 has it: `error` is its code, `description` is for the developer."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error, self.description = error, description


@dataclass(frozen=True)
class Asked:
    """What a client asks for at the authorization endpoint."""

    client_id: str
    redirect_uri: str
    state: str
    nonce: str
    scope: str
    code_challenge: str


@dataclass(frozen=True)
class Grant:
    """What an authorization code stands for, until `expires_at` (seconds since 1970)."""

    asked: Asked
    email: str
    expires_at: float


class Issuer:
    """Signs tokens for whoever is named; codes are kept in memory and good for one use."""

    def __init__(self, settings: Settings, key: ECKey) -> None:
        self.address, self._audience = settings.oidc_issuer, settings.oidc_audience
        self._origins = settings.cors_origins
        self._key = key
        self._codes: dict[str, Grant] = {}

    def metadata(self) -> dict[str, object]:
        """The discovery document."""
        base = self.address.rstrip("/")
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "development"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email", *sorted(SCOPES)],
            "token_endpoint_auth_methods_supported": ["none"],
        }

    def keys(self) -> dict[str, object]:
        """The key set, public halves only."""
        return {"keys": [{**self._key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}]}

    def check(self, asked: Asked) -> None:
        """Raises Refused when codes must not be sent there, or the challenge is missing."""
        where = urlsplit(asked.redirect_uri)
        if where.hostname not in LOOPBACK and f"{where.scheme}://{where.netloc}" not in self._origins:
            raise Refused(
                "invalid_request", "redirect_uri must be on this machine or on an origin of CORS_ORIGINS."
            )
        if not asked.client_id or asked.client_id == self._audience:
            raise Refused("invalid_request", "client_id is missing, or is the audience of access tokens.")
        if not 43 <= len(asked.code_challenge) <= 128:
            raise Refused("invalid_request", "code_challenge is missing: PKCE with S256 is required.")

    def code(self, asked: Asked, email: str) -> str:
        """A code for a person who has chosen who to be. Raises Refused."""
        self.check(asked)
        while len(self._codes) >= MAX_CODES:
            del self._codes[next(iter(self._codes))]
        code = secrets.token_urlsafe(32)
        self._codes[code] = Grant(asked, _address(email), time.time() + CODE_SECONDS)
        return code

    def redeem(self, code: str, verifier: str, client_id: str, redirect_uri: str) -> dict[str, object]:
        """The token answer for a code. Raises Refused."""
        grant = self._codes.pop(code, None)
        if grant is None or grant.expires_at < time.time():
            raise Refused("invalid_grant", "The code is unknown, used or expired.")
        if (client_id, redirect_uri) != (grant.asked.client_id, grant.asked.redirect_uri):
            raise Refused("invalid_grant", "The code was given to another client_id or redirect_uri.")
        if not secrets.compare_digest(_challenge(verifier), grant.asked.code_challenge):
            raise Refused("invalid_grant", "code_verifier does not fit the code_challenge.")
        id_token = self._signed(
            {**_person(grant.email, self.address), "aud": client_id, "nonce": grant.asked.nonce}
        )
        return {**self.access(grant.email), "id_token": id_token}

    def access(self, email: str) -> dict[str, object]:
        """The token answer that lets the person call the platform. Raises Refused."""
        address = _address(email)
        claims = {
            **_person(address, self.address),
            "aud": self._audience,
            "roles": list(roles_of(address)),
            "scope": "openid email",
        }
        return self._answer(claims)

    def machine(self, name: str, scope: str) -> dict[str, object]:
        """The token answer that lets a machine account do what the scopes say. Raises Refused."""
        if not _NAME.fullmatch(name):
            raise Refused("invalid_request", "client_id must be a name of letters, digits, '.', '_' and '-'.")
        unknown = sorted(set(scope.split()) - SCOPES)
        if unknown:
            known = ", ".join(sorted(SCOPES))
            raise Refused("invalid_scope", f"Not known are {', '.join(unknown)[:200]}; known are {known}.")
        claims = {"sub": f"machine:{name}", "aud": self._audience, "roles": ["service"], "scope": scope}
        return self._answer(claims)

    def _answer(self, claims: Mapping[str, Any]) -> dict[str, object]:
        return {
            "access_token": self._signed(claims),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": claims["scope"],
        }

    def _signed(self, claims: Mapping[str, Any]) -> str:
        now = int(time.time())
        times = {"iss": self.address, "iat": now, "nbf": now, "exp": now + TOKEN_SECONDS}
        return jwt.encode({"alg": ALGORITHM, "kid": self._key.kid}, {**times, **claims}, self._key)


def roles_of(email: str) -> tuple[str, ...]:
    """The roles of a demo person; whoever is not listed is a seller."""
    return ROLES.get(email, ("rep",))


def _person(email: str, issuer: str) -> dict[str, object]:
    # The subject does not spell the address: it is written into journals.
    return {"sub": str(uuid5(NAMESPACE_URL, f"{issuer}#{email}")), "email": email, "email_verified": True}


def _address(email: str) -> str:
    text = email.strip().lower()
    local, _, domain = text.partition("@")
    if not local or not domain or len(text) > 254 or not text.isprintable() or " " in text:
        raise Refused("invalid_request", "email must be a mail address, like admin@example.com.")
    return text


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def signing_key(home: Path) -> ECKey:
    """The key under `home`, made on first use. Only its owner may read the file."""
    path = home / "issuer" / "key.json"
    if path.exists():
        path.chmod(0o600)
        return ECKey.import_key(json.loads(path.read_text()))
    key = ECKey.generate_key("P-256", auto_kid=True)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({**key.as_dict(private=True), "kid": key.kid}, file)
    whole.replace(path)
    return key
