"""What a token says of its bearer: claims as issuers write them, read into roles, scopes and a verified address."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, cast

# What an access token may call itself in its header; without a word it is believed for its audience.
JWT_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})

# Only what is surely the same letter: some letters of other alphabets are lowered to Latin ones.
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@dataclass(frozen=True)
class Reading:
    """Where the issuer says what: the claims that hold roles and scopes, `a.b` for `b` within `a`."""

    roles: str
    scopes: str

    def roles_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The roles, of which those that are not ours say nothing."""
        return _words(_found(claims, self.roles))

    def scopes_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The scopes."""
        return _words(_found(claims, self.scopes))


def verified_email(claims: Mapping[str, Any]) -> str | None:
    """The mail address in lower case, if the issuer has verified it."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        return None
    readable = 3 <= len(email) <= 254 and "@" in email and email.isprintable()
    return email.translate(_LOWER) if readable else None


def read_object(text: bytes) -> dict[str, Any]:
    """A JSON object in which no name comes twice and no number is none.

    Raises ValueError or RecursionError for anything else.
    """
    read: Any = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    if not isinstance(read, dict):
        raise ValueError("not a JSON object")  # all that cannot be read is one to the caller
    return cast("dict[str, Any]", read)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name comes twice")
    return read


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _found(claims: Mapping[str, Any], name: str) -> object:
    """The claim of that very name, for some names are addresses; else what the path leads to."""
    if name in claims:
        return claims[name]
    found: object = claims
    for step in name.split("."):
        found = cast("dict[str, object]", found).get(step) if isinstance(found, Mapping) else None
    return found


def _words(claim: object) -> frozenset[str]:
    if isinstance(claim, str):
        return frozenset(claim.split())
    if isinstance(claim, list):
        return frozenset(word for word in cast("list[object]", claim) if isinstance(word, str))
    return frozenset()
