-- Tiers: what closes, monthly upgrades and late events decided, and what was granted as an exception.

-- A tier holds from from_day until a row of a higher number does. assessment_no is the bucket's change number at the
-- time of posting; the rows of one close of a bucket share one. start_day is the first day of the validity, from_day
-- the same or, after the days of grace, later. held is the tier in force on the day before start_day, grants included.
-- decision is the number of the close's decision, 0 for what was decided by itself.
CREATE TABLE assessments (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  assessment_no BIGINT NOT NULL CHECK (assessment_no >= 1),
  period_id TEXT COLLATE "C" NOT NULL,
  cause TEXT COLLATE "C" NOT NULL CHECK (cause = 'close' OR cause = 'monthly' OR cause = 'restatement'),
  kind TEXT COLLATE "C" NOT NULL CHECK (kind = 'upgrade' OR kind = 'downgrade' OR kind = 'renewal'),
  held TEXT COLLATE "C" NOT NULL,
  tier TEXT COLLATE "C" NOT NULL,
  qualifying BIGINT NOT NULL,
  programme_version BIGINT NOT NULL,
  start_day BIGINT NOT NULL,
  from_day BIGINT NOT NULL,
  decision BIGINT NOT NULL CHECK (decision >= 0),
  posted_at_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, member_id, assessment_no),
  CHECK (from_day >= start_day),
  CHECK ((decision > 0) = (cause = 'close'))
);

-- A dated exception by an approved decision, both days inclusive.
CREATE TABLE grants (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  decision BIGINT NOT NULL CHECK (decision >= 1),
  period_id TEXT COLLATE "C" NOT NULL,
  tier TEXT COLLATE "C" NOT NULL,
  from_day BIGINT NOT NULL,
  until_day BIGINT NOT NULL,
  granted_at_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, member_id, decision),
  CHECK (until_day >= from_day)
);

CREATE TRIGGER assessment_is_never_changed BEFORE UPDATE ON assessments
FOR EACH ROW EXECUTE FUNCTION refuse('an assessment is never changed');

CREATE TRIGGER assessment_is_never_deleted BEFORE DELETE ON assessments
FOR EACH ROW EXECUTE FUNCTION refuse('an assessment is never deleted');

CREATE TRIGGER assessment_is_never_truncated BEFORE TRUNCATE ON assessments
FOR EACH STATEMENT EXECUTE FUNCTION refuse('an assessment is never deleted');

CREATE TRIGGER grant_is_never_changed BEFORE UPDATE ON grants
FOR EACH ROW EXECUTE FUNCTION refuse('a grant is never changed');

CREATE TRIGGER grant_is_never_deleted BEFORE DELETE ON grants
FOR EACH ROW EXECUTE FUNCTION refuse('a grant is never deleted');

CREATE TRIGGER grant_is_never_truncated BEFORE TRUNCATE ON grants
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a grant is never deleted');

-- What was frozen by a close stays so.
CREATE TRIGGER bucket_close_is_never_changed BEFORE UPDATE ON bucket_closes
FOR EACH ROW EXECUTE FUNCTION refuse('a close is never changed');

CREATE TRIGGER bucket_close_is_never_deleted BEFORE DELETE ON bucket_closes
FOR EACH ROW EXECUTE FUNCTION refuse('a close is never deleted');

CREATE TRIGGER bucket_close_is_never_truncated BEFORE TRUNCATE ON bucket_closes
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a close is never deleted');

DROP TRIGGER decision_takes_a_second_person_by_its_kind ON decisions;

CREATE TRIGGER decision_takes_a_second_person_by_its_kind BEFORE INSERT ON decisions
FOR EACH ROW WHEN ((NEW.needs_second = 1) <> (NEW.kind IN ('adjustment', 'goodwill', 'erasure', 'grant')))
EXECUTE FUNCTION refuse('its kind says whether a decision takes a second person');
