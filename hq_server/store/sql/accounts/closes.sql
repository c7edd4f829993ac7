-- name: bucket_closes_of(period_id)^
-- How many buckets have closed a period, and how many of their members went up, down, and not at all.
SELECT count(*), CAST(coalesce(sum(upgrades), 0) AS BIGINT), CAST(coalesce(sum(downgrades), 0) AS BIGINT),
  CAST(coalesce(sum(renewals), 0) AS BIGINT)
FROM bucket_closes WHERE period_id = :period_id;

-- name: unclosed_before(period_id)^
-- The last period before this one in which anybody stands with points.
SELECT max(period_id) FROM totals WHERE period_id < :period_id AND (redeemable <> 0 OR qualifying <> 0);

-- name: dirty_dated()^
-- A member-day that waits because the rules of its date changed.
SELECT 1 FROM dirty_days WHERE business_day > 0 LIMIT 1;

-- name: buckets_to_close(period_id)
SELECT buckets.bucket FROM buckets WHERE NOT EXISTS (SELECT 1 FROM bucket_closes
  WHERE bucket_closes.bucket = buckets.bucket AND bucket_closes.period_id = :period_id)
ORDER BY buckets.bucket;

-- name: close_bucket(bucket, period_id, entry_no, upgrades, downgrades, renewals)!
INSERT INTO bucket_closes (bucket, period_id, entry_no, upgrades, downgrades, renewals)
VALUES (:bucket, :period_id, :entry_no, :upgrades, :downgrades, :renewals);

-- name: cases(bucket, period_id, day)
-- The distinct cases of a bucket, and how many members each has: the qualifying points of a period, 0 for none, and the
-- tier that was assessed for a day, '' for none. Members who are there, stand for nobody else, and were never granted one.
SELECT standing.qualifying, standing.assessed, count(*)
FROM (
  SELECT coalesce(totals.qualifying, 0) AS qualifying, coalesce((
      SELECT assessments.tier FROM assessments
      WHERE assessments.bucket = members.bucket AND assessments.member_id = members.member_id
        AND assessments.from_day <= :day
      ORDER BY assessments.assessment_no DESC LIMIT 1), '') AS assessed
  FROM members
  LEFT JOIN totals ON totals.bucket = members.bucket AND totals.member_id = members.member_id
    AND totals.period_id = :period_id
  WHERE members.bucket = :bucket AND members.erased = 0
    AND NOT EXISTS (SELECT 1 FROM merges WHERE merges.bucket = members.bucket
      AND merges.member_id = members.member_id)
    AND NOT EXISTS (SELECT 1 FROM merged WHERE merged.bucket = members.bucket
      AND merged.member_id = members.member_id)
    AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.bucket = members.bucket
      AND grants.member_id = members.member_id)
) AS standing
GROUP BY standing.qualifying, standing.assessed
ORDER BY standing.qualifying, standing.assessed;

-- name: assess_cases(bucket, period_id, day, outcomes, assessment_no, programme_version, start_day, decision, posted_at_ms)!
-- To each of them what was decided of the member's case. Both sides are worked out first: PostgreSQL would else look up
-- what a member was assessed for once for every case.
INSERT INTO assessments (bucket, member_id, assessment_no, period_id, cause, kind, held, tier, qualifying,
  programme_version, start_day, from_day, decision, posted_at_ms)
WITH decided AS MATERIALIZED (
  SELECT given.qualifying, given.assessed, given.held, given.tier, given.kind, given.from_day
  FROM ROWS(:outcomes, qualifying INTEGER, assessed TEXT, held TEXT, tier TEXT, kind TEXT, from_day INTEGER) AS given
), standing AS MATERIALIZED (
  SELECT members.bucket AS bucket, members.member_id AS member_id,
    coalesce(totals.qualifying, 0) AS qualifying, coalesce((
      SELECT assessments.tier FROM assessments
      WHERE assessments.bucket = members.bucket AND assessments.member_id = members.member_id
        AND assessments.from_day <= :day
      ORDER BY assessments.assessment_no DESC LIMIT 1), '') AS assessed
  FROM members
  LEFT JOIN totals ON totals.bucket = members.bucket AND totals.member_id = members.member_id
    AND totals.period_id = :period_id
  WHERE members.bucket = :bucket AND members.erased = 0
    AND NOT EXISTS (SELECT 1 FROM merges WHERE merges.bucket = members.bucket
      AND merges.member_id = members.member_id)
    AND NOT EXISTS (SELECT 1 FROM merged WHERE merged.bucket = members.bucket
      AND merged.member_id = members.member_id)
    AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.bucket = members.bucket
      AND grants.member_id = members.member_id)
)
SELECT standing.bucket, standing.member_id, CAST(:assessment_no AS BIGINT), :period_id, 'close', decided.kind,
  decided.held, decided.tier, standing.qualifying, CAST(:programme_version AS BIGINT),
  CAST(:start_day AS BIGINT), decided.from_day, CAST(:decision AS BIGINT), CAST(:posted_at_ms AS BIGINT)
FROM standing
JOIN decided
  ON decided.qualifying = standing.qualifying AND decided.assessed = standing.assessed
ORDER BY standing.member_id;

-- name: standings_singly(bucket, period_id)
-- The others: who stands for several, or was granted a tier.
SELECT members.member_id, coalesce(totals.qualifying, 0)
FROM members
LEFT JOIN totals ON totals.bucket = members.bucket AND totals.member_id = members.member_id
  AND totals.period_id = :period_id
WHERE members.bucket = :bucket AND members.erased = 0
  AND NOT EXISTS (SELECT 1 FROM merges WHERE merges.bucket = members.bucket
    AND merges.member_id = members.member_id)
  AND (members.member_id IN (SELECT merged.member_id FROM merged WHERE merged.bucket = :bucket)
    OR members.member_id IN (SELECT grants.member_id FROM grants WHERE grants.bucket = :bucket))
ORDER BY members.member_id;

-- name: tell_assessed(bucket, assessment_no)!
-- Everyone who hears of these members, until when the tier of each holds. Each has a number of its own, after the rows'.
UPDATE changes SET change_no = CAST(:assessment_no AS BIGINT) + told.place
FROM (
  SELECT assessments.member_id AS member_id, row_number() OVER (ORDER BY assessments.member_id) AS place
  FROM assessments
  WHERE assessments.bucket = :bucket AND assessments.assessment_no = :assessment_no
) AS told
WHERE changes.bucket = :bucket AND changes.member_id = told.member_id;

-- name: least_upgraded()^
SELECT min(upgraded_on) FROM buckets;

-- name: buckets_to_upgrade(month_day)
SELECT bucket FROM buckets WHERE upgraded_on < :month_day ORDER BY bucket;

-- name: set_upgraded_on(bucket, month_day)!
UPDATE buckets SET upgraded_on = :month_day WHERE bucket = :bucket;

-- name: to_upgrade(bucket, period_id, month_day, first_day, ladder, next_start)
-- Members of a bucket who are there and count alone or for others, whose points of a period from entries dated before a
-- month earn more than the tier assessed for a day, or more than what is assessed for later. ladder has the start of the
-- tier above each, next_start that of the lowest.
WITH steps AS MATERIALIZED (
  SELECT given.code, given.next_start FROM ROWS(:ladder, code TEXT, next_start INTEGER) AS given
)
SELECT standing.member_id, standing.qualifying
FROM (
  SELECT members.bucket AS bucket, members.member_id AS member_id,
    coalesce(totals.qualifying, 0) - coalesce(later.qualifying, 0) AS qualifying, coalesce((
      SELECT assessments.tier FROM assessments
      WHERE assessments.bucket = members.bucket AND assessments.member_id = members.member_id
        AND assessments.from_day <= :first_day
      ORDER BY assessments.assessment_no DESC LIMIT 1), '') AS assessed
  FROM members
  LEFT JOIN totals ON totals.bucket = members.bucket AND totals.member_id = members.member_id
    AND totals.period_id = :period_id
  LEFT JOIN (
    SELECT entries.member_id AS member_id, CAST(sum(entries.qualifying) AS BIGINT) AS qualifying
    FROM entries
    WHERE entries.bucket = :bucket AND entries.period_id = :period_id AND entries.business_day >= :month_day
    GROUP BY entries.member_id
  ) AS later ON later.member_id = members.member_id
  WHERE members.bucket = :bucket AND members.erased = 0
    AND NOT EXISTS (SELECT 1 FROM merges WHERE merges.bucket = members.bucket
      AND merges.member_id = members.member_id)
) AS standing
LEFT JOIN steps ON steps.code = standing.assessed
WHERE standing.qualifying >= coalesce(steps.next_start, CAST(:next_start AS BIGINT))
  OR (standing.qualifying >= CAST(:next_start AS BIGINT) AND EXISTS (SELECT 1 FROM assessments
    WHERE assessments.bucket = standing.bucket AND assessments.member_id = standing.member_id
      AND assessments.from_day > :first_day))
ORDER BY standing.member_id;

-- name: least_given()^
SELECT min(given_through) FROM buckets;

-- name: buckets_to_give(today)
SELECT bucket, given_through FROM buckets WHERE given_through < :today ORDER BY bucket;

-- name: set_given_through(bucket, today)!
UPDATE buckets SET given_through = :today WHERE bucket = :bucket;

-- name: begun_tiers(bucket, through, today)
-- The assessments of members who are there, who stand alone and were never granted a tier, that begin to hold after one
-- day and up to another; not those in whose place another one, posted later, holds from the same day or earlier.
SELECT assessments.member_id, assessments.period_id, assessments.cause, assessments.tier, assessments.from_day
FROM assessments
JOIN members ON members.bucket = assessments.bucket AND members.member_id = assessments.member_id
  AND members.erased = 0
WHERE assessments.bucket = :bucket AND assessments.from_day > :through AND assessments.from_day <= :today
  AND NOT EXISTS (SELECT 1 FROM merges WHERE merges.bucket = assessments.bucket
    AND merges.member_id = assessments.member_id)
  AND NOT EXISTS (SELECT 1 FROM merged WHERE merged.bucket = assessments.bucket
    AND merged.member_id = assessments.member_id)
  AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.bucket = assessments.bucket
    AND grants.member_id = assessments.member_id)
  AND NOT EXISTS (SELECT 1 FROM assessments AS later WHERE later.bucket = assessments.bucket
    AND later.member_id = assessments.member_id AND later.assessment_no > assessments.assessment_no
    AND later.from_day <= assessments.from_day)
ORDER BY assessments.member_id, assessments.assessment_no;

-- name: to_give_singly(bucket)
-- The other members who are there: of several who count as one, or granted a tier.
SELECT members.member_id
FROM members
WHERE members.bucket = :bucket AND members.erased = 0
  AND (members.member_id IN (SELECT merges.member_id FROM merges WHERE merges.bucket = :bucket)
    OR members.member_id IN (SELECT merged.member_id FROM merged WHERE merged.bucket = :bucket)
    OR members.member_id IN (SELECT grants.member_id FROM grants WHERE grants.bucket = :bucket))
ORDER BY members.member_id;

-- name: benefits_at(keys)
-- Which of these were issued already.
SELECT benefits.member_id, benefits.validity, benefits.benefit
FROM ROWS(:keys, bucket INTEGER, member_id TEXT, validity TEXT, benefit TEXT) AS wanted
CROSS JOIN benefits ON benefits.bucket = wanted.bucket AND benefits.member_id = wanted.member_id
  AND benefits.validity = wanted.validity AND benefits.benefit = wanted.benefit;

-- name: add_benefit(bucket, member_id, validity, benefit, benefit_no, kind, tier, programme_version, issued_at_ms)*!
INSERT INTO benefits (bucket, member_id, validity, benefit, benefit_no, kind, tier, programme_version, issued_at_ms)
VALUES (:bucket, :member_id, :validity, :benefit, :benefit_no, :kind, :tier, :programme_version, :issued_at_ms);

-- name: benefit_numbered(bucket, benefit_no)^
SELECT member_id, validity, benefit, kind, tier, issued_at_ms, handed_at_ms, handed_by FROM benefits
WHERE bucket = :bucket AND benefit_no = :benefit_no;

-- name: hand_over(bucket, benefit_no, handed_at_ms, handed_by)!
UPDATE benefits SET handed_at_ms = :handed_at_ms, handed_by = :handed_by
WHERE bucket = :bucket AND benefit_no = :benefit_no AND kind = 'gift' AND handed_at_ms IS NULL;

-- name: gifts(after_bucket, after_no, waiting, count)
-- Gifts in the order of their numbers, bucket by bucket; waiting = 1 asks for those alone that are not handed out, and
-- whose member is there.
SELECT bucket, benefit_no, member_id, validity, benefit, tier, issued_at_ms, handed_at_ms, handed_by FROM benefits
WHERE (bucket, benefit_no) > (:after_bucket, :after_no) AND kind = 'gift'
  AND (:waiting = 0 OR (handed_at_ms IS NULL AND NOT EXISTS (SELECT 1 FROM members
    WHERE members.bucket = benefits.bucket AND members.member_id = benefits.member_id AND members.erased = 1)))
ORDER BY bucket, benefit_no LIMIT :count;

-- name: gifts_of(members)
SELECT benefits.bucket, benefits.benefit_no, benefits.member_id, benefits.validity, benefits.benefit, benefits.tier,
  benefits.issued_at_ms, benefits.handed_at_ms, benefits.handed_by
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN benefits ON benefits.bucket = wanted.bucket AND benefits.member_id = wanted.member_id
WHERE benefits.kind = 'gift'
ORDER BY benefits.bucket, benefits.benefit_no;

-- name: benefits_in_order(bucket)
-- What tiers gave in a bucket, with the coupon where one belongs to it.
SELECT benefits.member_id, benefits.validity, benefits.benefit, benefits.benefit_no, benefits.kind, benefits.tier,
  benefits.programme_version, coupons.envelope
FROM benefits
LEFT JOIN coupons ON coupons.bucket = benefits.bucket AND coupons.member_id = benefits.member_id
  AND coupons.coupon_id = 'B' || CAST(benefits.bucket AS TEXT) || '.' || CAST(benefits.benefit_no AS TEXT)
WHERE benefits.bucket = :bucket
ORDER BY benefits.member_id, benefits.benefit_no;

-- name: coupons_of_tiers()^
SELECT count(*) FROM benefits WHERE kind = 'coupon';
