"""Idempotency-Key: a caller that asks twice gets the first answer twice.

The answer is stored by the statement or transaction of the effect itself, so there is never one without the other.
A second request under the key loses on the key's uniqueness, is rolled back whole, and reads what the first left.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import LiteralString

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.kit.conditional import etag
from services.kit.db import Database, Session, one
from services.kit.identity import Viewer
from services.kit.problems import Conflict, Invalid, invalid

CONSTRAINT = "idempotency_key_once"
RETENTION: LiteralString = "24 hours"
SWEPT_AT_ONCE = 5_000


@dataclass(frozen=True)
class Key:
    """A caller's key with the fingerprint (SHA-256) of the request that carries it.

    `location` is where what the request makes is to be found, `{id}` standing for its id.
    """

    caller: str
    key: str
    fingerprint: bytes
    location: str


async def key_of(request: Request, viewer: Viewer, *, body: bytes) -> Key | None:
    """The request's key, or None. Raises Invalid unless it is 1 to 255 visible ASCII characters."""
    text = request.headers.get("idempotency-key")
    if text is None or request.method == "GET":
        return None
    if not 0 < len(text) <= 255 or not text.isascii() or not text.isprintable():
        raise invalid("Idempotency-Key", "key", "must be 1 to 255 visible ASCII characters")
    path = request.url.path
    told = "\n".join((request.method, path, request.url.query)).encode() + b"\n" + body
    caller = f"{viewer.issuer} {viewer.subject}"
    return Key(caller, text, hashlib.sha256(told).digest(), _location(request.method, path))


def _location(method: str, path: str) -> str:
    if method == "POST":
        return f"{path}/{{id}}"
    collection, put, _ = path.partition("/by-external-id/")
    return f"{collection}/{{id}}" if put else path


def with_body(key: Key, body: bytes) -> Key:
    """The key of a request whose body was read apart, as uploads are."""
    return replace(key, fingerprint=hashlib.sha256(key.fingerprint + body).digest())


async def keep(
    session: Session, key: Key | None, *, status: int, answer: str | None, version: int | None = None
) -> None:
    """Stores the answer beside the effect, in the effect's transaction; nothing without a key.

    Raises psycopg.errors.UniqueViolation when the key is taken.
    """
    if key is not None:
        await session.execute(
            "INSERT INTO idempotency_key (caller, key, fingerprint, status, version, answer)"
            " VALUES (%(caller)s, %(key)s, %(fingerprint)s, %(status)s, %(version)s, %(answer)s)",
            {**parameters(key), "status": status, "version": version, "answer": answer},
        )


def parameters(key: Key | None) -> dict[str, object]:
    """The key as statement parameters, all null without one."""
    if key is None:
        return {"caller": None, "key": None, "fingerprint": None}
    return {"caller": key.caller, "key": key.key, "fingerprint": key.fingerprint}


async def stored_answer(db: Database, key: Key) -> Response | None:
    """The answer kept under the key, marked as replayed, or None. Raises Invalid when another request has it."""
    async with db.connect() as session:
        row = await one(
            session,
            "SELECT fingerprint, status, version, answer FROM idempotency_key"
            " WHERE caller = %(caller)s AND key = %(key)s",
            parameters(key),
        )
    if row is None:
        return None
    fingerprint, status, version, answer = row
    if bytes(fingerprint) != key.fingerprint:
        raise _other_request()
    headers = {"Idempotency-Replayed": "true"} | ({"ETag": etag(version)} if version else {})
    if status in (201, 202) and (made := orjson.loads(answer).get("id")):
        headers["Location"] = key.location.replace("{id}", made)
    return Response(
        answer, status_code=status, media_type="application/json" if answer else None, headers=headers
    )


def _other_request() -> Invalid:
    return invalid(
        "Idempotency-Key", "key_reused", "was used for another request; a new request needs a key of its own"
    )


def still_running() -> Conflict:
    """The refusal of a second request while the first one under the key still runs."""
    problem = Conflict(
        "request_running", "The first request under this Idempotency-Key is still running; ask again."
    )
    problem.headers["Retry-After"] = "1"
    return problem


async def sweep(db: Database) -> int:
    """Deletes the answers that have been kept long enough, a few at a time; gives how many."""
    swept, last = 0, SWEPT_AT_ONCE
    while last == SWEPT_AT_ONCE:
        async with db.connect() as session:
            last = (await session.execute(_SWEEP, {"most": SWEPT_AT_ONCE})).rowcount
        swept += last
    return swept


_SWEEP: LiteralString = f"""
DELETE FROM idempotency_key WHERE (caller, key) IN (
  SELECT caller, key FROM idempotency_key WHERE created_at < now() - interval '{RETENTION}'
  LIMIT %(most)s FOR UPDATE SKIP LOCKED)"""
