-- The closes of periods, and what tiers give besides points.

-- A period whose close was decided: its buckets are closed one after another (bucket_closes), then closed_at_ms is set.
-- programme_version is that of the period's last day when it was decided: its ladder and policy hold for all buckets.
CREATE TABLE closes (
  period_id TEXT NOT NULL PRIMARY KEY,
  decision INTEGER NOT NULL CHECK (decision >= 1),
  programme_version INTEGER NOT NULL,
  begun_at_ms INTEGER NOT NULL,
  closed_at_ms INTEGER
) STRICT;

CREATE TRIGGER close_is_never_changed BEFORE UPDATE ON closes
WHEN OLD.closed_at_ms IS NOT NULL OR NEW.period_id <> OLD.period_id OR NEW.decision <> OLD.decision
  OR NEW.programme_version <> OLD.programme_version OR NEW.begun_at_ms <> OLD.begun_at_ms
BEGIN SELECT RAISE(ABORT, 'a close is never changed'); END;

CREATE TRIGGER close_is_never_deleted BEFORE DELETE ON closes
BEGIN SELECT RAISE(ABORT, 'a close is never deleted'); END;

CREATE TRIGGER close_is_never_replaced BEFORE INSERT ON closes
WHEN EXISTS (SELECT 1 FROM closes WHERE period_id = NEW.period_id)
BEGIN SELECT RAISE(ABORT, 'a close is never replaced'); END;

-- How many members of a bucket a close moved up, down, and not at all.
ALTER TABLE bucket_closes ADD COLUMN upgrades INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bucket_closes ADD COLUMN downgrades INTEGER NOT NULL DEFAULT 0;
ALTER TABLE bucket_closes ADD COLUMN renewals INTEGER NOT NULL DEFAULT 0;

-- The first of the month from whose entries members of the bucket were last moved up between closes, and the business day
-- through which what tiers give is issued.
ALTER TABLE buckets ADD COLUMN upgraded_on INTEGER NOT NULL DEFAULT 0;
ALTER TABLE buckets ADD COLUMN given_through INTEGER NOT NULL DEFAULT 0;

-- What a tier gave a member for a validity period (its id): each benefit once. benefit is its kind and what it is:
-- 'gift:' and its names as JSON, or 'coupon:' and the reward. benefit_no is the bucket's change number at the time.
-- A gift is handed out once.
CREATE TABLE benefits (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  validity TEXT NOT NULL,
  benefit TEXT NOT NULL,
  benefit_no INTEGER NOT NULL CHECK (benefit_no >= 1),
  kind TEXT NOT NULL CHECK (kind = 'gift' OR kind = 'coupon'),
  tier TEXT NOT NULL,
  programme_version INTEGER NOT NULL,
  issued_at_ms INTEGER NOT NULL,
  handed_at_ms INTEGER,
  handed_by TEXT,
  PRIMARY KEY (bucket, member_id, validity, benefit),
  CHECK ((handed_at_ms IS NULL) = (handed_by IS NULL)),
  CHECK (handed_at_ms IS NULL OR kind = 'gift')
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX benefits_by_number ON benefits (bucket, benefit_no);

CREATE TRIGGER benefit_is_never_changed BEFORE UPDATE ON benefits
WHEN OLD.handed_at_ms IS NOT NULL OR NEW.bucket <> OLD.bucket OR NEW.member_id <> OLD.member_id
  OR NEW.validity <> OLD.validity OR NEW.benefit <> OLD.benefit OR NEW.benefit_no <> OLD.benefit_no
  OR NEW.kind <> OLD.kind OR NEW.tier <> OLD.tier OR NEW.programme_version <> OLD.programme_version
  OR NEW.issued_at_ms <> OLD.issued_at_ms
BEGIN SELECT RAISE(ABORT, 'what a tier gave is never changed'); END;

CREATE TRIGGER benefit_is_never_deleted BEFORE DELETE ON benefits
BEGIN SELECT RAISE(ABORT, 'what a tier gave is never deleted'); END;
