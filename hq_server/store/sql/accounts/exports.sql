-- name: members_page(bucket, member_id, count)
-- The next members of a bucket.
SELECT member_id, name, phone, joined_on, home_store, birthday, erased FROM members
WHERE bucket = :bucket AND member_id > :member_id ORDER BY member_id LIMIT :count;

-- name: entries_page(bucket, span, member_id, earned_day, entry_no, count)
-- The next entries of a bucket, as they lie.
SELECT span, member_id, earned_day, entry_no, terminal_id, epoch, branch, seq, kind, corrects, business_day,
  period_id, redeemable, qualifying, programme_version, rule, posted_at_ms
FROM entries WHERE bucket = :bucket
  AND (span, member_id, earned_day, entry_no) > (:span, :member_id, :earned_day, :entry_no)
ORDER BY span, member_id, earned_day, entry_no LIMIT :count;
