"""The figures of the four reports as the services' own databases have them: by SQL of its own, over their own rows."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, LiteralString, cast

import psycopg
from psycopg.rows import dict_row

Figures = list[dict[str, Any]]

_FORECAST: LiteralString = """
SELECT date_trunc('month', o.expected_close_on::timestamp)::date AS month, o.currency, count(*) AS deals,
       count(*) - count(o.amount) AS unweighed, sum(o.amount) AS amount,
       sum(round(o.amount::numeric * s.probability / 100)) AS forecast
FROM opportunity o JOIN opportunity_standing s ON s.id = o.id
WHERE o.status = 'OPEN' AND o.deleted_at IS NULL GROUP BY 1, 2"""

# Each deal's way through the stages as an array; a stage's first place in it is where the deal entered.
_FUNNEL: LiteralString = """
WITH way AS (
  SELECT o.id, o.amount, o.currency, o.moves,
    ARRAY[coalesce(o.moves->0->>'origin', o.stage)]
      || ARRAY(SELECT move->>'to' FROM jsonb_array_elements(o.moves) move) AS places,
    ARRAY[CASE WHEN o.moves = '[]' THEN o.stage_entered_on
      ELSE (coalesce((o.moves->0->>'moved_at')::timestamptz AT TIME ZONE 'UTC', (o.moves->0->>'moved_on')::timestamp)
            - make_interval(mins => (o.moves->0->>'origin_minutes')::int))::date END]
      || ARRAY(SELECT (move->>'moved_on')::date FROM jsonb_array_elements(o.moves) move) AS days
  FROM opportunity o WHERE o.deleted_at IS NULL
), entry AS (
  SELECT w.*, stage, at, date_trunc('month', w.days[array_position(w.places, stage)]::timestamp)::date AS month,
    ARRAY['TARGETING', 'ENGAGEMENT', 'SHORTLIST', 'BIDDING', 'CONTRACTING', 'WON'] AS ladder
  FROM way w,
    unnest(ARRAY['TARGETING', 'ENGAGEMENT', 'SHORTLIST', 'BIDDING', 'CONTRACTING']) WITH ORDINALITY s(stage, at)
  WHERE stage = ANY (w.places)
), stay AS (
  SELECT e.id, e.stage,
    bool_or(array_position(e.ladder, move->>'to') > e.at) AS forward,
    sum((move->>'origin_minutes')::bigint) AS minutes, count(move->>'origin_minutes') AS stays
  FROM entry e, jsonb_array_elements(e.moves) move WHERE move->>'origin' = e.stage GROUP BY 1, 2
)
SELECT e.month, e.stage, count(*) AS entered, count(*) FILTER (WHERE s.forward) AS went_on,
  round(1000.0 * count(*) FILTER (WHERE s.forward) / count(*)) AS conversion_per_mille,
  round(sum(s.minutes) / 1440.0 / nullif(sum(s.stays), 0), 1) AS mean_days,
  (SELECT jsonb_object_agg(currency, total) FROM (
     SELECT i.currency, sum(i.amount) AS total FROM entry i
     WHERE i.stage = e.stage AND i.month IS NOT DISTINCT FROM e.month AND i.amount IS NOT NULL GROUP BY 1) t) AS amounts
FROM entry e LEFT JOIN stay s USING (id, stage) GROUP BY 1, 2"""

_WIN_LOSS: LiteralString = """
SELECT status, lost_reason, lost_to, currency, count(*) AS deals, count(*) - count(amount) AS without_amount,
       sum(amount) AS amount
FROM opportunity WHERE status IN ('WON', 'LOST', 'ABANDONED') AND deleted_at IS NULL GROUP BY 1, 2, 3, 4"""

_WEEK: LiteralString = """
WITH log AS (
  SELECT spent_on - (extract(isodow FROM spent_on)::int - 1) AS week, * FROM time_log WHERE deleted_at IS NULL
),
share AS (
  SELECT week, sum(minutes) AS total,
    sum(CASE WHEN category IN ('MEAL', 'PRIVATE') THEN 0 ELSE minutes END) AS work,
    sum(CASE WHEN category LIKE '%SELLING' THEN minutes ELSE 0 END) AS selling
  FROM log GROUP BY 1
)
SELECT s.*, round(1000.0 * selling / nullif(work, 0)) AS selling_per_mille,
  (ARRAY['RED', 'AMBER', 'GREEN'])[width_bucket(round(1000.0 * selling / nullif(work, 0)), ARRAY[300, 400]) + 1]
    AS band,
  (SELECT jsonb_object_agg(category, minutes) FROM (
     SELECT category, sum(minutes) AS minutes FROM log l WHERE l.week = s.week GROUP BY 1) c) AS minutes,
  (SELECT jsonb_agg(to_jsonb(r)) FROM (
     SELECT robber, sum(minutes) AS minutes, round(1000.0 * sum(minutes) / total) AS per_mille
     FROM log l WHERE l.week = s.week AND robber IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3) r) AS robbers
FROM share s"""

_ASKED: Final[Mapping[str, tuple[str, LiteralString]]] = {
    "m01_forecast": ("opportunities", _FORECAST),
    "m02_funnel": ("opportunities", _FUNNEL),
    "m10_win_loss": ("opportunities", _WIN_LOSS),
    "m18_week": ("activities", _WEEK),
}


def figures(databases: Mapping[str, str]) -> dict[str, Figures]:
    """What each report has to say, by its name, from each service's database; the order of rows means nothing."""
    found: dict[str, Figures] = {}
    for report, (service, query) in _ASKED.items():
        with psycopg.connect(databases[service]) as connection:
            found[report] = connection.cursor(row_factory=dict_row).execute(query).fetchall()
    return found


def differences(found: Figures, expected: Figures) -> list[Any]:
    """Rows that only one of them has."""
    ours, theirs = _plain(found), _plain(expected)
    return [row for row in ours if row not in theirs] + [row for row in theirs if row not in ours]


def _plain(value: Any) -> Any:
    """The value as both databases would say it."""
    match value:
        case dict():
            return {name: _plain(each) for name, each in cast("dict[str, Any]", value).items()}
        case list():
            return [_plain(each) for each in cast("list[Any]", value)]
        case int():
            return Decimal(value)
        case _:
            return value
