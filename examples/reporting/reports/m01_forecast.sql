-- M01 Weighted forecast: what open deals are likely to bring, by the month in which they should close
SELECT
  date_trunc('month', o.expected_close_on)::DATE AS month,
  o.currency,
  count(*) AS deals,
  count(*) FILTER (o.amount IS NULL OR s.probability IS NULL) AS unweighed,
  sum(o.amount) AS amount,
  sum(rounded(o.amount * s.probability, 100)) AS forecast
FROM opportunity o LEFT JOIN opportunity_standing s USING (id)
WHERE o.status = 'OPEN'
GROUP BY ALL
ORDER BY month NULLS LAST, currency
