"""History: what became of a row, change by change, the latest first, read from the journal.

What the journal holds for other ends is not shown: snapshots of a republish, columns that are kept there alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, LiteralString
from uuid import UUID

import orjson
from psycopg import sql
from pydantic import Field

from services.kit import opaque
from services.kit.asking import known_once, limit_of
from services.kit.db import Session, literal, one
from services.kit.differences import Change, difference
from services.kit.fields import Read
from services.kit.grammar import paging
from services.kit.identity import Viewer
from services.kit.past import Past
from services.kit.problems import FieldError, Invalid, NotFound, invalid

_LATEST = 2**31 - 1
_KNOWN = frozenset({"cursor", "limit"})


class FieldChange(Read):
    """How a field changed. Of lists and maps it is also said what came, what went, and what of it became another."""

    field: str
    from_: Any = Field(alias="from", description="The value before; null when the row was born.")
    to: Any = Field(description="The value after.")
    added: list[Any] | dict[str, Any] | None = None
    removed: list[Any] | dict[str, Any] | None = None
    changed: list[Any] | dict[str, Any] | None = Field(
        default=None, description="Where items can be told from each other: what they were and are."
    )


class HistoryEntry(Read):
    """One change of a row."""

    version: int = Field(description="The version that the change made.")
    recorded_at: datetime = Field(
        description="When it was recorded; as `as_of` it shows the row as it was then."
    )
    event: str = Field(description="What happened, as in `updated` or `stage_changed`.")
    actor: str = Field(description="A member's id; `sub:` and the subject of who is no member.")
    actor_name: str | None
    request_id: str | None
    imported: bool
    changes: list[FieldChange]


class HistoryPage(Read):
    """A page of a row's history, the latest change first."""

    items: list[HistoryEntry]
    next_cursor: str | None
    names: dict[str, str] = Field(
        description="Names of ids on the page, as far as the caller may see their rows."
    )


PARAMETERS: Final = paging("Changes a page.", "`next_cursor` of the page before, of the same row.")
"""The query parameters of a history as OpenAPI describes them."""


@dataclass(frozen=True)
class Asked:
    """Which page of a history is asked for."""

    limit: int
    cursor: str | None


def parse(query: Iterable[tuple[str, str]]) -> Asked:
    """Checks the query parameters. Raises Invalid naming each wrong one."""
    errors: list[FieldError] = []
    given = known_once(query, _KNOWN, "is not known here; known are cursor, limit", errors)
    limit = limit_of(given.get("limit"), errors)
    if errors:
        raise Invalid(errors)
    return Asked(limit, given.get("cursor"))


async def page(session: Session, past: Past, asked: Asked, viewer: Viewer, given: Mapping[str, UUID]) -> str:
    """A page of the row's history as JSON text: `{"items": [...], "next_cursor": ..., "names": {...}}`. One statement.

    `given` are the path's parameters. Raises NotFound, Invalid (a cursor that is not of this row).
    """
    before = _LATEST if asked.cursor is None else _opened(asked.cursor, past, given)
    values = {**given, "viewer": viewer.member_id, "limit": asked.limit, "before": before}
    names = tuple(each.among(viewer) for each in past.names)
    row = await one(session, _statement(past, past.seen(viewer), past.knows(viewer), names), values)
    assert row is not None
    seen, entries, named = row
    if not seen:
        raise NotFound(past.what)
    shown, more = entries[: asked.limit], len(entries) > asked.limit
    told = {
        "items": [_item(past, entry, named) for entry in shown],
        "next_cursor": _closed(shown[-1]["version"], past, given) if more else None,
        "names": named,
    }
    return orjson.dumps(told).decode()


def _item(past: Past, entry: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    return {
        "version": entry["version"],
        "recorded_at": entry["at"],
        "event": entry["event"],
        "actor": entry["actor"],
        "actor_name": named.get(entry["actor"]),
        "request_id": entry["request_id"],
        "imported": entry["imported"],
        "changes": _changes(past, entry),
    }


def _changes(past: Past, entry: Mapping[str, Any]) -> list[Change]:
    """What the entry changed, in the order of the fields; a row that is born gets its values from nothing."""
    told: Mapping[str, Any] = entry["told"] or {}
    if entry["born"]:
        told = {name: {"from": None, "to": value} for name, value in told.items() if value is not None}
    return [
        difference(name, told[name]["from"], told[name]["to"], past.same.get(name))
        for name in past.fields
        if name in told
    ]


def _closed(version: int, past: Past, given: Mapping[str, UUID]) -> str:
    return opaque.closed([_mark(past, given), version])


def _opened(cursor: str, past: Past, given: Mapping[str, UUID]) -> int:
    try:
        mark, version = opaque.opened(cursor)
    except (ValueError, TypeError):
        raise invalid("cursor", "cursor", "is not a cursor of a history; start again without it") from None
    if mark != _mark(past, given) or type(version) is not int or not 0 < version <= _LATEST:
        raise invalid("cursor", "cursor", "belongs to another row's history; start again without it")
    return version


def _mark(past: Past, given: Mapping[str, UUID]) -> str:
    return " ".join([past.aggregate.name, *(str(given[name]) for name in sorted(given))])


_PAGE = sql.SQL("""WITH {found}, page AS MATERIALIZED (
  SELECT j.version, instant(j.recorded_at) AS at, split_part(j.type, '.', 2) AS event, j.actor, j.request_id,
         j.imported, j.changed IS NULL AS born, (
           SELECT jsonb_object_agg(f.key, f.value) FROM jsonb_each(coalesce(j.changed, j.state)) f
           WHERE f.key = ANY ({fields}::text[])
         ) AS told
  FROM journal j
  WHERE {entries} AND j.version < %(before)s::integer AND j.type <> {snapshot}
  ORDER BY j.version DESC LIMIT %(limit)s::integer + 1
), mentioned AS MATERIALIZED (
  SELECT array_agg(DISTINCT m.id::uuid) AS ids
  FROM (SELECT * FROM page ORDER BY version DESC LIMIT %(limit)s::integer) p, LATERAL (
    SELECT p.actor AS id WHERE p.actor ~ {uuid}
    UNION SELECT v #>> '{{}}' FROM jsonb_path_query(p.told, {uuids}) v
  ) m
), named AS (
  {named}
)
SELECT EXISTS (SELECT FROM seen),
       (SELECT coalesce(json_agg(p ORDER BY p.version DESC), '[]') FROM page p),
       (SELECT coalesce(json_object_agg(n.id, n.name), '{{}}') FROM named n)""")
_UUID: LiteralString = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_UUIDS: LiteralString = '$.** ? (@ like_regex "' + _UUID + '")'
_NOBODY: LiteralString = "SELECT NULL::uuid AS id, NULL::text AS name WHERE false"


@lru_cache(maxsize=256)
def _statement(
    past: Past, seen: LiteralString, knows: LiteralString, named: tuple[LiteralString, ...]
) -> LiteralString:
    return literal(
        _PAGE.format(
            found=past.found(seen, knows),
            entries=past.entries(),
            fields=_told(past),
            snapshot=past.snapshot,
            uuid=sql.Literal(_UUID),
            uuids=sql.Literal(_UUIDS),
            named=sql.SQL(" UNION ALL ").join(sql.SQL(text) for text in named or (_NOBODY,)),
        )
    )


def _told(past: Past) -> sql.Composable:
    """The fields of which the viewer is told."""
    confided = past.aggregate.confided
    if not confided:
        return sql.Literal(list(past.fields))
    return sql.SQL("CASE WHEN (SELECT knows FROM seen) THEN {} ELSE {} END").format(
        sql.Literal(list(past.fields)), sql.Literal([name for name in past.fields if name not in confided])
    )
