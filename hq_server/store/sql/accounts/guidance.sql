-- name: receipts_between(bucket, member_id, first_day, last_day)
-- A member's receipts and visits as they stand on these business days, both included.
SELECT resolved FROM member_receipts
WHERE bucket = :bucket AND member_id = :member_id AND business_day BETWEEN :first_day AND :last_day
  AND resolved IS NOT NULL
ORDER BY business_day;

-- name: standings(bucket, period_id)
-- Every member of a bucket with the qualifying points of a period, 0 where none were earned.
SELECT members.member_id, coalesce(totals.qualifying, 0)
FROM members
LEFT JOIN totals ON totals.bucket = members.bucket AND totals.member_id = members.member_id
  AND totals.period_id = :period_id
WHERE members.bucket = :bucket
ORDER BY members.member_id;
