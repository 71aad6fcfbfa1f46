-- M18 Where the week goes: minutes by category, the share that is selling, and what stole the time
WITH
log AS (SELECT date_trunc('week', spent_on)::DATE AS week, category, minutes, robber FROM time_log),
by_category AS (
  SELECT week, map_from_entries(list((category, minutes) ORDER BY minutes DESC, category)) AS minutes
  FROM (SELECT week, category, sum(minutes) AS minutes FROM log GROUP BY ALL) GROUP BY week
),
by_robber AS (
  SELECT week, list((robber, minutes) ORDER BY minutes DESC, robber)[:3] AS robbers
  FROM (SELECT week, robber, sum(minutes) AS minutes FROM log WHERE robber IS NOT NULL GROUP BY ALL) GROUP BY week
),
summed AS (
  SELECT
    week,
    sum(minutes) AS total,
    coalesce(sum(minutes) FILTER (category NOT IN ('MEAL', 'PRIVATE')), 0) AS work,
    coalesce(sum(minutes) FILTER (category IN ('F2F_SELLING', 'REMOTE_SELLING')), 0) AS selling
  FROM log GROUP BY week
)
SELECT
  week, total, work, selling,
  rounded(selling * 1000, work) AS selling_per_mille,
  CASE WHEN work = 0 THEN NULL WHEN selling_per_mille >= 400 THEN 'GREEN' WHEN selling_per_mille >= 300 THEN 'AMBER'
    ELSE 'RED' END AS band,
  c.minutes,
  [{
    'robber': each[1], 'minutes': each[2], 'per_mille': rounded(each[2] * 1000, total)
  } FOR each IN r.robbers] AS robbers
FROM summed JOIN by_category c USING (week) LEFT JOIN by_robber r USING (week)
ORDER BY week
