-- name: buckets_to_tell(cursors, audience)
-- Where an audience has not heard everything yet.
SELECT heard.bucket FROM ROWS(:cursors, bucket INTEGER, change_no INTEGER) AS heard
WHERE EXISTS (SELECT 1 FROM changes WHERE changes.bucket = heard.bucket AND changes.audience = :audience
  AND changes.change_no > heard.change_no)
ORDER BY heard.bucket;

-- name: changed_members(bucket, cursor, audience, count)
-- What an audience has not heard yet of a bucket.
SELECT changes.change_no, changes.member_id, members.name, members.birthday, members.erased
FROM changes
JOIN members ON members.bucket = changes.bucket AND members.member_id = changes.member_id
WHERE changes.bucket = :bucket AND changes.audience = :audience AND changes.change_no > :cursor
ORDER BY changes.change_no
LIMIT :count;

-- name: stamps_of_terminal(members, terminal_id)
-- How far each journal of a terminal is posted.
SELECT stamps.member_id, stamps.epoch, stamps.branch, stamps.seq
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN stamps ON stamps.bucket = wanted.bucket AND stamps.member_id = wanted.member_id
  AND stamps.terminal_id = :terminal_id;

-- name: totals_of_members(members)
SELECT totals.member_id, totals.period_id, totals.redeemable, totals.qualifying, totals.credited
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN totals ON totals.bucket = wanted.bucket AND totals.member_id = wanted.member_id
ORDER BY totals.bucket, totals.member_id, totals.period_id;

-- name: coupons_of(members)
SELECT coupons.member_id, coupons.coupon_id, coupons.until_day, coupons.envelope
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN coupons ON coupons.bucket = wanted.bucket AND coupons.member_id = wanted.member_id
ORDER BY coupons.bucket, coupons.member_id, coupons.until_day, coupons.coupon_id;

-- name: look_ups_of(members)
SELECT member_look_ups.member_id, member_look_ups.look_up
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN member_look_ups ON member_look_ups.bucket = wanted.bucket
  AND member_look_ups.member_id = wanted.member_id;

-- name: member(bucket, member_id)^
SELECT member_id, name, phone, joined_on, home_store, birthday, erased FROM members
WHERE bucket = :bucket AND member_id = :member_id;

-- name: totals_of(bucket, member_id)
SELECT period_id, redeemable, qualifying, credited FROM totals
WHERE bucket = :bucket AND member_id = :member_id ORDER BY period_id;

-- name: entries_of(bucket, member_id)
WITH RECURSIVE spans (span) AS (
  SELECT min(span) FROM entries WHERE bucket = :bucket
  UNION ALL
  SELECT (SELECT min(entries.span) FROM entries WHERE entries.bucket = :bucket AND entries.span > spans.span)
  FROM spans WHERE spans.span IS NOT NULL
)
SELECT member_id, earned_day, terminal_id, epoch, branch, seq, kind, corrects, business_day, period_id,
  redeemable, qualifying, programme_version, rule, steps, entry_no, posted_at_ms
FROM spans CROSS JOIN entries
  ON entries.bucket = :bucket AND entries.span = spans.span AND entries.member_id = :member_id
ORDER BY entry_no;

-- name: spans(bucket)
-- Of which spans of 32 days there are facts in a bucket, in order.
WITH RECURSIVE spans (span) AS (
  SELECT min(span) FROM member_receipts WHERE bucket = :bucket
  UNION ALL
  SELECT (SELECT min(member_receipts.span) FROM member_receipts WHERE member_receipts.bucket = :bucket AND member_receipts.span > spans.span)
  FROM spans WHERE spans.span IS NOT NULL
)
SELECT span FROM spans WHERE span IS NOT NULL ORDER BY span;

-- name: receipts_of(bucket, span, member_id)
-- The member's receipts and visits of a span as they stand.
SELECT business_day, receipt_id, resolved FROM member_receipts
WHERE bucket = :bucket AND span = :span AND member_id = :member_id AND resolved IS NOT NULL
ORDER BY business_day;

-- name: members_named(members)
SELECT members.member_id, members.name, members.phone, members.joined_on, members.home_store, members.birthday,
  members.erased
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN members ON members.bucket = wanted.bucket AND members.member_id = wanted.member_id;

-- name: anybody_erased()^
SELECT 1 FROM members WHERE erased = 1 LIMIT 1;

-- name: put_members(bucket, member_id, name, phone, joined_on, home_store, birthday)*!
INSERT INTO members (bucket, member_id, name, phone, joined_on, home_store, birthday)
VALUES (:bucket, :member_id, :name, :phone, :joined_on, :home_store, :birthday)
ON CONFLICT (bucket, member_id) DO UPDATE
SET name = excluded.name, phone = excluded.phone, joined_on = excluded.joined_on,
  home_store = excluded.home_store, birthday = excluded.birthday;

-- name: add_look_up(bucket, look_up, member_id)!
INSERT INTO look_ups (bucket, look_up, member_id) VALUES (:bucket, :look_up, :member_id)
ON CONFLICT (bucket, look_up) DO NOTHING;

-- name: add_look_ups(bucket, look_up, member_id)*!
INSERT INTO look_ups (bucket, look_up, member_id) VALUES (:bucket, :look_up, :member_id);

-- name: add_member_look_ups(bucket, member_id, look_up)*!
INSERT INTO member_look_ups (bucket, member_id, look_up) VALUES (:bucket, :member_id, :look_up)
ON CONFLICT (bucket, member_id, look_up) DO NOTHING;

-- name: add_member_look_up(bucket, member_id, look_up)!
INSERT INTO member_look_ups (bucket, member_id, look_up) VALUES (:bucket, :member_id, :look_up)
ON CONFLICT (bucket, member_id, look_up) DO NOTHING;

-- name: phone_look_ups(bucket)
SELECT look_up, member_id FROM look_ups
WHERE bucket = :bucket AND look_up >= 'phone:' AND look_up < 'phone;' ORDER BY look_up;

-- name: present_count()^
-- How many members there are who count alone or for others, and were not erased.
SELECT count(*) FROM members
WHERE erased = 0 AND NOT EXISTS (SELECT 1 FROM merges WHERE merges.bucket = members.bucket
  AND merges.member_id = members.member_id);

-- name: totals_by_points(period_id)
-- How many of them stand at each total of a period.
SELECT totals.qualifying, count(*) FROM totals
JOIN members ON members.bucket = totals.bucket AND members.member_id = totals.member_id AND members.erased = 0
WHERE totals.period_id = :period_id AND NOT EXISTS (SELECT 1 FROM merges
  WHERE merges.bucket = totals.bucket AND merges.member_id = totals.member_id)
GROUP BY totals.qualifying ORDER BY totals.qualifying;

-- name: members_without_total(period_id, count)
SELECT members.member_id FROM members
WHERE members.erased = 0 AND NOT EXISTS (SELECT 1 FROM totals WHERE totals.bucket = members.bucket
  AND totals.member_id = members.member_id AND totals.period_id = :period_id)
  AND NOT EXISTS (SELECT 1 FROM merges WHERE merges.bucket = members.bucket
  AND merges.member_id = members.member_id)
ORDER BY members.member_id LIMIT :count;

-- name: members_between(period_id, low, high, count)
-- Those of them whose total of a period lies in a range, the nearest to its upper end first.
SELECT totals.member_id, totals.qualifying FROM totals
JOIN members ON members.bucket = totals.bucket AND members.member_id = totals.member_id AND members.erased = 0
WHERE totals.period_id = :period_id AND totals.qualifying BETWEEN :low AND :high
  AND NOT EXISTS (SELECT 1 FROM merges
  WHERE merges.bucket = totals.bucket AND merges.member_id = totals.member_id)
ORDER BY totals.qualifying DESC, totals.member_id LIMIT :count;

-- name: member_count()^
SELECT count(*) FROM members;
