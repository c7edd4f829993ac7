-- name: closed_buckets(period_id)^
SELECT count(*) FROM bucket_closes WHERE period_id = :period_id;

-- name: total_of(bucket, member_id, period_id)^
SELECT qualifying FROM totals WHERE bucket = :bucket AND member_id = :member_id AND period_id = :period_id;

-- name: count_between(period_id, low, high)^
-- How many who count alone or for others, and were not erased, stand in a range of a period's totals; none is 0.
SELECT count(*)
FROM members
LEFT JOIN totals ON totals.bucket = members.bucket AND totals.member_id = members.member_id
  AND totals.period_id = :period_id
WHERE members.erased = 0 AND coalesce(totals.qualifying, 0) BETWEEN :low AND :high
  AND NOT EXISTS (SELECT 1 FROM merges
  WHERE merges.bucket = members.bucket AND merges.member_id = members.member_id);

-- name: standing_between(period_id, low, high, count)
-- Those of them with their total and home store, the nearest to the range's upper end first.
SELECT members.member_id, coalesce(totals.qualifying, 0), members.home_store
FROM members
LEFT JOIN totals ON totals.bucket = members.bucket AND totals.member_id = members.member_id
  AND totals.period_id = :period_id
WHERE members.erased = 0 AND coalesce(totals.qualifying, 0) BETWEEN :low AND :high
  AND NOT EXISTS (SELECT 1 FROM merges
  WHERE merges.bucket = members.bucket AND merges.member_id = members.member_id)
ORDER BY coalesce(totals.qualifying, 0) DESC, members.member_id LIMIT :count;

-- name: last_day_there(bucket, member_id)^
-- The last business day on which a receipt or visit of a member stands.
WITH RECURSIVE spans (span) AS (
  SELECT max(span) FROM member_receipts WHERE bucket = :bucket
  UNION ALL
  SELECT (SELECT max(member_receipts.span) FROM member_receipts
    WHERE member_receipts.bucket = :bucket AND member_receipts.span < spans.span)
  FROM spans WHERE spans.span IS NOT NULL
)
SELECT max(member_receipts.business_day)
FROM spans CROSS JOIN member_receipts
  ON member_receipts.bucket = :bucket AND member_receipts.span = spans.span
  AND member_receipts.member_id = :member_id
WHERE member_receipts.resolved IS NOT NULL AND member_receipts.account = 0;

-- name: cover(bucket, decision, member_id, period_id, tier, qualifying, missing, home_store)*!
INSERT INTO covered (bucket, decision, member_id, period_id, tier, qualifying, missing, home_store, outcome)
VALUES (:bucket, :decision, :member_id, :period_id, :tier, :qualifying, :missing, :home_store, 'waiting');

-- name: covered_by(decision, count)
-- Whom a ruling covers, who lacks least first.
SELECT member_id, qualifying, missing, home_store, outcome FROM covered
WHERE decision = :decision ORDER BY missing, member_id LIMIT :count;

-- name: covered_outcomes(decision)
SELECT outcome, count(*) FROM covered WHERE decision = :decision GROUP BY outcome ORDER BY outcome;

-- name: covered_in_period(period_id)
-- Who is granted a tier for a period, or proposed for one.
SELECT member_id, decision, tier, outcome FROM covered
WHERE period_id = :period_id AND (outcome = 'waiting' OR outcome = 'granted')
ORDER BY decision, member_id;

-- name: covered_count(period_id)^
SELECT count(*) FROM covered WHERE period_id = :period_id AND (outcome = 'waiting' OR outcome = 'granted');

-- name: rulings_waiting()
SELECT DISTINCT decision FROM covered WHERE outcome = 'waiting' ORDER BY decision;

-- name: next_waiting(decision)^
SELECT bucket FROM covered WHERE decision = :decision AND outcome = 'waiting' ORDER BY bucket LIMIT 1;

-- name: waiting_in(bucket, decision)
SELECT member_id FROM covered
WHERE bucket = :bucket AND decision = :decision AND outcome = 'waiting' ORDER BY member_id;

-- name: rule_covered(bucket, decision, member_id, outcome)*!
UPDATE covered SET outcome = :outcome
WHERE bucket = :bucket AND decision = :decision AND member_id = :member_id;

-- name: refuse_covered(decision)!
UPDATE covered SET outcome = 'refused' WHERE decision = :decision AND outcome = 'waiting';

-- name: granted_figures(period_id)
SELECT decision, home_store, missing, count(*) FROM covered
WHERE period_id = :period_id AND outcome = 'granted'
GROUP BY decision, home_store, missing ORDER BY decision, home_store, missing;

-- name: add_grant(bucket, member_id, decision, period_id, tier, from_day, until_day, granted_at_ms)!
INSERT INTO grants (bucket, member_id, decision, period_id, tier, from_day, until_day, granted_at_ms)
VALUES (:bucket, :member_id, :decision, :period_id, :tier, :from_day, :until_day, :granted_at_ms);

-- name: granted_gap(period_id, tier)^
SELECT max(missing) FROM covered WHERE period_id = :period_id AND outcome = 'granted' AND tier = :tier;

-- name: covered_in_order(bucket)
-- Whom rulings cover, and what of the grant that each was given.
SELECT covered.decision, covered.member_id, covered.period_id, covered.tier, covered.outcome, grants.period_id,
  grants.tier, grants.until_day
FROM covered
LEFT JOIN grants ON grants.bucket = covered.bucket AND grants.member_id = covered.member_id
  AND grants.decision = covered.decision
WHERE covered.bucket = :bucket
ORDER BY covered.decision, covered.member_id;

-- name: grant_counts()^
-- How many grants stand, and how many members rulings say were granted one.
SELECT (SELECT count(*) FROM grants), (SELECT count(*) FROM covered WHERE outcome = 'granted');
