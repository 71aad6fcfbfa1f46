-- M02 Funnel and conversion: of the deals that entered a stage in a month, how many went on
WITH
stage(stage, step) AS (
  VALUES ('TARGETING', 1), ('ENGAGEMENT', 2), ('SHORTLIST', 3), ('BIDDING', 4), ('CONTRACTING', 5)
),
come AS (
  -- Where a deal was born: a move says how long it stood there before; without moves it stands there still.
  SELECT
    o.id AS opportunity_id, 0 AS ordinal, coalesce(m.origin, o.stage) AS stage,
    CASE WHEN m.origin IS NULL THEN o.stage_entered_on
      ELSE coalesce(m.moved_at - to_minutes(m.origin_minutes), m.moved_on - to_minutes(m.origin_minutes))::DATE
    END AS entered_on
  FROM opportunity o LEFT JOIN move m ON m.opportunity_id = o.id AND m.ordinal = 1
  UNION ALL
  SELECT opportunity_id, ordinal, "to", moved_on FROM move
),
cohort AS (
  SELECT opportunity_id, stage, step, date_trunc('month', entered_on)::DATE AS month
  FROM come JOIN stage USING (stage)
  QUALIFY row_number() OVER (PARTITION BY opportunity_id, stage ORDER BY ordinal) = 1
),
gone AS (
  SELECT
    m.opportunity_id, m.origin AS stage,
    bool_or(m."to" = 'WON' OR coalesce(onto.step > here.step, false)) AS forward,
    count(m.origin_minutes) AS stays,
    sum(m.origin_minutes) AS minutes
  FROM move m JOIN stage here ON here.stage = m.origin LEFT JOIN stage onto ON onto.stage = m."to"
  GROUP BY ALL
),
amounts AS (
  SELECT month, stage, map_from_entries(list((currency, total) ORDER BY currency)) AS amounts
  FROM (
    SELECT c.month, c.stage, o.currency, sum(o.amount) AS total
    FROM cohort c JOIN opportunity o ON o.id = c.opportunity_id
    WHERE o.amount IS NOT NULL
    GROUP BY ALL
  )
  GROUP BY ALL
)
SELECT
  c.month, c.stage,
  count(*) AS entered,
  count(*) FILTER (g.forward) AS went_on,
  rounded(count(*) FILTER (g.forward) * 1000, count(*)) AS conversion_per_mille,
  (rounded(sum(g.minutes) * 10, sum(g.stays) * 24 * 60) / 10)::DECIMAL(18, 1) AS mean_days,
  any_value(a.amounts) AS amounts
FROM cohort c
LEFT JOIN gone g USING (opportunity_id, stage)
LEFT JOIN amounts a ON a.stage = c.stage AND a.month IS NOT DISTINCT FROM c.month
GROUP BY c.month, c.stage, c.step
ORDER BY c.month NULLS LAST, c.step
