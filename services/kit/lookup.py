"""Lookups: how one service asks another, while writing, for references that it does not know yet.

The owner answers `POST /v1/<noun>/lookup` with the rows that the caller may see; the asker folds them as copies at
their version and begins anew (`services.kit.vouching`). Reading never asks: it has its copies.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from psycopg import sql
from pydantic import Field

from services.kit import tracing
from services.kit.calls import Call
from services.kit.clients import HTTPError
from services.kit.collisions import anew
from services.kit.copies import Copy
from services.kit.db import Database, Session, one
from services.kit.fields import Body, Id
from services.kit.grammar import Listing
from services.kit.identity import Viewer
from services.kit.problems import SOON, Unavailable
from services.kit.tracing import SpanKind
from services.kit.vouching import Unvouched, Vouched

MOST = 500


class ExternalId(Body):
    """An id in another system."""

    source: Annotated[str, Field(max_length=40)]
    id: Annotated[str, Field(max_length=200)]


class LookupRequest(Body):
    """Which rows are wanted: by id, or by id in another system."""

    ids: Annotated[list[Id], Field(max_length=MOST)] = Field(default_factory=list[UUID])
    external_ids: Annotated[list[ExternalId], Field(max_length=MOST)] = Field(
        default_factory=list[ExternalId]
    )


_FOUND = sql.SQL("""
SELECT coalesce(json_agg({json}), '[]')::text FROM {relation} r
WHERE r.deleted_at IS NULL AND {sight} AND (r.id = ANY (%(ids)s::uuid[]){external})""")
_EXTERNAL = sql.SQL(""" OR r.id IN (
    SELECT x.row_id FROM jsonb_to_recordset(%(external)s::jsonb) AS e(source text, id text)
    JOIN external_id x ON x.noun = {noun} AND x.source = e.source AND x.external_id = e.id)""")


async def find(session: Session, listing: Listing, body: LookupRequest, viewer: Viewer) -> str:
    """The rows that the viewer sees of those that are wanted, as JSON text `{"items": [...]}`. One statement."""
    by_source = _EXTERNAL.format(noun=sql.Literal(listing.relation)) if body.external_ids else sql.SQL("")
    statement = _FOUND.format(
        json=listing.aggregate.json(listing.knows(viewer)),
        relation=sql.Identifier(listing.relation),
        sight=sql.SQL(listing.sight.visible(viewer) if listing.sight else "true"),
        external=by_source,
    )
    external = orjson.dumps([e.model_dump() for e in body.external_ids]).decode()
    row = await one(session, statement, {"ids": body.ids, "external": external, "viewer": viewer.member_id})
    assert row is not None
    return f'{{"items":{row[0]}}}'


@dataclass(frozen=True)
class Owned:
    """Rows of another service's that a request names: what keeps their copies, who is asked for which noun, and ids."""

    copy: Copy
    base_url: str
    noun: str
    ids: Collection[UUID]


def require_vouched(call: Call, *named: Owned) -> None:
    """Has the owners asked for these rows, if there are any and none was asked yet: the use case then begins anew.

    Raises Unvouched; Unavailable comes of asking.
    """
    wanted = [each for each in named if each.ids]
    if wanted and call.vouched is None:
        raise Unvouched(partial(_learn, call, wanted))


async def _learn(call: Call, wanted: Sequence[Owned]) -> Vouched:
    """Asks the owners at once, keeps what they show as copies, and gives its ids."""
    asked = (ask(call, each.base_url, each.noun, list(each.ids)) for each in wanted)
    shown = await asyncio.gather(*asked)
    await anew(partial(_keep, call.db, list(zip(wanted, shown, strict=True))))
    return frozenset(UUID(str(row["id"])) for rows in shown for row in rows)


async def _keep(db: Database, shown: Sequence[tuple[Owned, list[dict[str, Any]]]]) -> None:
    async with db.connect() as session:
        for owned, rows in shown:
            await owned.copy.keep(session, rows)


async def ask(call: Call, base_url: str, noun: str, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """The rows that the owner shows the caller, asked with the caller's own token, as many at a time as it takes.

    Raises Unavailable when the owner does not answer: an unknown reference can then be neither accepted nor refused.
    """
    wanted = [str(id) for id in dict.fromkeys(ids)]
    batches = [wanted[start : start + MOST] for start in range(0, len(wanted), MOST)]
    found = [await _asked(call, base_url, noun, batch) for batch in batches]
    return [row for rows in found for row in rows]


async def _asked(call: Call, base_url: str, noun: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {call.token}", "X-Request-Id": call.cause.request_id or ""}
    try:
        with tracing.span(f"POST /v1/{noun}/lookup", SpanKind.CLIENT):
            headers |= tracing.carried(call.cause.traceparent)
            answer = await call.client.post(
                f"{base_url}/v1/{noun}/lookup", json={"ids": ids}, headers=headers
            )
        if answer.status_code == 403:  # whoever may see nothing there is shown nothing
            return []
        answer.raise_for_status()
        return answer.json()["items"]
    except (HTTPError, ValueError, KeyError) as error:
        raise Unavailable(
            "reference_unverified",
            f"The {noun} named here cannot be looked up now; try again.",
            headers=SOON,
        ) from error
