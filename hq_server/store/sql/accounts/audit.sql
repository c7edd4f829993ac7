-- name: resolved_at(keys)
SELECT member_receipts.receipt_id, member_receipts.resolved
FROM ROWS(:keys, bucket INTEGER, member_id TEXT, business_day INTEGER, receipt_id TEXT) AS wanted
CROSS JOIN member_receipts ON member_receipts.bucket = wanted.bucket
  AND member_receipts.span = wanted.business_day / 32 AND member_receipts.member_id = wanted.member_id
  AND member_receipts.business_day = wanted.business_day
  AND member_receipts.receipt_id = wanted.receipt_id;

-- name: held_at(keys)
SELECT held_receipts.receipt_id, held_receipts.resolved
FROM ROWS(:keys, bucket INTEGER, reference TEXT, business_day INTEGER, receipt_id TEXT) AS wanted
CROSS JOIN held_receipts ON held_receipts.bucket = wanted.bucket
  AND held_receipts.reference = wanted.reference
  AND held_receipts.business_day = wanted.business_day
  AND held_receipts.receipt_id = wanted.receipt_id;

-- name: live_receipts()^
-- How many receipts stand in any account, or wait for one.
SELECT (SELECT count(*) FROM member_receipts WHERE resolved IS NOT NULL)
  + (SELECT count(*) FROM held_receipts WHERE resolved IS NOT NULL);

-- name: days_ever(bucket, member_id)
-- Every business day on which a member has, or once had, a receipt or visit.
WITH RECURSIVE spans (span) AS (
  SELECT min(span) FROM member_receipts WHERE bucket = :bucket
  UNION ALL
  SELECT (SELECT min(member_receipts.span) FROM member_receipts WHERE member_receipts.bucket = :bucket AND member_receipts.span > spans.span)
  FROM spans WHERE spans.span IS NOT NULL
)
SELECT DISTINCT member_receipts.business_day
FROM spans CROSS JOIN member_receipts
  ON member_receipts.bucket = :bucket AND member_receipts.span = spans.span
  AND member_receipts.member_id = :member_id AND member_receipts.account = 0;

-- name: versions_on(bucket, member_id, business_day)
-- The versions of all receipts and visits that a member has, or once had, on a business day.
SELECT version FROM member_receipts
WHERE bucket = :bucket AND span = CAST(:business_day AS BIGINT) / 32 AND member_id = :member_id
  AND business_day = :business_day AND account = 0;

-- name: award_differences_in_order(bucket)
SELECT member_id, business_day, terminal_id, epoch, branch, seq, claimed_redeemable, claimed_qualifying, redeemable,
  qualifying, cause
FROM award_differences WHERE bucket = :bucket ORDER BY member_id;

-- name: totals_in_order(bucket)
SELECT member_id, period_id, redeemable, qualifying, credited FROM totals
WHERE bucket = :bucket ORDER BY member_id, period_id;

-- name: look_ups_in_order(bucket)
SELECT look_up, member_id FROM look_ups WHERE bucket = :bucket ORDER BY look_up;

-- name: members_at(keys)
SELECT members.member_id
FROM ROWS(:keys, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN members ON members.bucket = wanted.bucket AND members.member_id = wanted.member_id;

-- name: member_look_ups_at(keys)
SELECT member_look_ups.look_up, member_look_ups.member_id
FROM ROWS(:keys, bucket INTEGER, member_id TEXT, look_up TEXT) AS wanted
CROSS JOIN member_look_ups ON member_look_ups.bucket = wanted.bucket
  AND member_look_ups.member_id = wanted.member_id AND member_look_ups.look_up = wanted.look_up;

-- name: attachments_at(keys)
SELECT attachments.reference, attachments.member_id
FROM ROWS(:keys, bucket INTEGER, reference TEXT) AS wanted
CROSS JOIN attachments ON attachments.bucket = wanted.bucket
  AND attachments.reference = wanted.reference;

-- name: name_counts()^
-- How many members there are, and how many look-ups they have besides their ids.
SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM member_look_ups);

-- name: stamps_at(keys)
SELECT stamps.member_id, stamps.terminal_id, stamps.epoch, stamps.branch, stamps.seq
FROM ROWS(:keys, bucket INTEGER, member_id TEXT, terminal_id TEXT) AS wanted
CROSS JOIN stamps ON stamps.bucket = wanted.bucket AND stamps.member_id = wanted.member_id
  AND stamps.terminal_id = wanted.terminal_id;

-- name: stamp_count()^
SELECT count(*) FROM stamps;
