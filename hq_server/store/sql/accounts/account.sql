-- name: any_merge()^
SELECT 1 FROM merges LIMIT 1;

-- name: merges_of(keys)
SELECT merges.member_id, merges.into_member
FROM ROWS(:keys, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN merges ON merges.bucket = wanted.bucket AND merges.member_id = wanted.member_id;

-- name: merged_into(keys)
SELECT merged.member_id, merged.from_member
FROM ROWS(:keys, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN merged ON merged.bucket = wanted.bucket AND merged.member_id = wanted.member_id;

-- name: add_merge(bucket, member_id, into_member)!
INSERT INTO merges (bucket, member_id, into_member) VALUES (:bucket, :member_id, :into_member);

-- name: add_merged(bucket, member_id, from_member)!
INSERT INTO merged (bucket, member_id, from_member) VALUES (:bucket, :member_id, :from_member);

-- name: drop_merge(bucket, member_id)!
DELETE FROM merges WHERE bucket = :bucket AND member_id = :member_id;

-- name: drop_merged(bucket, member_id, from_member)!
DELETE FROM merged WHERE bucket = :bucket AND member_id = :member_id AND from_member = :from_member;

-- name: closes(buckets)
-- The closed periods of these buckets.
SELECT bucket, period_id, entry_no FROM bucket_closes
WHERE bucket IN (SELECT bucket FROM ROWS(:buckets, bucket INTEGER) AS wanted);

-- name: account_facts(members)
-- Redemptions, coupons and adjustments of these members.
SELECT member_receipts.member_id, member_receipts.business_day, member_receipts.resolved
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN member_receipts INDEXED BY account_facts ON member_receipts.bucket = wanted.bucket
  AND member_receipts.member_id = wanted.member_id AND member_receipts.account = 1
WHERE member_receipts.resolved IS NOT NULL
ORDER BY member_receipts.bucket, member_receipts.member_id, member_receipts.business_day,
  member_receipts.receipt_id;

-- name: whole_entries(members)
-- What is posted for whole accounts, beside their days, without the steps.
SELECT entries.member_id, entries.earned_day, entries.terminal_id, entries.epoch, entries.branch, entries.seq,
  entries.kind, entries.corrects, entries.business_day, entries.period_id, entries.redeemable,
  entries.qualifying, entries.programme_version, entries.rule
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN entries ON entries.bucket = wanted.bucket AND entries.member_id = wanted.member_id
  AND entries.span = 0 AND entries.earned_day = 0
ORDER BY entries.bucket, entries.member_id, entries.entry_no;

-- name: all_entries_of(bucket, member_id)
-- Everything that is posted for a member, without the steps.
WITH RECURSIVE spans (span) AS (
  SELECT min(span) FROM entries WHERE bucket = :bucket
  UNION ALL
  SELECT (SELECT min(entries.span) FROM entries WHERE entries.bucket = :bucket AND entries.span > spans.span)
  FROM spans WHERE spans.span IS NOT NULL
)
SELECT member_id, earned_day, terminal_id, epoch, branch, seq, kind, corrects, business_day, period_id,
  redeemable, qualifying, programme_version, rule, entry_no
FROM spans CROSS JOIN entries
  ON entries.bucket = :bucket AND entries.span = spans.span AND entries.member_id = :member_id
ORDER BY earned_day, entry_no;

-- name: day_items(periods)
SELECT day_items.member_id, day_items.business_day, day_items.items
FROM ROWS(:periods, bucket INTEGER, member_id TEXT, first_day INTEGER, last_day INTEGER) AS wanted
CROSS JOIN day_items ON day_items.bucket = wanted.bucket AND day_items.member_id = wanted.member_id
  AND day_items.business_day BETWEEN wanted.first_day AND wanted.last_day;

-- name: put_day_items(bucket, member_id, business_day, items)*!
INSERT INTO day_items (bucket, member_id, business_day, items)
VALUES (:bucket, :member_id, :business_day, :items)
ON CONFLICT (bucket, member_id, business_day) DO UPDATE SET items = excluded.items;

-- name: drop_day_items(bucket, member_id, business_day)*!
DELETE FROM day_items WHERE bucket = :bucket AND member_id = :member_id AND business_day = :business_day;

-- name: drop_all_day_items(bucket, member_id)!
DELETE FROM day_items WHERE bucket = :bucket AND member_id = :member_id;

-- name: day_items_in_order(bucket)
SELECT member_id, business_day, items FROM day_items WHERE bucket = :bucket ORDER BY member_id, business_day;

-- name: birthdays(members)
SELECT members.member_id, members.birthday
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN members ON members.bucket = wanted.bucket AND members.member_id = wanted.member_id;

-- name: balances(members)
SELECT wanted.member_id, CAST(coalesce(sum(totals.redeemable), 0) AS BIGINT)
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
LEFT JOIN totals ON totals.bucket = wanted.bucket AND totals.member_id = wanted.member_id
GROUP BY wanted.member_id;

-- name: open_exceptions_about(kind, members)
-- Which of these members have an open exception of a kind about themselves.
SELECT account_exceptions.subject
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN account_exceptions ON account_exceptions.bucket = wanted.bucket
  AND account_exceptions.kind = :kind AND account_exceptions.subject = wanted.member_id
WHERE account_exceptions.closed_at_ms IS NULL;

-- name: award_differences_of(days)
SELECT award_differences.member_id, award_differences.business_day, award_differences.terminal_id,
  award_differences.epoch, award_differences.branch, award_differences.seq
FROM ROWS(:days, bucket INTEGER, member_id TEXT, business_day INTEGER) AS wanted
CROSS JOIN award_differences ON award_differences.bucket = wanted.bucket
  AND award_differences.member_id = wanted.member_id AND award_differences.business_day = wanted.business_day;

-- name: award_differences_of_members(members)
SELECT award_differences.member_id, award_differences.business_day, award_differences.terminal_id,
  award_differences.epoch, award_differences.branch, award_differences.seq
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN award_differences ON award_differences.bucket = wanted.bucket
  AND award_differences.member_id = wanted.member_id;

-- name: put_award_difference(bucket, member_id, business_day, terminal_id, epoch, branch, seq, claimed_redeemable, claimed_qualifying, redeemable, qualifying, cause, found_at_ms)*!
INSERT INTO award_differences (bucket, member_id, business_day, terminal_id, epoch, branch, seq,
  claimed_redeemable, claimed_qualifying, redeemable, qualifying, cause, found_at_ms)
VALUES (:bucket, :member_id, :business_day, :terminal_id, :epoch, :branch, :seq, :claimed_redeemable,
  :claimed_qualifying, :redeemable, :qualifying, :cause, :found_at_ms)
ON CONFLICT (bucket, member_id, business_day, terminal_id, epoch, branch, seq) DO UPDATE
SET claimed_redeemable = excluded.claimed_redeemable, claimed_qualifying = excluded.claimed_qualifying,
  redeemable = excluded.redeemable, qualifying = excluded.qualifying, cause = excluded.cause;

-- name: drop_award_difference(bucket, member_id, business_day, terminal_id, epoch, branch, seq)*!
DELETE FROM award_differences WHERE bucket = :bucket AND member_id = :member_id
  AND business_day = :business_day AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND seq = :seq;

-- name: award_differences_on(business_day)
-- How many awards of a day differ from what each terminal claimed, by cause.
SELECT terminal_id, cause, count(*) FROM award_differences INDEXED BY award_differences_by_day
WHERE business_day = :business_day GROUP BY terminal_id, cause ORDER BY terminal_id, cause;

-- name: holds_of(members)
SELECT holds.member_id, holds.redemption_id, holds.terminal_id, holds.points, holds.until_ms
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN holds ON holds.bucket = wanted.bucket AND holds.member_id = wanted.member_id
ORDER BY holds.bucket, holds.member_id, holds.redemption_id;

-- name: put_hold(bucket, member_id, redemption_id, terminal_id, points, until_ms)!
INSERT INTO holds (bucket, member_id, redemption_id, terminal_id, points, until_ms)
VALUES (:bucket, :member_id, :redemption_id, :terminal_id, :points, :until_ms)
ON CONFLICT (bucket, member_id, redemption_id) DO UPDATE
SET terminal_id = excluded.terminal_id, points = excluded.points, until_ms = excluded.until_ms;

-- name: drop_hold(bucket, member_id, redemption_id)*!
DELETE FROM holds WHERE bucket = :bucket AND member_id = :member_id AND redemption_id = :redemption_id;

-- name: lapsed_holds(now_ms, count)
SELECT member_id, redemption_id FROM holds WHERE until_ms <= :now_ms ORDER BY until_ms LIMIT :count;

-- name: balance(bucket, member_id)^
SELECT CAST(coalesce(sum(redeemable), 0) AS BIGINT) FROM totals WHERE bucket = :bucket AND member_id = :member_id;
