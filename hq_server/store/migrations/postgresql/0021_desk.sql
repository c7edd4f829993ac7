-- The near-miss desk: appeals with the evidence that was gathered for them, and whom a ruling covers.

-- A member's request to be treated as if a gap were closed. It is open until a decision settles it. words are the
-- member's own, and go when the person is erased.
CREATE TABLE cases (
  number BIGINT NOT NULL PRIMARY KEY CHECK (number >= 1),
  member_id TEXT COLLATE "C" NOT NULL,
  period_id TEXT COLLATE "C" NOT NULL,
  tier TEXT COLLATE "C" NOT NULL,
  missing BIGINT NOT NULL CHECK (missing > 0),
  home_store TEXT COLLATE "C" NOT NULL,
  words TEXT COLLATE "C" NOT NULL,
  opened_by TEXT COLLATE "C" NOT NULL CHECK (opened_by <> ''),
  opened_at_ms BIGINT NOT NULL,
  natural_key TEXT COLLATE "C",
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'granted', 'refused', 'withdrawn')),
  decision BIGINT,
  CHECK ((state = 'open') = (decision IS NULL))
);

CREATE INDEX cases_by_member ON cases (member_id, number);
CREATE INDEX cases_by_period ON cases (period_id, number);
CREATE UNIQUE INDEX cases_by_key ON cases (opened_by, natural_key) WHERE natural_key IS NOT NULL;
CREATE UNIQUE INDEX one_open_case ON cases (member_id, period_id) WHERE state = 'open';

-- The evidence as it was each time it was gathered: at the opening (decision 0), and for each decision on the case.
CREATE TABLE case_evidence (
  number BIGINT NOT NULL,
  decision BIGINT NOT NULL CHECK (decision >= 0),
  evidence TEXT COLLATE "C" NOT NULL,
  gathered_at_ms BIGINT NOT NULL,
  PRIMARY KEY (number, decision)
);

CREATE TRIGGER case_is_settled_once BEFORE UPDATE ON cases
FOR EACH ROW WHEN (OLD.state <> 'open' AND (NEW.state <> OLD.state OR NEW.decision <> OLD.decision))
EXECUTE FUNCTION refuse('a case is settled once');

CREATE TRIGGER case_is_never_changed BEFORE UPDATE ON cases
FOR EACH ROW WHEN (NEW.number <> OLD.number OR NEW.member_id <> OLD.member_id OR NEW.period_id <> OLD.period_id
  OR NEW.tier <> OLD.tier OR NEW.missing <> OLD.missing OR NEW.home_store <> OLD.home_store
  OR NEW.opened_by <> OLD.opened_by OR NEW.opened_at_ms <> OLD.opened_at_ms
  OR NEW.natural_key IS DISTINCT FROM OLD.natural_key OR (NEW.words <> OLD.words AND NEW.words <> ''))
EXECUTE FUNCTION refuse('of a case only its outcome is added, and the words of who was erased go');

CREATE TRIGGER case_is_never_deleted BEFORE DELETE ON cases
FOR EACH ROW EXECUTE FUNCTION refuse('a case is never deleted');

CREATE TRIGGER case_is_never_truncated BEFORE TRUNCATE ON cases
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a case is never deleted');

CREATE FUNCTION refuse_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM cases) THEN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER case_is_never_replaced BEFORE INSERT ON cases
FOR EACH ROW EXECUTE FUNCTION refuse_case('a case is never replaced, and none is left out');

CREATE TRIGGER evidence_is_never_changed BEFORE UPDATE ON case_evidence
FOR EACH ROW EXECUTE FUNCTION refuse('evidence is never changed');

CREATE TRIGGER evidence_is_never_deleted BEFORE DELETE ON case_evidence
FOR EACH ROW EXECUTE FUNCTION refuse('evidence is never deleted');

CREATE TRIGGER evidence_is_never_truncated BEFORE TRUNCATE ON case_evidence
FOR EACH STATEMENT EXECUTE FUNCTION refuse('evidence is never deleted');

-- Whom the proposal of a grant covers, as they stood then, and what became of it. waiting: for the second person,
-- or for the posting that follows; refused: by the second person; moot: the tier was held without it by then.
CREATE TABLE covered (
  bucket BIGINT NOT NULL,
  decision BIGINT NOT NULL CHECK (decision >= 1),
  member_id TEXT COLLATE "C" NOT NULL,
  period_id TEXT COLLATE "C" NOT NULL,
  tier TEXT COLLATE "C" NOT NULL,
  qualifying BIGINT NOT NULL,
  missing BIGINT NOT NULL CHECK (missing > 0),
  home_store TEXT COLLATE "C" NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('waiting', 'granted', 'refused', 'moot', 'erased', 'lapsed')),
  PRIMARY KEY (bucket, decision, member_id)
);

CREATE INDEX covered_by_period ON covered (period_id, outcome);
CREATE INDEX covered_waiting ON covered (decision, bucket) WHERE outcome = 'waiting';

CREATE TRIGGER covered_is_ruled_once BEFORE UPDATE ON covered
FOR EACH ROW WHEN (OLD.outcome <> 'waiting' OR NEW.bucket <> OLD.bucket OR NEW.decision <> OLD.decision
  OR NEW.member_id <> OLD.member_id OR NEW.period_id <> OLD.period_id OR NEW.tier <> OLD.tier
  OR NEW.qualifying <> OLD.qualifying OR NEW.missing <> OLD.missing OR NEW.home_store <> OLD.home_store)
EXECUTE FUNCTION refuse('whom a ruling covers is never changed, and their outcome is added once');

CREATE TRIGGER covered_is_never_deleted BEFORE DELETE ON covered
FOR EACH ROW EXECUTE FUNCTION refuse('whom a ruling covers is never deleted');

CREATE TRIGGER covered_is_never_truncated BEFORE TRUNCATE ON covered
FOR EACH STATEMENT EXECUTE FUNCTION refuse('whom a ruling covers is never deleted');
