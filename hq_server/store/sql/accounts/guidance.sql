-- name: receipts_between(bucket, member_id, first_day, last_day)
-- A member's receipts and visits as they stand on these business days, both included.
WITH RECURSIVE spans (span) AS (
  SELECT CAST(:first_day AS BIGINT) / 32 UNION ALL SELECT span + 1 FROM spans WHERE span < CAST(:last_day AS BIGINT) / 32
)
SELECT member_receipts.resolved
FROM spans CROSS JOIN member_receipts
  ON member_receipts.bucket = :bucket AND member_receipts.span = spans.span
  AND member_receipts.member_id = :member_id
  AND member_receipts.business_day BETWEEN :first_day AND :last_day
WHERE member_receipts.resolved IS NOT NULL
ORDER BY member_receipts.business_day;

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
