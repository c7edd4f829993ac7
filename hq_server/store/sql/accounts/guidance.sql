-- name: receipts_between(bucket, member_id, first_day, last_day)
-- A member's receipts and visits as they stand on these business days, both included.
SELECT resolved FROM member_receipts
WHERE bucket = :bucket AND member_id = :member_id AND business_day BETWEEN :first_day AND :last_day
  AND resolved IS NOT NULL
ORDER BY business_day;

-- name: standings(bucket, period_id)
-- Every member of a bucket who counts alone or for others, and was not erased, with the qualifying points of a period,
-- 0 for none.
SELECT members.member_id, coalesce(totals.qualifying, 0)
FROM members
LEFT JOIN totals ON totals.bucket = members.bucket AND totals.member_id = members.member_id
  AND totals.period_id = :period_id
WHERE members.bucket = :bucket AND members.erased = 0 AND NOT EXISTS (
  SELECT 1 FROM merges WHERE merges.bucket = members.bucket AND merges.member_id = members.member_id)
ORDER BY members.member_id;
