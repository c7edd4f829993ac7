-- The near-miss desk: appeals with the evidence that was gathered for them, and whom a ruling covers.

-- A member's request to be treated as if a gap were closed. It is open until a decision settles it. words are the
-- member's own, and go when the person is erased.
CREATE TABLE cases (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  member_id TEXT NOT NULL,
  period_id TEXT NOT NULL,
  tier TEXT NOT NULL,
  missing INTEGER NOT NULL CHECK (missing > 0),
  home_store TEXT NOT NULL,
  words TEXT NOT NULL,
  opened_by TEXT NOT NULL CHECK (opened_by <> ''),
  opened_at_ms INTEGER NOT NULL,
  natural_key TEXT,
  state TEXT NOT NULL CHECK (state IN ('open', 'granted', 'refused', 'withdrawn')),
  decision INTEGER,
  CHECK ((state = 'open') = (decision IS NULL))
) STRICT;

CREATE INDEX cases_by_member ON cases (member_id, number);
CREATE INDEX cases_by_period ON cases (period_id, number);
CREATE UNIQUE INDEX cases_by_key ON cases (opened_by, natural_key) WHERE natural_key IS NOT NULL;
CREATE UNIQUE INDEX one_open_case ON cases (member_id, period_id) WHERE state = 'open';

-- The evidence as it was each time it was gathered: at the opening (decision 0), and for each decision on the case.
CREATE TABLE case_evidence (
  number INTEGER NOT NULL,
  decision INTEGER NOT NULL CHECK (decision >= 0),
  evidence TEXT NOT NULL,
  gathered_at_ms INTEGER NOT NULL,
  PRIMARY KEY (number, decision)
) STRICT;

CREATE TRIGGER case_is_settled_once BEFORE UPDATE ON cases
WHEN OLD.state <> 'open' AND (NEW.state <> OLD.state OR NEW.decision <> OLD.decision)
BEGIN SELECT RAISE(ABORT, 'a case is settled once'); END;

CREATE TRIGGER case_is_never_changed BEFORE UPDATE ON cases
WHEN NEW.number <> OLD.number OR NEW.member_id <> OLD.member_id OR NEW.period_id <> OLD.period_id
  OR NEW.tier <> OLD.tier OR NEW.missing <> OLD.missing OR NEW.home_store <> OLD.home_store
  OR NEW.opened_by <> OLD.opened_by OR NEW.opened_at_ms <> OLD.opened_at_ms
  OR NEW.natural_key IS NOT OLD.natural_key OR (NEW.words <> OLD.words AND NEW.words <> '')
BEGIN SELECT RAISE(ABORT, 'of a case only its outcome is added, and the words of who was erased go'); END;

CREATE TRIGGER case_is_never_deleted BEFORE DELETE ON cases
BEGIN SELECT RAISE(ABORT, 'a case is never deleted'); END;

CREATE TRIGGER case_is_never_replaced BEFORE INSERT ON cases
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM cases)
BEGIN SELECT RAISE(ABORT, 'a case is never replaced, and none is left out'); END;

CREATE TRIGGER evidence_is_never_changed BEFORE UPDATE ON case_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never changed'); END;

CREATE TRIGGER evidence_is_never_deleted BEFORE DELETE ON case_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never deleted'); END;

CREATE TRIGGER evidence_is_never_replaced BEFORE INSERT ON case_evidence
WHEN EXISTS (SELECT 1 FROM case_evidence WHERE number = NEW.number AND decision = NEW.decision)
BEGIN SELECT RAISE(ABORT, 'evidence is never replaced'); END;

-- Whom the proposal of a grant covers, as they stood then, and what became of it. waiting: for the second person,
-- or for the posting that follows; refused: by the second person; moot: the tier was held without it by then.
CREATE TABLE covered (
  bucket INTEGER NOT NULL,
  decision INTEGER NOT NULL CHECK (decision >= 1),
  member_id TEXT NOT NULL,
  period_id TEXT NOT NULL,
  tier TEXT NOT NULL,
  qualifying INTEGER NOT NULL,
  missing INTEGER NOT NULL CHECK (missing > 0),
  home_store TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('waiting', 'granted', 'refused', 'moot', 'erased', 'lapsed')),
  PRIMARY KEY (bucket, decision, member_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX covered_by_period ON covered (period_id, outcome);
CREATE INDEX covered_waiting ON covered (decision, bucket) WHERE outcome = 'waiting';

CREATE TRIGGER covered_is_ruled_once BEFORE UPDATE ON covered
WHEN OLD.outcome <> 'waiting' OR NEW.bucket <> OLD.bucket OR NEW.decision <> OLD.decision
  OR NEW.member_id <> OLD.member_id OR NEW.period_id <> OLD.period_id OR NEW.tier <> OLD.tier
  OR NEW.qualifying <> OLD.qualifying OR NEW.missing <> OLD.missing OR NEW.home_store <> OLD.home_store
BEGIN SELECT RAISE(ABORT, 'whom a ruling covers is never changed, and their outcome is added once'); END;

CREATE TRIGGER covered_is_never_deleted BEFORE DELETE ON covered
BEGIN SELECT RAISE(ABORT, 'whom a ruling covers is never deleted'); END;

CREATE TRIGGER covered_is_never_replaced BEFORE INSERT ON covered
WHEN EXISTS (SELECT 1 FROM covered WHERE bucket = NEW.bucket AND decision = NEW.decision
  AND member_id = NEW.member_id)
BEGIN SELECT RAISE(ABORT, 'whom a ruling covers is never replaced'); END;
