"""Feeds: what a service tells of, and the statement that walks its journal for one viewer."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, LiteralString, NamedTuple

from psycopg import sql

from services.kit.access import Sight, everybody
from services.kit.aggregates import Aggregate
from services.kit.calls import Call
from services.kit.db import Session, literal, one
from services.kit.events import SIGHT, SIGHT_OVERTURNED, SNAPSHOT
from services.kit.identity import Viewer

LOOK: Final = 2_000
"""Positions that one statement looks at, at the most."""


@dataclass(frozen=True, eq=False)
class Followed:
    """An aggregate that is told of. `visible` gives the predicate by which a viewer sees its row `row` of `source`,
    `knows` the one by which the viewer knows what is confided of it.

    `moves` are the columns, as in `r.owner_id`, whose change decides anew who sees the row.
    """

    aggregate: Aggregate
    visible: Callable[[Viewer], LiteralString] = everybody
    knows: Callable[[Viewer], LiteralString] = everybody
    moves: tuple[LiteralString, ...] = ()
    source: LiteralString = ""
    row: LiteralString = "r"


@dataclass(frozen=True, eq=False)
class Feed:
    """What a service tells of."""

    service: str
    followed: tuple[Followed, ...]


class Token(NamedTuple):
    """How far somebody is: the epoch and the position, and with which eyes they looked."""

    epoch: int
    position: int
    eyes: str


class Walked(NamedTuple):
    """What a walk found: the items as JSON, how many; where it ended; and what the token is held against."""

    items: str
    told: int
    reached: int
    head: int
    epoch: int
    survived: int | None
    whole: bool
    aged: bool
    overturned: bool


async def walk(session: Session, call: Call, feed: Feed, token: Token | None, limit: int) -> Walked:
    """What concerns the caller of all that happened after the token, `limit` items at the most. One statement."""
    viewer = call.viewer
    visible = tuple(each.visible(viewer) for each in feed.followed)
    knows = tuple(each.knows(viewer) for each in feed.followed)
    statement = _statement(feed, visible, knows, Sight(account="r.id").visible(viewer))
    given = {
        "since": token.position if token else None,
        "epoch": token.epoch if token else 0,
        "viewer": viewer.member_id,
        "by_role": viewer.sees_all,
        "limit": limit,
        "look": LOOK,
        # For so long a row that was deleted is there to say who may hear of it: a token reaches no further back.
        "days": call.settings.deleted_days or None,
    }
    row = await one(session, statement, given)
    assert row is not None
    return Walked(*row)


# A walk that came to its limit ends at the last item; one that looked at all that it may, there; else at the head.
_WALK = sql.SQL("""
WITH looked AS MATERIALIZED (
  SELECT o.position, o.journal_id, o.recorded_at FROM journal_order o
  WHERE o.position > %(since)s::bigint ORDER BY o.position LIMIT %(look)s::integer
), stand AS MATERIALIZED (
  SELECT h.position AS head, (SELECT max(epoch) FROM journal_epoch) AS epoch, seen.rows,
         CASE WHEN seen.rows = %(look)s::integer THEN seen.last ELSE h.position END AS until
  FROM journal_head h, (SELECT count(*) AS rows, max(position) AS last FROM looked) seen
), told AS MATERIALIZED (
  SELECT o.position, j.recorded_at, j.type, j.aggregate, j.aggregate_id, j.version, j.actor, j.state, v.verdict
  FROM looked o
  CROSS JOIN LATERAL (
    SELECT j.* FROM journal j WHERE j.recorded_at = o.recorded_at AND j.id = o.journal_id OFFSET 0
  ) j
  CROSS JOIN LATERAL (SELECT CASE j.aggregate {verdicts} END AS verdict OFFSET 0) v
  WHERE v.verdict IS NOT NULL
  ORDER BY o.position LIMIT %(limit)s::integer + 1
), page AS (
  SELECT t.*, split_part(t.type, '.', 2) AS fact, row_number() OVER (ORDER BY t.position) AS n FROM told t
)
SELECT
  coalesce(string_agg(i.json, ',' ORDER BY i.n), ''), count(i.n),
  CASE WHEN s.filled THEN max(i.position) ELSE s.until END,
  s.head, s.epoch,
  (SELECT first_position - skipped - 1 FROM journal_epoch WHERE epoch = %(epoch)s::integer + 1),
  s.rows = s.until - coalesce(%(since)s::bigint, s.until) - (
    SELECT coalesce(sum(e.skipped), 0) FROM journal_epoch e
    WHERE e.first_position - 1 <= s.until AND e.first_position - e.skipped > %(since)s::bigint),
  coalesce((SELECT min(recorded_at) FROM looked) < now() - make_interval(days => %(days)s::integer), false),
  coalesce(bool_or(i.overturned), false)
FROM (SELECT stand.*, (SELECT count(*) FROM told) > %(limit)s::integer AS filled FROM stand) s
LEFT JOIN LATERAL (
  SELECT p.n, p.position, p.verdict = 'overturned' AS overturned, json_build_object(
    'service', {service}, 'noun', CASE p.aggregate {nouns} END,
    'id', CASE p.aggregate WHEN {sight} THEN (p.state ->> 'account_id')::uuid ELSE p.aggregate_id END,
    'type', CASE p.verdict WHEN 'seen' THEN p.fact ELSE p.verdict END,
    'version', CASE WHEN p.aggregate <> {sight} THEN p.version END,
    'recorded_at', instant(p.recorded_at),
    'actor', CASE WHEN p.aggregate <> {sight} THEN p.actor END,
    'data', CASE WHEN p.verdict = 'seen' AND p.fact NOT IN ({gone}) THEN (
      SELECT json_object_agg(f.name, CASE WHEN {confided} THEN NULL ELSE p.state -> f.name END ORDER BY f.n)
      FROM unnest((CASE p.aggregate {fields} END)::text[]) WITH ORDINALITY f(name, n)) END
  )::text AS json
  FROM page p WHERE p.n <= %(limit)s::integer
) i ON true
GROUP BY s.head, s.epoch, s.rows, s.until, s.filled /* sight */""")
_SIGHT_VERDICT = sql.SQL("""WHEN {sight} THEN CASE
      WHEN NOT (coalesce(j.state -> 'viewers' ? %(viewer)s::text, false)
                OR (j.state ? 'by_role' AND %(by_role)s::boolean)) THEN NULL
      WHEN j.type = {overturned} THEN 'overturned'
      WHEN (SELECT true FROM account r
            WHERE r.id = (j.state ->> 'account_id')::uuid AND r.deleted_at IS NULL AND {visible}) THEN 'granted'
      ELSE 'revoked' END""")
_SEEN = sql.SQL("""WHEN {name} THEN CASE
      WHEN j.type = {snapshot} THEN NULL
      WHEN (SELECT true FROM {source} WHERE {row}.id = j.aggregate_id
              AND ({row}.deleted_at IS NULL OR split_part(j.type, '.', 2) IN ({gone})) AND ({visible})) THEN 'seen'
      {moved} END""")
_MOVED = sql.SQL(
    """WHEN j.changed ?| {names}::text[] AND (SELECT {visible} FROM (SELECT {before}) r) THEN 'revoked'"""
)
_BEFORE = sql.SQL("""(CASE WHEN j.changed ? {name} THEN j.changed -> {name} ->> 'from'
        ELSE j.state ->> {name} END)::uuid AS {column}""")
_CONFIDED = sql.SQL("""p.aggregate = {name} AND f.name = ANY ({fields})
        AND NOT coalesce((SELECT {knows} FROM {source} WHERE {row}.id = p.aggregate_id), false)""")
_GONE = sql.SQL("'deleted', 'erased'")


@lru_cache(maxsize=256)
def _statement(
    feed: Feed,
    visible: tuple[LiteralString, ...],
    knows: tuple[LiteralString, ...],
    account: LiteralString,
) -> LiteralString:
    sight = sql.Literal(SIGHT)
    own = _SIGHT_VERDICT.format(
        sight=sight, overturned=sql.Literal(SIGHT_OVERTURNED), visible=sql.SQL(account)
    )
    verdicts = [_verdict(each, seen) for each, seen in zip(feed.followed, visible, strict=True)]
    when = sql.SQL("WHEN {} THEN {}")
    nouns = [(each.aggregate.name, sql.Literal(each.aggregate.plural)) for each in feed.followed]
    fields = [(each.aggregate.name, sql.Literal(list(each.aggregate.fields))) for each in feed.followed]
    text = _WALK.format(
        service=sql.Literal(feed.service),
        sight=sight,
        gone=_GONE,
        verdicts=sql.SQL(" ").join([own, *verdicts]),
        nouns=sql.SQL(" ").join(
            when.format(sql.Literal(name), noun) for name, noun in [(SIGHT, sql.Literal("accounts")), *nouns]
        ),
        fields=sql.SQL(" ").join(when.format(sql.Literal(name), names) for name, names in fields),
        confided=_confided(feed, knows),
    )
    return literal(text)


def _source(followed: Followed) -> sql.Composable:
    return (
        sql.SQL(followed.source) if followed.source else sql.SQL("{} r").format(followed.aggregate.relation)
    )


def _confided(feed: Feed, knows: tuple[LiteralString, ...]) -> sql.Composable:
    """Whether the field `f` of the entry `p` is confided to others than the viewer."""
    told = [
        _CONFIDED.format(
            name=sql.Literal(each.aggregate.name),
            fields=sql.Literal(list(each.aggregate.confided)),
            source=_source(each),
            row=sql.SQL(each.row),
            knows=sql.SQL(known),
        )
        for each, known in zip(feed.followed, knows, strict=True)
        if each.aggregate.confided
    ]
    return sql.SQL(" OR ").join(told) if told else sql.SQL("false")


def _verdict(followed: Followed, visible: LiteralString) -> sql.Composed:
    aggregate = followed.aggregate
    return _SEEN.format(
        name=sql.Literal(aggregate.name),
        snapshot=sql.Literal(f"{aggregate.name}.{SNAPSHOT}"),
        source=_source(followed),
        row=sql.SQL(followed.row),
        gone=_GONE,
        visible=sql.SQL(visible),
        moved=_moved(followed, visible),
    )


def _moved(followed: Followed, visible: LiteralString) -> sql.Composable:
    """Whether the viewer saw the row by what it had before the change, by what they see now."""
    if not followed.moves:
        return sql.SQL("")
    names = list(followed.moves)
    return _MOVED.format(
        names=sql.Literal(names),
        visible=sql.SQL(visible),
        before=sql.SQL(", ").join(
            _BEFORE.format(name=sql.Literal(name), column=sql.Identifier(name)) for name in names
        ),
    )
