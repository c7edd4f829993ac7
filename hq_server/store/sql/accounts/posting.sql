-- name: add_bucket(bucket)*!
INSERT INTO buckets (bucket, change_no) VALUES (:bucket, 0);

-- name: lock_buckets(buckets)
-- The first thing a posting does with its buckets, in order, so that two never wait for each other.
SELECT bucket, change_no, expired_through, fed, told_as FROM buckets
WHERE bucket IN (SELECT bucket FROM ROWS(:buckets, bucket INTEGER) AS wanted) ORDER BY bucket
FOR UPDATE;

-- name: set_change_no(bucket, change_no)*!
UPDATE buckets SET change_no = :change_no WHERE bucket = :bucket;

-- name: members_of_references(keys)
SELECT look_ups.look_up, look_ups.member_id
FROM ROWS(:keys, bucket INTEGER, reference TEXT) AS wanted
CROSS JOIN look_ups ON look_ups.bucket = wanted.bucket AND look_ups.look_up = wanted.reference;

-- name: resolved_of_days(days)
SELECT member_receipts.member_id, member_receipts.business_day, member_receipts.receipt_id, member_receipts.version, member_receipts.resolved
FROM ROWS(:days, bucket INTEGER, member_id TEXT, business_day INTEGER) AS wanted
CROSS JOIN member_receipts ON member_receipts.bucket = wanted.bucket AND member_receipts.member_id = wanted.member_id
  AND member_receipts.span = wanted.business_day / 32 AND member_receipts.business_day = wanted.business_day;

-- name: entries_of_days(days)
-- What is posted for these member-days, without the steps.
SELECT entries.member_id, entries.earned_day, entries.terminal_id, entries.epoch, entries.branch, entries.seq, entries.kind,
  entries.corrects, entries.business_day, entries.period_id, entries.redeemable, entries.qualifying,
  entries.programme_version, entries.rule
FROM ROWS(:days, bucket INTEGER, member_id TEXT, business_day INTEGER) AS wanted
CROSS JOIN entries ON entries.bucket = wanted.bucket AND entries.member_id = wanted.member_id
  AND entries.span = wanted.business_day / 32 AND entries.earned_day = wanted.business_day
ORDER BY entries.bucket, entries.member_id, entries.earned_day, entries.entry_no;

-- name: put_resolved(bucket, member_id, business_day, receipt_id, version, resolved, account)*!
-- Of one version the receipt that stands wins over the one that has moved away: both may come to one place.
INSERT INTO member_receipts (bucket, span, member_id, business_day, receipt_id, version, resolved, account)
VALUES (:bucket, CAST(:business_day AS BIGINT) / 32, :member_id, :business_day, :receipt_id, :version, :resolved, :account)
ON CONFLICT (bucket, span, member_id, business_day, receipt_id) DO UPDATE
SET version = excluded.version, resolved = excluded.resolved
WHERE (excluded.version, excluded.resolved IS NOT NULL)
  > (member_receipts.version, member_receipts.resolved IS NOT NULL);

-- name: add_entry(bucket, member_id, earned_day, entry_no, terminal_id, epoch, branch, seq, kind, corrects, business_day, period_id, redeemable, qualifying, programme_version, steps, posted_at_ms, rule)*!
INSERT INTO entries (bucket, span, member_id, earned_day, entry_no, terminal_id, epoch, branch, seq, kind, corrects,
  business_day, period_id, redeemable, qualifying, programme_version, steps, posted_at_ms, rule)
VALUES (:bucket, CAST(:earned_day AS BIGINT) / 32, :member_id, :earned_day, :entry_no, :terminal_id, :epoch, :branch, :seq,
  :kind, :corrects, :business_day, :period_id, :redeemable, :qualifying, :programme_version, :steps,
  :posted_at_ms, :rule);

-- name: add_to_total(bucket, member_id, period_id, redeemable, qualifying, credited)*!
INSERT INTO totals (bucket, member_id, period_id, redeemable, qualifying, credited)
VALUES (:bucket, :member_id, :period_id, :redeemable, :qualifying, :credited)
ON CONFLICT (bucket, member_id, period_id) DO UPDATE
SET redeemable = totals.redeemable + excluded.redeemable, qualifying = totals.qualifying + excluded.qualifying,
  credited = totals.credited + excluded.credited;

-- name: put_stamp(bucket, member_id, terminal_id, epoch, branch, seq)*!
INSERT INTO stamps (bucket, member_id, terminal_id, epoch, branch, seq)
VALUES (:bucket, :member_id, :terminal_id, :epoch, :branch, :seq)
ON CONFLICT (bucket, member_id, terminal_id, epoch, branch) DO UPDATE SET seq = excluded.seq
WHERE excluded.seq > stamps.seq;

-- name: audiences_of(members)
-- Who hears of these members.
SELECT changes.member_id, changes.audience
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN changes ON changes.bucket = wanted.bucket AND changes.member_id = wanted.member_id;

-- name: tell(bucket, member_id, audience, change_no)*!
-- From now on this audience hears of the member; this change is the next it hears of.
INSERT INTO changes (bucket, member_id, audience, change_no)
VALUES (:bucket, :member_id, :audience, :change_no)
ON CONFLICT (bucket, member_id, audience) DO UPDATE SET change_no = excluded.change_no;

-- name: mark_days_from(business_day)!
-- Every member-day from this date on is to be derived again.
INSERT INTO dirty_days (bucket, member_id, business_day)
SELECT member_receipts.bucket, member_receipts.member_id, member_receipts.business_day
FROM buckets CROSS JOIN member_receipts
  ON member_receipts.bucket = buckets.bucket AND member_receipts.span >= CAST(:business_day AS BIGINT) / 32
WHERE member_receipts.business_day >= :business_day
ON CONFLICT (bucket, member_id, business_day) DO NOTHING;

-- name: dirty_days(count)
SELECT member_id, business_day FROM dirty_days ORDER BY bucket, member_id, business_day LIMIT :count;

-- name: days_are_clean(bucket, member_id, business_day)*!
DELETE FROM dirty_days WHERE bucket = :bucket AND member_id = :member_id AND business_day = :business_day;

-- name: members_with_facts(bucket, business_day)
-- Every member of a bucket who has facts, or entries derived from days, from this date on.
SELECT member_id FROM member_receipts
WHERE bucket = :bucket AND span >= CAST(:business_day AS BIGINT) / 32 AND business_day >= :business_day
UNION SELECT member_id FROM entries
WHERE bucket = :bucket AND span >= CAST(:business_day AS BIGINT) / 32 AND earned_day >= :business_day
ORDER BY 1;

-- name: bucket(bucket)^
SELECT expired_through FROM buckets WHERE bucket = :bucket;

-- name: birthday(bucket, member_id)^
SELECT birthday FROM members WHERE bucket = :bucket AND member_id = :member_id;

-- name: expired_through()^
SELECT min(expired_through) FROM buckets;

-- name: buckets_behind(today)
SELECT bucket, expired_through FROM buckets WHERE expired_through < :today ORDER BY bucket;

-- name: set_expired_through(bucket, today)!
UPDATE buckets SET expired_through = :today WHERE bucket = :bucket;

-- name: mark_lots(bucket, periods)!
-- Every account that was given points in these periods is to be derived again as a whole.
INSERT INTO dirty_days (bucket, member_id, business_day)
SELECT DISTINCT bucket, member_id, 0 FROM totals
WHERE bucket = :bucket AND period_id IN (SELECT period_id FROM ROWS(:periods, period_id TEXT) AS wanted)
ON CONFLICT (bucket, member_id, business_day) DO NOTHING;

-- name: dirty_count(most)^
-- How many member-days wait to be derived again, counted up to a bound.
SELECT count(*) FROM (SELECT 1 FROM dirty_days LIMIT :most) AS counted;
