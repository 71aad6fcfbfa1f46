-- M10 Win and loss: how deals ended, why, and who won what we lost
SELECT
  status, lost_reason, lost_to, currency,
  count(*) AS deals,
  count(*) FILTER (amount IS NULL) AS without_amount,
  sum(amount) AS amount
FROM opportunity
WHERE status <> 'OPEN'
GROUP BY ALL
ORDER BY status DESC, deals DESC, lost_reason, lost_to, currency
