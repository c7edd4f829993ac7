-- name: members_after(bucket, after, count)
-- Members of a bucket who were not erased, after one of them.
SELECT member_id FROM members WHERE bucket = :bucket AND member_id > :after AND erased = 0
ORDER BY member_id LIMIT :count;

-- name: without_balance(members, today)
-- Those of these members who were not erased, have no points, none that are held, and no coupon to use.
SELECT members.member_id, members.joined_on
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN members ON members.bucket = wanted.bucket AND members.member_id = wanted.member_id
WHERE members.erased = 0
  AND (SELECT coalesce(sum(totals.redeemable), 0) FROM totals
    WHERE totals.bucket = wanted.bucket AND totals.member_id = wanted.member_id) = 0
  AND NOT EXISTS (SELECT 1 FROM holds
    WHERE holds.bucket = wanted.bucket AND holds.member_id = wanted.member_id)
  AND NOT EXISTS (SELECT 1 FROM coupons
    WHERE coupons.bucket = wanted.bucket AND coupons.member_id = wanted.member_id AND coupons.until_day >= :today);

-- name: last_days(bucket, members)
-- The last business day of what stands of these members of a bucket.
WITH RECURSIVE spans (span) AS (
  SELECT min(span) FROM member_receipts WHERE bucket = :bucket
  UNION ALL
  SELECT (SELECT min(member_receipts.span) FROM member_receipts WHERE member_receipts.bucket = :bucket AND member_receipts.span > spans.span)
  FROM spans WHERE spans.span IS NOT NULL
)
SELECT wanted.member_id, max(member_receipts.business_day)
FROM ROWS(:members, member_id TEXT) AS wanted
CROSS JOIN spans ON spans.span IS NOT NULL
CROSS JOIN member_receipts ON member_receipts.bucket = :bucket AND member_receipts.span = spans.span
  AND member_receipts.member_id = wanted.member_id
WHERE member_receipts.resolved IS NOT NULL
GROUP BY wanted.member_id;

-- name: buckets_closed(period_id)^
-- For how many buckets a period is closed.
SELECT count(*) FROM bucket_closes WHERE period_id = :period_id;
