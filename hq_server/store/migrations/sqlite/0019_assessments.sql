-- Tiers: what closes, monthly upgrades and late events decided, and what was granted as an exception.

-- A tier holds from from_day until a row of a higher number does. assessment_no is the bucket's change number at the
-- time of posting; the rows of one close of a bucket share one. start_day is the first day of the validity, from_day
-- the same or, after the days of grace, later. held is the tier in force on the day before start_day, grants included.
-- decision is the number of the close's decision, 0 for what was decided by itself.
CREATE TABLE assessments (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  assessment_no INTEGER NOT NULL CHECK (assessment_no >= 1),
  period_id TEXT NOT NULL,
  cause TEXT NOT NULL CHECK (cause = 'close' OR cause = 'monthly' OR cause = 'restatement'),
  kind TEXT NOT NULL CHECK (kind = 'upgrade' OR kind = 'downgrade' OR kind = 'renewal'),
  held TEXT NOT NULL,
  tier TEXT NOT NULL,
  qualifying INTEGER NOT NULL,
  programme_version INTEGER NOT NULL,
  start_day INTEGER NOT NULL,
  from_day INTEGER NOT NULL,
  decision INTEGER NOT NULL CHECK (decision >= 0),
  posted_at_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, assessment_no),
  CHECK (from_day >= start_day),
  CHECK ((decision > 0) = (cause = 'close'))
) STRICT, WITHOUT ROWID;

-- A dated exception by an approved decision, both days inclusive.
CREATE TABLE grants (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  decision INTEGER NOT NULL CHECK (decision >= 1),
  period_id TEXT NOT NULL,
  tier TEXT NOT NULL,
  from_day INTEGER NOT NULL,
  until_day INTEGER NOT NULL,
  granted_at_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, decision),
  CHECK (until_day >= from_day)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER assessment_is_never_changed BEFORE UPDATE ON assessments
BEGIN SELECT RAISE(ABORT, 'an assessment is never changed'); END;

CREATE TRIGGER assessment_is_never_deleted BEFORE DELETE ON assessments
BEGIN SELECT RAISE(ABORT, 'an assessment is never deleted'); END;

CREATE TRIGGER grant_is_never_changed BEFORE UPDATE ON grants
BEGIN SELECT RAISE(ABORT, 'a grant is never changed'); END;

CREATE TRIGGER grant_is_never_deleted BEFORE DELETE ON grants
BEGIN SELECT RAISE(ABORT, 'a grant is never deleted'); END;

CREATE TRIGGER grant_is_never_replaced BEFORE INSERT ON grants
WHEN EXISTS (SELECT 1 FROM grants WHERE bucket = NEW.bucket AND member_id = NEW.member_id AND decision = NEW.decision)
BEGIN SELECT RAISE(ABORT, 'a grant is never replaced'); END;

-- What was frozen by a close stays so.
CREATE TRIGGER bucket_close_is_never_changed BEFORE UPDATE ON bucket_closes
BEGIN SELECT RAISE(ABORT, 'a close is never changed'); END;

CREATE TRIGGER bucket_close_is_never_deleted BEFORE DELETE ON bucket_closes
BEGIN SELECT RAISE(ABORT, 'a close is never deleted'); END;

DROP TRIGGER decision_takes_a_second_person_by_its_kind;

CREATE TRIGGER decision_takes_a_second_person_by_its_kind BEFORE INSERT ON decisions
WHEN NEW.needs_second <> (NEW.kind IN ('adjustment', 'goodwill', 'erasure', 'grant'))
BEGIN SELECT RAISE(ABORT, 'its kind says whether a decision takes a second person'); END;
