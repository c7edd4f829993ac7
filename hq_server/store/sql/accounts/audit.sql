-- name: resolved_at(keys)
-- keys is a JSON array of [bucket, member_id, business_day, receipt_id].
SELECT member_receipts.receipt_id, member_receipts.resolved
FROM json_each(:keys) AS wanted
CROSS JOIN member_receipts ON member_receipts.bucket = wanted.value ->> 0
  AND member_receipts.member_id = wanted.value ->> 1
  AND member_receipts.business_day = wanted.value ->> 2
  AND member_receipts.receipt_id = wanted.value ->> 3;

-- name: held_at(keys)
-- keys is a JSON array of [bucket, reference, business_day, receipt_id].
SELECT held_receipts.receipt_id, held_receipts.resolved
FROM json_each(:keys) AS wanted
CROSS JOIN held_receipts ON held_receipts.bucket = wanted.value ->> 0
  AND held_receipts.reference = wanted.value ->> 1
  AND held_receipts.business_day = wanted.value ->> 2
  AND held_receipts.receipt_id = wanted.value ->> 3;

-- name: live_receipts()^
-- How many receipts stand in any account, or wait for one.
SELECT (SELECT count(*) FROM member_receipts WHERE resolved IS NOT NULL)
  + (SELECT count(*) FROM held_receipts WHERE resolved IS NOT NULL);

-- name: totals_in_order(bucket)
SELECT member_id, period_id, redeemable, qualifying FROM totals
WHERE bucket = :bucket ORDER BY member_id, period_id;
