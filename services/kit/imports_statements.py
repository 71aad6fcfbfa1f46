"""The statements of an import, made once for each aggregate and walk: identifiers and literals of the program alone.

Rows come as one JSON parameter. New rows are one statement: the rows, their external ids with hashes, the journal and
its queue. Changed rows are another; a row's patch holds only what the file has changed.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import LiteralString

from psycopg import sql

from services.kit.aggregates import Aggregate
from services.kit.db import literal
from services.kit.journal import entry
from services.kit.sets import record_of


def _listed(names: Iterable[str], prefix: LiteralString = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(prefix + "{}").format(sql.Identifier(name)) for name in names)


_ENTERED = sql.SQL("""shown AS (
  SELECT r.id, r.version, r.partition_key, {fact} AS fact,
         (SELECT to_jsonb(s) FROM (SELECT {state}) s) AS state, {changed} AS changed
  FROM {source} r
), entry AS (
  {entry}
), queued AS (
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry
)""")


def _entered(
    aggregate: Aggregate, source: LiteralString, *, fact: LiteralString, changed: sql.Composable
) -> sql.Composed:
    return _ENTERED.format(
        state=aggregate.projection(kept=True),
        changed=changed,
        source=sql.SQL(source),
        fact=sql.SQL(fact),
        entry=entry(aggregate, "shown", fact="fact", state="state"),
    )


_KNOWN = sql.SQL("""SELECT x.external_id, x.row_id, x.hashes::text, r.deleted_at IS NOT NULL /* sight */
FROM external_id x JOIN {relation} r ON r.id = x.row_id
WHERE x.noun = {noun} AND x.source = %(source)s::text
  AND x.external_id = ANY (ARRAY(SELECT jsonb_array_elements_text(%(keys)s::jsonb)))""")


@lru_cache(maxsize=64)
def known(aggregate: Aggregate, noun: str) -> LiteralString:
    """Gives (external id, id, hashes, whether it is deleted) of the rows of `source` among `keys`."""
    return literal(_KNOWN.format(relation=aggregate.relation, noun=sql.Literal(noun)))


_OWN = sql.SQL("""SELECT x.external_id, x.row_id /* sight */
FROM external_id x JOIN {relation} r ON r.id = x.row_id AND r.deleted_at IS NULL
WHERE x.noun = {noun} AND x.source = %(source)s::text AND x.external_id = ANY (%(keys)s::text[])""")


@lru_cache(maxsize=64)
def own(aggregate: Aggregate, noun: str) -> LiteralString:
    """Gives (external id, id) of the rows of `source` among `keys` that own references may name."""
    return literal(_OWN.format(relation=aggregate.relation, noun=sql.Literal(noun)))


_LOCK = sql.SQL("""SELECT r.id, json_build_object({pairs})::text FROM {relation} r
WHERE r.id = ANY (%(ids)s::uuid[]) AND r.deleted_at IS NULL
ORDER BY r.id FOR NO KEY UPDATE /* sight */""")


@lru_cache(maxsize=64)
def lock(aggregate: Aggregate, fields: tuple[str, ...]) -> LiteralString:
    """Locks the rows `ids` in order; gives those that are not deleted, each with these fields as JSON text."""
    pairs = [sql.SQL("{}, r.{}").format(sql.Literal(name), sql.Identifier(name)) for name in fields]
    return literal(_LOCK.format(pairs=sql.SQL(", ").join(pairs), relation=aggregate.relation))


_INSERT = sql.SQL("""WITH given AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS g(id uuid, external_id text, hashes jsonb, {record})
), born AS (
  INSERT INTO {relation} AS r (id, version, partition_key, created_at, created_by, updated_at, updated_by,
                               external_ids, {names})
  SELECT g.id, 1, {partition_key}, now(), %(_actor)s::text, now(), %(_actor)s::text,
         jsonb_build_object(%(source)s::text, g.external_id), {values}
  FROM given g{born}
  RETURNING r.*
), named AS (
  INSERT INTO external_id (noun, source, external_id, row_id, hashes)
  SELECT {noun}, %(source)s::text, g.external_id, g.id, g.hashes FROM given g
), {entered}
SELECT count(*) FROM entry""")
_CONSTANT = sql.SQL(", jsonb_to_record(%(born)s::jsonb) AS b({})")


@lru_cache(maxsize=64)
def insert(
    aggregate: Aggregate, noun: str, fields: tuple[str, ...], born: tuple[str, ...], partition: str | None
) -> LiteralString:
    """Makes the `rows` {id, external_id, hashes, fields...}, which all have the fields of `born`."""
    own_key = sql.SQL("g.id")
    if partition is not None:
        own_key = sql.SQL("coalesce(g.{}, g.id)").format(sql.Identifier(partition))
    text = _INSERT.format(
        relation=aggregate.relation,
        noun=sql.Literal(noun),
        record=record_of(aggregate, fields),
        names=_listed((*fields, *born)),
        values=sql.SQL(", ").join([_listed(fields, "g."), *([_listed(born, "b.")] if born else [])]),
        born=_CONSTANT.format(record_of(aggregate, born)) if born else sql.SQL(""),
        partition_key=own_key,
        entered=_entered(aggregate, "born", fact="'created'", changed=sql.SQL("NULL::jsonb")),
    )
    return literal(text)


_UPDATE = sql.SQL("""WITH given AS MATERIALIZED (
  SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS g(id uuid, external_id text, hashes jsonb, patch jsonb, fact text)
), hit AS (
  UPDATE {relation} AS r
  SET ({names}) = (SELECT {values} FROM jsonb_populate_record(r, g.patch) n),
      version = r.version + 1, updated_at = now(), updated_by = %(_actor)s::text
  FROM given g
  WHERE r.id = g.id AND r.deleted_at IS NULL AND jsonb_populate_record(r, g.patch) IS DISTINCT FROM r
  RETURNING g.fact, r.*{was}
), named AS (
  UPDATE external_id x SET hashes = x.hashes || g.hashes FROM given g
  WHERE x.noun = {noun} AND x.source = %(source)s::text AND x.external_id = g.external_id
), {entered}
SELECT id FROM shown /* sight */""")


@lru_cache(maxsize=64)
def update(aggregate: Aggregate, noun: str, fields: tuple[str, ...]) -> LiteralString:
    """Patches the `rows` {id, external_id, hashes, patch, fact}; gives the ids of those that really changed."""
    text = _UPDATE.format(
        relation=aggregate.relation,
        noun=sql.Literal(noun),
        names=_listed(fields),
        values=_listed(fields, "n."),
        was=aggregate.was(fields),
        entered=_entered(aggregate, "hit", fact="r.fact", changed=aggregate.changed(fields)),
    )
    return literal(text)


_CIRCLES = sql.SQL("""WITH RECURSIVE edge AS MATERIALIZED (
  SELECT id, above FROM jsonb_to_recordset(%(edges)s::jsonb) AS e(id uuid, above uuid)
), up(start, at) AS (
  SELECT id, above FROM edge
  UNION
  SELECT up.start, CASE WHEN e.id IS NULL THEN r.{field} ELSE e.above END
  FROM up JOIN {relation} r ON r.id = up.at LEFT JOIN edge e ON e.id = up.at
  WHERE up.at <> up.start
)
SELECT start FROM up WHERE at = start /* sight */""")


@lru_cache(maxsize=64)
def circles(aggregate: Aggregate, field: str) -> LiteralString:
    """Gives the ids of those `edges` {id, above} that would put a row below itself."""
    return literal(_CIRCLES.format(relation=aggregate.relation, field=sql.Identifier(field)))
