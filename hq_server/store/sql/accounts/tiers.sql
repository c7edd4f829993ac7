-- name: assessments_of(members)
SELECT assessments.member_id, assessments.assessment_no, assessments.period_id, assessments.cause, assessments.kind,
  assessments.held, assessments.tier, assessments.qualifying, assessments.programme_version,
  assessments.start_day, assessments.from_day, assessments.decision, assessments.posted_at_ms
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN assessments ON assessments.bucket = wanted.bucket AND assessments.member_id = wanted.member_id
ORDER BY assessments.bucket, assessments.member_id, assessments.assessment_no;

-- name: grants_of(members)
SELECT grants.member_id, grants.decision, grants.period_id, grants.tier, grants.from_day, grants.until_day,
  grants.granted_at_ms
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN grants ON grants.bucket = wanted.bucket AND grants.member_id = wanted.member_id
ORDER BY grants.bucket, grants.member_id, grants.decision;

-- name: add_assessment(bucket, member_id, assessment_no, period_id, cause, kind, held, tier, qualifying, programme_version, start_day, from_day, decision, posted_at_ms)*!
INSERT INTO assessments (bucket, member_id, assessment_no, period_id, cause, kind, held, tier, qualifying,
  programme_version, start_day, from_day, decision, posted_at_ms)
VALUES (:bucket, :member_id, :assessment_no, :period_id, :cause, :kind, :held, :tier, :qualifying,
  :programme_version, :start_day, :from_day, :decision, :posted_at_ms);

-- name: mark_member_days_from(bucket, member_id, business_day)!
-- Days of a member from this date on are to be derived again: few, where a clock or a zone was ahead.
INSERT INTO dirty_days (bucket, member_id, business_day)
WITH RECURSIVE spans (span) AS (
  SELECT min(span) FROM member_receipts WHERE bucket = :bucket AND span >= CAST(:business_day AS BIGINT) / 32
  UNION ALL
  SELECT (SELECT min(member_receipts.span) FROM member_receipts
    WHERE member_receipts.bucket = :bucket AND member_receipts.span > spans.span)
  FROM spans WHERE spans.span IS NOT NULL
)
SELECT DISTINCT member_receipts.bucket, member_receipts.member_id, member_receipts.business_day
FROM spans CROSS JOIN member_receipts ON member_receipts.bucket = :bucket AND member_receipts.span = spans.span
  AND member_receipts.member_id = :member_id AND member_receipts.business_day >= :business_day
WHERE true
ON CONFLICT (bucket, member_id, business_day) DO NOTHING;

-- name: mark_bucket_days_from(bucket, business_day)!
-- Days of all members of a bucket from this date on are to be derived again.
INSERT INTO dirty_days (bucket, member_id, business_day)
SELECT DISTINCT member_receipts.bucket, member_receipts.member_id, member_receipts.business_day
FROM member_receipts
WHERE member_receipts.bucket = :bucket AND member_receipts.span >= CAST(:business_day AS BIGINT) / 32
  AND member_receipts.business_day >= :business_day
ON CONFLICT (bucket, member_id, business_day) DO NOTHING;

-- name: assessed_members(bucket)
SELECT DISTINCT member_id FROM assessments WHERE bucket = :bucket ORDER BY member_id;
