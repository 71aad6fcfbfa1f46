"""The public keys of the issuer of tokens: found through its metadata, kept, renewed, rotated."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, cast

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from services.kit.clients import AsyncClient, HTTPError, InvalidURL
from services.kit.problems import Unavailable

ALGORITHM = "ES256"

# Seconds.
FRESH_FOR = 300
USED_FOR = 3600  # an issuer that is away for longer than its tokens live takes the keys with it
FETCH_PAUSE = 10

Clock: TypeAlias = Callable[[], float]

log = structlog.get_logger()


class IssuerKeys:
    """The issuer's public keys by key id: fetched when first needed, renewed in the background.

    An unknown key id asks the issuer afresh, at most once per `FETCH_PAUSE`; requests that wait for keys
    share one fetch. While the issuer is away the keys at hand stay good for `USED_FOR`.
    """

    def __init__(self, issuer: str, client: AsyncClient, clock: Clock) -> None:
        self._issuer, self._client, self._clock = issuer, client, clock
        self._keys: dict[str, ECKey] = {}
        self._fetched_at = self._asked_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> ECKey | None:
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
            self._keys = _usable_keys(await self._read(str(metadata["jwks_uri"])))
            self._fetched_at = self._clock()
        except (HTTPError, InvalidURL, ValueError, KeyError, TypeError, JoseError) as error:
            log.warning("issuer_keys_not_fetched", reason=type(error).__name__)

    async def _read(self, url: str) -> dict[str, Any]:
        answer = await self._client.get(url, headers={"Accept": "application/json"})
        answer.raise_for_status()
        document: Any = answer.json()
        if not isinstance(document, dict):
            raise TypeError("not a JSON object")
        return cast("dict[str, Any]", document)


def _usable_keys(document: Mapping[str, Any]) -> dict[str, ECKey]:
    keys = [key for key in document["keys"] if _signs(key)]
    if not keys:
        raise ValueError("the issuer has no key for " + ALGORITHM)
    return {
        key["kid"]: ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")}) for key in keys
    }


def _signs(given: object) -> bool:
    key = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    curve = key.get("kty") == "EC" and key.get("crv") == "P-256"
    purpose = key.get("use", "sig") == "sig" and key.get("alg", ALGORITHM) == ALGORITHM
    return curve and purpose and isinstance(key.get("kid"), str)
