-- name: merge_of(bucket, member_id)^
SELECT into_member FROM merges WHERE bucket = :bucket AND member_id = :member_id;

-- name: merge_counts()^
-- How many merges stand, read both ways.
SELECT (SELECT count(*) FROM merges), (SELECT count(*) FROM merged);

-- name: stamps_of(members)
SELECT stamps.member_id, stamps.terminal_id, stamps.epoch, stamps.branch, stamps.seq
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN stamps ON stamps.bucket = wanted.bucket AND stamps.member_id = wanted.member_id;

-- name: closed_period(period_id)^
-- All buckets are asked: a period is closed for all of them.
SELECT 1 FROM bucket_closes WHERE period_id = :period_id LIMIT 1;

-- name: look_ups_naming(members)
-- All buckets are asked: a look-up lies in its own, not in the member's.
SELECT bucket, look_up, member_id FROM look_ups
WHERE member_id IN (SELECT wanted.member_id FROM ROWS(:members, member_id TEXT) AS wanted)
ORDER BY bucket, look_up;

-- name: drop_look_up(bucket, look_up)*!
DELETE FROM look_ups WHERE bucket = :bucket AND look_up = :look_up;

-- name: drop_member_look_ups(bucket, member_id)!
DELETE FROM member_look_ups WHERE bucket = :bucket AND member_id = :member_id;

-- name: attachments_to(members)
-- All buckets are asked: an attachment lies in its reference's, not in the member's.
SELECT bucket, reference FROM attachments
WHERE member_id IN (SELECT wanted.member_id FROM ROWS(:members, member_id TEXT) AS wanted)
ORDER BY bucket, reference;

-- name: drop_attachment(bucket, reference)*!
DELETE FROM attachments WHERE bucket = :bucket AND reference = :reference;

-- name: forget_account_exception(bucket, kind, subject)*!
DELETE FROM account_exceptions WHERE bucket = :bucket AND kind = :kind AND subject = :subject;

-- name: erase_member(bucket, member_id, birthday)!
-- birthday is what the member's entries tell anyhow, or NULL.
UPDATE members SET name = '', phone = NULL, joined_on = NULL, home_store = '', birthday = :birthday, erased = 1
WHERE bucket = :bucket AND member_id = :member_id;

-- name: erased_members(bucket)
SELECT member_id, name, phone, joined_on, home_store FROM members WHERE bucket = :bucket AND erased = 1;

-- name: attachments_in_order(bucket)
SELECT reference, member_id FROM attachments WHERE bucket = :bucket ORDER BY reference;

-- name: adjustments_in_order(bucket)
-- What lies in the accounts by decision.
SELECT member_id, business_day, receipt_id, resolved FROM member_receipts
WHERE bucket = :bucket AND account = 1 AND resolved IS NOT NULL AND receipt_id > '~hq/a/' AND receipt_id < '~hq/a0'
ORDER BY member_id, business_day, receipt_id;

-- name: add_coupon(bucket, member_id, coupon_id, until_day, envelope, issued_at_ms)!
INSERT INTO coupons (bucket, member_id, coupon_id, until_day, envelope, issued_at_ms)
VALUES (:bucket, :member_id, :coupon_id, :until_day, :envelope, :issued_at_ms);

-- name: coupon_at(bucket, member_id, coupon_id)^
SELECT until_day, envelope FROM coupons
WHERE bucket = :bucket AND member_id = :member_id AND coupon_id = :coupon_id;

-- name: coupon_count()^
SELECT count(*) FROM coupons;

-- name: issued_coupons(members)
-- Those that end first come first.
SELECT coupons.member_id, coupons.coupon_id, coupons.until_day, coupons.envelope, coupons.issued_at_ms
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN coupons ON coupons.bucket = wanted.bucket AND coupons.member_id = wanted.member_id
ORDER BY coupons.until_day, coupons.issued_at_ms, coupons.coupon_id;

-- name: erased_members_at(keys)
-- Which of these members were erased.
SELECT members.member_id
FROM ROWS(:keys, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN members ON members.bucket = wanted.bucket AND members.member_id = wanted.member_id
WHERE members.erased = 1;
