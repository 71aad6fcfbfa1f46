"""The public keys of the issuer of tokens: found through its metadata, kept, renewed, rotated."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias, cast

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from services.kit.clients import AsyncClient, HTTPError, InvalidURL
from services.kit.problems import Unavailable
from services.kit.remembered import Clock

# Seconds.
FRESH_FOR = 300
USED_FOR = 3600  # an issuer that is away for longer than its tokens live takes the keys with it
FETCH_PAUSE = 10

MIN_RSA_BITS = 2048

PublicKey: TypeAlias = ECKey | RSAKey


class _Kind(NamedTuple):
    """What a key of an algorithm looks like: its type, its curve, and what makes up its public half."""

    kty: str
    crv: str | None
    public: tuple[str, ...]


_EC, _RSA = ("kty", "crv", "x", "y"), ("kty", "n", "e")
_KINDS: Mapping[str, _Kind] = {
    "ES256": _Kind("EC", "P-256", _EC),
    "ES384": _Kind("EC", "P-384", _EC),
    "RS256": _Kind("RSA", None, _RSA),
    "PS256": _Kind("RSA", None, _RSA),
}

log = structlog.get_logger()


class IssuerKeys:
    """The issuer's public keys by key id: fetched when first needed, renewed in the background.

    Only keys for `algorithm` are kept. An unknown key id asks the issuer afresh, at most once per `FETCH_PAUSE`;
    requests that wait for keys share one fetch. While the issuer is away the keys at hand stay good for `USED_FOR`.
    """

    def __init__(self, issuer: str, algorithm: str, client: AsyncClient, clock: Clock) -> None:
        self._issuer, self._algorithm, self._client, self._clock = issuer, algorithm, client, clock
        self._keys: dict[str, PublicKey] = {}
        self._fetched_at = self._asked_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> PublicKey | None:
        """The key of that id, or None when the issuer has none. Raises Unavailable without usable keys."""
        found = self._keys.get(kid) if self._age() < USED_FOR else None
        if found is None:
            await self._renew()
            found = self._keys.get(kid)
        elif self._age() > FRESH_FOR:
            self._start()
        if self._age() >= USED_FOR:
            raise Unavailable(
                "issuer_unreachable",
                "The issuer of tokens does not answer, so none can be verified; try again.",
                headers={"Retry-After": "5"},
            )
        return found

    async def load(self) -> bool:
        """Fetches the keys unless they are there; whether tokens can be verified now."""
        if self._age() >= USED_FOR:
            await self._renew()
        return self._age() < USED_FOR

    async def close(self) -> None:
        """Ends a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _renew(self) -> None:
        self._start()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _start(self) -> None:
        under_way = self._fetching is not None and not self._fetching.done()
        if not under_way and self._clock() - self._asked_at >= self._pause():
            self._asked_at = self._clock()
            self._fetching = asyncio.create_task(self._fetch())

    def _pause(self) -> float:
        # Without any keys nobody gets in: then the issuer's start is waited for more eagerly.
        return FETCH_PAUSE if self._keys else 1

    async def _fetch(self) -> None:
        try:
            metadata = await self._read(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
            if metadata.get("issuer") != self._issuer:
                raise ValueError("the metadata names another issuer")
            self._keys = _usable(await self._read(self._address_of_keys(metadata)), self._algorithm)
            self._fetched_at = self._clock()
        except (HTTPError, InvalidURL, ValueError, KeyError, TypeError, RecursionError) as error:
            log.warning("issuer_keys_not_fetched", reason=type(error).__name__)

    def _address_of_keys(self, metadata: Mapping[str, Any]) -> str:
        address = str(metadata["jwks_uri"])
        if self._issuer.startswith("https:") and not address.startswith("https:"):
            raise ValueError("the keys of an issuer on https are not fetched without it")
        return address

    async def _read(self, url: str) -> dict[str, Any]:
        answer = await self._client.get(url, headers={"Accept": "application/json"})
        answer.raise_for_status()
        document: Any = answer.json()
        if not isinstance(document, dict):
            raise TypeError("not a JSON object")
        return cast("dict[str, Any]", document)


def _usable(document: Mapping[str, Any], algorithm: str) -> dict[str, PublicKey]:
    """The set's keys for the algorithm, by id; one that makes no sense does not spoil the others."""
    fitting = [cast("dict[str, Any]", key) for key in document["keys"] if _signs(key, algorithm)]
    read = {key["kid"]: _read_key(key, algorithm) for key in fitting}
    keys = {kid: key for kid, key in read.items() if key is not None}
    if not keys:
        raise ValueError("the issuer has no key for " + algorithm)
    return keys


def _signs(given: object, algorithm: str) -> bool:
    key = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    kind = _KINDS[algorithm]
    fits = key.get("kty") == kind.kty and (kind.crv is None or key.get("crv") == kind.crv)
    purpose = key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
    return fits and purpose and isinstance(key.get("kid"), str)


def _read_key(key: Mapping[str, Any], algorithm: str) -> PublicKey | None:
    kind = _KINDS[algorithm]
    try:
        public = {name: key[name] for name in kind.public}
        if kind.kty == "EC":
            return ECKey.import_key(public)
        # Six bits a letter: what is too short is not even read, for its reader would warn of it.
        return RSAKey.import_key(public) if len(public["n"]) * 6 >= MIN_RSA_BITS else None
    except (ValueError, KeyError, TypeError, JoseError) as error:
        log.warning("issuer_key_not_usable", kid=key["kid"], reason=type(error).__name__)
        return None
