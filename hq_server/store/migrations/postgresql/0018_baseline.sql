-- Everything as it stands after SQLite's migrations up to this number. What differs: whole numbers are BIGINT, bytes
-- BYTEA, and text is ordered by its bytes. A guard is a trigger that calls refuse() with the sentence to say.
--
-- Nothing here replaces a row: PostgreSQL has no INSERT OR REPLACE, a key that stands refuses, and what writes over a
-- row on a conflict meets the guard of its updates. So the guards against that of SQLite have no like here. Against
-- TRUNCATE, which SQLite does not know, what is never deleted has a guard of its own.

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- Whoever writes locks this table first, and it holds nothing: tills' exchanges beside each other, all else alone.
CREATE TABLE gate (
  "only" BIGINT NOT NULL PRIMARY KEY CHECK ("only" = 1)
);

-- The house: what is neither a store's nor a bucket's. Small, read by everyone, written by staff.

CREATE TABLE house (
  "only" BIGINT NOT NULL PRIMARY KEY CHECK ("only" = 1),
  bucket_count BIGINT NOT NULL CHECK (bucket_count BETWEEN 1 AND 1024),
  incarnation_counter BIGINT NOT NULL CHECK (incarnation_counter >= 1),
  incarnation_random BYTEA NOT NULL CHECK (length(incarnation_random) = 8),
  made_at_ms BIGINT NOT NULL
);

CREATE TABLE programmes (
  version BIGINT NOT NULL PRIMARY KEY CHECK (version >= 1),
  programme_id TEXT COLLATE "C" NOT NULL,
  effective_from BIGINT NOT NULL,
  text TEXT COLLATE "C" NOT NULL,
  envelope BYTEA NOT NULL,
  published_at_ms BIGINT NOT NULL
);

CREATE TRIGGER programme_is_never_changed BEFORE UPDATE ON programmes
FOR EACH ROW EXECUTE FUNCTION refuse('a published programme version is never changed');

CREATE TRIGGER programme_is_never_deleted BEFORE DELETE ON programmes
FOR EACH ROW EXECUTE FUNCTION refuse('a published programme version is never deleted');

CREATE TRIGGER programme_is_never_truncated BEFORE TRUNCATE ON programmes
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a published programme version is never deleted');

-- A token that shows figures alone, for what watches headquarters and decides nothing, is metrics_only.
CREATE TABLE tokens (
  name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  hash BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
  made_at_ms BIGINT NOT NULL,
  revoked_at_ms BIGINT,
  metrics_only BIGINT NOT NULL DEFAULT 0 CHECK (metrics_only IN (0, 1))
);

-- What HQ decided, in the order of deciding. A decision that needs a second person takes effect by a verdict.
-- natural_key is what whoever asked calls it, so that asking again is no second decision.
CREATE TABLE decisions (
  number BIGINT NOT NULL PRIMARY KEY CHECK (number >= 1),
  kind TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  detail TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL CHECK (reason <> ''),
  made_by TEXT COLLATE "C" NOT NULL CHECK (made_by <> ''),
  made_at_ms BIGINT NOT NULL,
  needs_second BIGINT NOT NULL CHECK (needs_second IN (0, 1)),
  natural_key TEXT COLLATE "C"
);

CREATE INDEX decisions_by_subject ON decisions (kind, subject);

CREATE UNIQUE INDEX decisions_by_key ON decisions (made_by, natural_key) WHERE natural_key IS NOT NULL;

CREATE TRIGGER decision_is_never_changed BEFORE UPDATE ON decisions
FOR EACH ROW EXECUTE FUNCTION refuse('a decision is never changed');

CREATE TRIGGER decision_is_never_deleted BEFORE DELETE ON decisions
FOR EACH ROW EXECUTE FUNCTION refuse('a decision is never deleted');

CREATE TRIGGER decision_is_never_truncated BEFORE TRUNCATE ON decisions
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a decision is never deleted');

CREATE FUNCTION refuse_decision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM decisions) THEN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER decision_is_never_replaced BEFORE INSERT ON decisions
FOR EACH ROW EXECUTE FUNCTION refuse_decision('a decision is never replaced, and none is left out');

CREATE TRIGGER decision_takes_a_second_person_by_its_kind BEFORE INSERT ON decisions
FOR EACH ROW WHEN ((NEW.needs_second = 1) <> (NEW.kind IN ('adjustment', 'goodwill', 'erasure')))
EXECUTE FUNCTION refuse('its kind says whether a decision takes a second person');

CREATE TABLE verdicts (
  number BIGINT NOT NULL PRIMARY KEY,
  approved BIGINT NOT NULL CHECK (approved IN (0, 1)),
  given_by TEXT COLLATE "C" NOT NULL CHECK (given_by <> ''),
  given_at_ms BIGINT NOT NULL
);

CREATE TRIGGER verdict_is_never_changed BEFORE UPDATE ON verdicts
FOR EACH ROW EXECUTE FUNCTION refuse('a verdict is never changed');

CREATE TRIGGER verdict_is_never_deleted BEFORE DELETE ON verdicts
FOR EACH ROW EXECUTE FUNCTION refuse('a verdict is never deleted');

CREATE TRIGGER verdict_is_never_truncated BEFORE TRUNCATE ON verdicts
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a verdict is never deleted');

CREATE FUNCTION refuse_verdict_without_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM decisions WHERE number = NEW.number AND needs_second = 1) THEN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER verdict_is_on_a_proposal BEFORE INSERT ON verdicts
FOR EACH ROW EXECUTE FUNCTION refuse_verdict_without_proposal('a verdict is given on what waits for a second person');

CREATE FUNCTION refuse_verdict_of_its_proposer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM decisions WHERE number = NEW.number
    AND lower(trim(made_by)) = lower(trim(NEW.given_by))) THEN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER verdict_is_by_another_person BEFORE INSERT ON verdicts
FOR EACH ROW EXECUTE FUNCTION refuse_verdict_of_its_proposer(
  'a decision is approved by another person than who proposed it');

CREATE TABLE imported (
  outcome TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  files BIGINT NOT NULL
);

-- HQ's keys, public halves, each with what is said of it: signed by the key before it, by itself, and by the
-- server's present key. A house without a row here has one key for both kinds. A row is changed by nothing but the
-- signature of the next server key, and by being dropped.
CREATE TABLE hq_keys (
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('server', 'programme')),
  number BIGINT NOT NULL CHECK (number >= 1),
  public_key BYTEA NOT NULL CHECK (length(public_key) = 32),
  made_at_ms BIGINT NOT NULL,
  said BYTEA NOT NULL,
  dropped_at_ms BIGINT,
  PRIMARY KEY (kind, number)
);

CREATE TRIGGER hq_key_is_never_another BEFORE UPDATE OF kind, number, public_key, made_at_ms ON hq_keys
FOR EACH ROW EXECUTE FUNCTION refuse('a key of headquarters is never another');

CREATE TRIGGER hq_key_is_never_deleted BEFORE DELETE ON hq_keys
FOR EACH ROW EXECUTE FUNCTION refuse('a key of headquarters is never deleted');

CREATE TRIGGER hq_key_is_never_truncated BEFORE TRUNCATE ON hq_keys
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a key of headquarters is never deleted');

-- Programmes as a later programme key signed them again; `number` is that key's.
CREATE TABLE programme_envelopes (
  version BIGINT NOT NULL,
  number BIGINT NOT NULL,
  envelope BYTEA NOT NULL,
  PRIMARY KEY (version, number)
);

CREATE TRIGGER programme_envelope_is_never_changed BEFORE UPDATE ON programme_envelopes
FOR EACH ROW EXECUTE FUNCTION refuse('a signed programme is never changed');

CREATE TRIGGER programme_envelope_is_never_deleted BEFORE DELETE ON programme_envelopes
FOR EACH ROW EXECUTE FUNCTION refuse('a signed programme is never deleted');

CREATE TRIGGER programme_envelope_is_never_truncated BEFORE TRUNCATE ON programme_envelopes
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a signed programme is never deleted');

-- The arrivals side: what tills handed in. Every key begins with store_id.

CREATE TABLE stores (
  store_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  timezone TEXT COLLATE "C" NOT NULL,
  business_day_starts BIGINT NOT NULL CHECK (business_day_starts BETWEEN 0 AND 1439),
  look_up_key BYTEA NOT NULL CHECK (length(look_up_key) = 32),
  made_at_ms BIGINT NOT NULL
);

-- hq_key and programme_key are which keys of headquarters' a till believes, by id, as it said when it was last heard;
-- NULL before it has said so. clock_ahead_ms is by how much its wall clock was ahead of HQ's (below 0: behind) at the
-- last reading. What it said (said_*) tells how new the request was by which it was last seen: what is older was
-- repeated by somebody, or was long on its way.
CREATE TABLE terminals (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'approved', 'revoked')),
  reason TEXT COLLATE "C" NOT NULL DEFAULT '',
  key_id BYTEA NOT NULL CHECK (length(key_id) = 8),
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  enrolled_at_ms BIGINT NOT NULL,
  seen_at_ms BIGINT NOT NULL,
  software TEXT COLLATE "C" NOT NULL,
  waiting BIGINT NOT NULL DEFAULT 0,
  quarantined BIGINT NOT NULL DEFAULT 0,
  disk_free_bytes BIGINT NOT NULL DEFAULT 0,
  hq_key BYTEA,
  programme_key BYTEA,
  clock_ahead_ms BIGINT,
  said_epoch BIGINT NOT NULL DEFAULT 0,
  said_head BIGINT NOT NULL DEFAULT 0,
  said_version BIGINT NOT NULL DEFAULT 0,
  said_changes BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (store_id, terminal_id)
);

-- Every key that a terminal ever had: kept batches are verified again by the key of their day. A key that another one
-- follows is good until until_ms, and then refused with `ended` as the reason.
CREATE TABLE terminal_keys (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  key_id BYTEA NOT NULL CHECK (length(key_id) = 8),
  public_key BYTEA NOT NULL CHECK (length(public_key) = 32),
  until_ms BIGINT,
  ended TEXT COLLATE "C" NOT NULL DEFAULT ''
    CHECK ((until_ms IS NULL) = (ended = '') AND ended IN ('', 'key_retired', 'terminal_replaced')),
  PRIMARY KEY (store_id, terminal_id, key_id)
);

CREATE INDEX terminal_by_any_key ON terminal_keys (key_id);

CREATE TABLE invites (
  store_id TEXT COLLATE "C" NOT NULL,
  secret_hash BYTEA NOT NULL CHECK (length(secret_hash) = 32),
  terminal_id TEXT COLLATE "C",
  preapproved BIGINT NOT NULL CHECK (preapproved IN (0, 1)),
  made_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  used_by BYTEA CHECK (used_by IS NULL OR length(used_by) = 32),
  PRIMARY KEY (store_id, secret_hash)
);

-- The last record kept of each journal.
CREATE TABLE heads (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  seq BIGINT NOT NULL CHECK (seq >= 0),
  hash BYTEA NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (store_id, terminal_id, epoch, branch)
);

-- Received bytes, of which the records first_seq to last_seq were kept.
CREATE TABLE batches (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  first_seq BIGINT NOT NULL CHECK (first_seq >= 1),
  last_seq BIGINT NOT NULL CHECK (last_seq >= first_seq),
  last_hash BYTEA NOT NULL CHECK (length(last_hash) = 32),
  envelope BYTEA NOT NULL,
  received_at_ms BIGINT NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, first_seq)
);

CREATE TRIGGER batch_is_never_changed BEFORE UPDATE ON batches
FOR EACH ROW EXECUTE FUNCTION refuse('a kept batch is never changed');

CREATE TRIGGER batch_is_never_deleted BEFORE DELETE ON batches
FOR EACH ROW EXECUTE FUNCTION refuse('a kept batch is never deleted');

CREATE TRIGGER batch_is_never_truncated BEFORE TRUNCATE ON batches
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a kept batch is never deleted');

-- One row a record. Where the record is a fact of a receipt of this store, receipt_key files it under that receipt
-- and record repeats its bytes; all other bytes are in the batch alone. code is 0 and business_day NULL where the
-- record could not be read.
CREATE TABLE events (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  seq BIGINT NOT NULL CHECK (seq >= 1),
  code BIGINT NOT NULL CHECK (code >= 0),
  business_day BIGINT,
  state TEXT COLLATE "C" NOT NULL CHECK (state = 'taken' OR state = 'set_aside' OR state = 'unreadable'),
  receipt_key TEXT COLLATE "C",
  record BYTEA CHECK ((record IS NULL) = (receipt_key IS NULL)),
  PRIMARY KEY (store_id, terminal_id, epoch, branch, seq)
);

CREATE INDEX events_of_receipt ON events (store_id, receipt_key) WHERE receipt_key IS NOT NULL;

-- Claims, for a programme version that changes for how long a purchase can be claimed.
CREATE INDEX claims ON events (business_day) WHERE code = 7;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON events
FOR EACH ROW WHEN (OLD.state = 'taken' OR NEW.state = 'unreadable'
  OR (OLD.store_id, OLD.terminal_id, OLD.epoch, OLD.branch, OLD.seq)
  IS DISTINCT FROM (NEW.store_id, NEW.terminal_id, NEW.epoch, NEW.branch, NEW.seq)
  OR (OLD.state = 'set_aside' AND (OLD.code, OLD.business_day) IS DISTINCT FROM (NEW.code, NEW.business_day)))
EXECUTE FUNCTION refuse('an event is never changed');

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON events
FOR EACH ROW EXECUTE FUNCTION refuse('an event is never deleted');

CREATE TRIGGER event_is_never_truncated BEFORE TRUNCATE ON events
FOR EACH STATEMENT EXECUTE FUNCTION refuse('an event is never deleted');

-- Facts of a receipt of this store that a terminal of another store reported (a void elsewhere, say).
CREATE TABLE visiting_facts (
  store_id TEXT COLLATE "C" NOT NULL,
  receipt_key TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  seq BIGINT NOT NULL CHECK (seq >= 1),
  record BYTEA NOT NULL,
  PRIMARY KEY (store_id, receipt_key, terminal_id, epoch, branch, seq)
);

-- Under which receipt an event of any terminal is filed in another store, or by decision.
CREATE INDEX visiting_fact_by_event ON visiting_facts (terminal_id, epoch, branch, seq);

CREATE TRIGGER visiting_fact_is_never_changed BEFORE UPDATE ON visiting_facts
FOR EACH ROW EXECUTE FUNCTION refuse('a fact is never changed');

CREATE TRIGGER visiting_fact_is_never_deleted BEFORE DELETE ON visiting_facts
FOR EACH ROW EXECUTE FUNCTION refuse('a fact is never deleted');

CREATE TRIGGER visiting_fact_is_never_truncated BEFORE TRUNCATE ON visiting_facts
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a fact is never deleted');

-- An exception is open, explained by a person, or closed because the difference is no more.
CREATE TABLE arrival_exceptions (
  store_id TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  receipt_key TEXT COLLATE "C",
  detail TEXT COLLATE "C" NOT NULL,
  opened_at_ms BIGINT NOT NULL,
  closed_at_ms BIGINT,
  cause TEXT COLLATE "C" NOT NULL DEFAULT '',
  explained_by TEXT COLLATE "C" NOT NULL DEFAULT '',
  explained_at_ms BIGINT,
  PRIMARY KEY (store_id, kind, subject)
);

CREATE INDEX arrival_exception_by_receipt ON arrival_exceptions (store_id, receipt_key)
WHERE receipt_key IS NOT NULL;

CREATE INDEX arrival_exceptions_current ON arrival_exceptions (opened_at_ms, store_id, kind, subject)
WHERE closed_at_ms IS NULL;

CREATE INDEX arrival_exceptions_closed ON arrival_exceptions (opened_at_ms, store_id, kind, subject)
WHERE closed_at_ms IS NOT NULL;

-- How far each journal is counted, and its first and last business day that were declared without a gap between.
-- behind is 1 where records were kept before they were counted.
CREATE TABLE closings (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  counted BIGINT NOT NULL CHECK (counted >= 0),
  behind BIGINT NOT NULL CHECK (behind IN (0, 1)),
  first_day BIGINT,
  last_day BIGINT,
  PRIMARY KEY (store_id, terminal_id, epoch, branch)
);

CREATE INDEX closings_behind ON closings (store_id, terminal_id) WHERE behind = 1;

CREATE TABLE day_counts (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  business_day BIGINT NOT NULL,
  code BIGINT NOT NULL,
  events BIGINT NOT NULL CHECK (events > 0),
  net_minor BIGINT NOT NULL,
  redeemable BIGINT NOT NULL,
  qualifying BIGINT NOT NULL,
  first_seq BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, business_day, code)
);

-- The last day_closed of each journal and day: where it stands, and its figures as JSON.
CREATE TABLE closed_days (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  business_day BIGINT NOT NULL,
  seq BIGINT NOT NULL CHECK (seq >= 1),
  figures TEXT COLLATE "C" NOT NULL,
  closed_at_ms BIGINT NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, business_day)
);

-- The last day_total of each till and day. touched_at_ms is when it or a receipt of the day came, NULL once compared.
CREATE TABLE day_totals (
  store_id TEXT COLLATE "C" NOT NULL,
  business_day BIGINT NOT NULL,
  till TEXT COLLATE "C" NOT NULL,
  receipts BIGINT NOT NULL,
  net_minor BIGINT NOT NULL,
  occurred_at_ms BIGINT NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  branch BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  touched_at_ms BIGINT,
  PRIMARY KEY (store_id, business_day, till)
);

CREATE INDEX day_totals_to_compare ON day_totals (touched_at_ms) WHERE touched_at_ms IS NOT NULL;

-- Returns by their own receipt key, the first in canonical order: the facts are filed with the purchase that came back.
CREATE TABLE returned_receipts (
  store_id TEXT COLLATE "C" NOT NULL,
  business_day BIGINT NOT NULL,
  till TEXT COLLATE "C" NOT NULL,
  number TEXT COLLATE "C" NOT NULL,
  net_minor BIGINT NOT NULL,
  occurred_at_ms BIGINT NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  branch BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (store_id, business_day, till, number)
);

-- What each journal follows: in its epoch the last record that it shares with another branch, else how an earlier
-- epoch of the same till ended; NULL where it follows nothing.
CREATE TABLE journals (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  parent_epoch BIGINT CHECK (parent_epoch BETWEEN 1 AND epoch),
  parent_branch BIGINT CHECK ((parent_branch IS NULL) = (parent_epoch IS NULL)),
  parent_seq BIGINT CHECK ((parent_seq IS NULL) = (parent_epoch IS NULL) AND parent_seq >= 1),
  PRIMARY KEY (store_id, terminal_id, epoch, branch)
);

CREATE INDEX journals_by_parent ON journals (store_id, terminal_id, parent_epoch, parent_branch, parent_seq)
WHERE parent_epoch IS NOT NULL;

CREATE TRIGGER journal_is_never_changed BEFORE UPDATE ON journals
FOR EACH ROW EXECUTE FUNCTION refuse('what a journal follows is never changed');

CREATE TRIGGER journal_is_never_deleted BEFORE DELETE ON journals
FOR EACH ROW EXECUTE FUNCTION refuse('what a journal follows is never deleted');

CREATE TRIGGER journal_is_never_truncated BEFORE TRUNCATE ON journals
FOR EACH STATEMENT EXECUTE FUNCTION refuse('what a journal follows is never deleted');

-- Epochs that were allotted: to the till on a branch, or to one that was set back to a record and lacks the record
-- whose hash this is (empty for a branch).
CREATE TABLE allotted_epochs (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 2),
  of_epoch BIGINT NOT NULL,
  of_branch BIGINT NOT NULL,
  of_seq BIGINT NOT NULL,
  lacks BYTEA NOT NULL CHECK (length(lacks) IN (0, 32)),
  allotted_at_ms BIGINT NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch),
  UNIQUE (store_id, terminal_id, of_epoch, of_branch, of_seq, lacks)
);

-- A boot of a till's machine. zero_ms is HQ's time when its monotonic clock showed 0, at the latest: the least of what
-- the readings of its batches say, each by the time at which HQ received it. zero_last_ms is the same by the latest of
-- its readings: far from zero_ms where two machines go by the name of one boot, or something held a reading back.
CREATE TABLE boots (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  boot_id TEXT COLLATE "C" NOT NULL,
  zero_ms BIGINT NOT NULL,
  zero_last_ms BIGINT,
  PRIMARY KEY (store_id, terminal_id, boot_id)
);

-- Records that tell how the wall clock stood to the monotonic one from there on: the agent's starts and the clock's steps.
CREATE TABLE clock_marks (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  seq BIGINT NOT NULL CHECK (seq >= 1),
  boot_id TEXT COLLATE "C" NOT NULL,
  monotonic_ms BIGINT NOT NULL,
  wall_ms BIGINT NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, seq)
);

-- When a till last came over the line and had nothing in this journal that headquarters did not hold: what is written
-- there beyond is from later.
CREATE TABLE meetings (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  seq BIGINT NOT NULL CHECK (seq >= 0),
  met_at_ms BIGINT NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch)
);

-- The hash of each record of a kept batch, one behind the other, from its first_seq to its last_seq: by these it is told
-- where a run belongs, without unpacking what is kept. They follow from the batch, and the audit derives them again.
-- A batch of one record has none, since that is its last one, and neither have those that were kept before this.
CREATE TABLE batch_hashes (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  first_seq BIGINT NOT NULL CHECK (first_seq >= 1),
  hashes BYTEA NOT NULL CHECK (length(hashes) >= 32 AND length(hashes) % 32 = 0),
  PRIMARY KEY (store_id, terminal_id, epoch, branch, first_seq)
);

-- The journals that a terminal may still write: none goes on after them, no till that was set back has left them
-- behind, and of a till that was replaced only those that something has come for since.
CREATE VIEW open_journals AS
SELECT heads.store_id, heads.terminal_id, heads.epoch, heads.branch, heads.seq, closings.last_day
FROM heads
JOIN terminals ON terminals.store_id = heads.store_id AND terminals.terminal_id = heads.terminal_id
LEFT JOIN closings ON closings.store_id = heads.store_id AND closings.terminal_id = heads.terminal_id
  AND closings.epoch = heads.epoch AND closings.branch = heads.branch
WHERE NOT EXISTS (SELECT 1 FROM journals WHERE journals.store_id = heads.store_id
    AND journals.terminal_id = heads.terminal_id AND journals.parent_epoch = heads.epoch
    AND journals.parent_branch = heads.branch AND journals.parent_seq = heads.seq)
  AND NOT EXISTS (SELECT 1 FROM allotted_epochs WHERE allotted_epochs.store_id = heads.store_id
    AND allotted_epochs.terminal_id = heads.terminal_id AND allotted_epochs.lacks = heads.hash)
  AND (heads.epoch = terminals.epoch OR terminals.enrolled_at_ms <= (SELECT batches.received_at_ms FROM batches
    WHERE batches.store_id = heads.store_id AND batches.terminal_id = heads.terminal_id
      AND batches.epoch = heads.epoch AND batches.branch = heads.branch
    ORDER BY batches.first_seq DESC LIMIT 1));

-- The accounts side: members and their ledger. Every key begins with bucket, a stable hash of the member id
-- (of the reference itself in look_ups, attachments and the held_ tables).

-- Up to and including expired_through, a business day, the expiry of lots is posted.
CREATE TABLE buckets (
  bucket BIGINT NOT NULL PRIMARY KEY CHECK (bucket >= 0),
  change_no BIGINT NOT NULL CHECK (change_no >= 0),
  expired_through BIGINT NOT NULL DEFAULT 0
);

-- erased is 1 where the person asked to be forgotten: what is left are movements under the id, and no look-up but it.
CREATE TABLE members (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  phone TEXT COLLATE "C",
  joined_on BIGINT,
  home_store TEXT COLLATE "C" NOT NULL,
  birthday BIGINT,
  erased BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (bucket, member_id)
);

-- Reference -> member: `id:`, `card:`, `phone:`, and `h:` ones once they are known.
CREATE TABLE look_ups (
  bucket BIGINT NOT NULL,
  look_up TEXT COLLATE "C" NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, look_up)
);

-- The same the other way round, without `h:` references.
CREATE TABLE member_look_ups (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  look_up TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, member_id, look_up)
);

-- Decision: the events that named this reference before it was known belong to this member.
CREATE TABLE attachments (
  bucket BIGINT NOT NULL,
  reference TEXT COLLATE "C" NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  attached_at_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, reference)
);

CREATE TRIGGER attachment_is_never_changed BEFORE UPDATE ON attachments
FOR EACH ROW EXECUTE FUNCTION refuse('an attachment is a decision and is never changed');

-- Receipts whose owner is a reference that no member has.
CREATE TABLE held_receipts (
  bucket BIGINT NOT NULL,
  reference TEXT COLLATE "C" NOT NULL,
  receipt_id TEXT COLLATE "C" NOT NULL,
  business_day BIGINT NOT NULL,
  version BIGINT NOT NULL CHECK (version >= 1),
  resolved BYTEA,
  PRIMARY KEY (bucket, reference, receipt_id, business_day)
);

CREATE TABLE held_stamps (
  bucket BIGINT NOT NULL,
  reference TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  audience TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  branch BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (bucket, reference, terminal_id, epoch, branch)
);

-- Unknown `h:` references, and whether the phones known when they came have been tried.
CREATE TABLE held_hashes (
  bucket BIGINT NOT NULL,
  reference TEXT COLLATE "C" NOT NULL,
  audience TEXT COLLATE "C" NOT NULL,
  tried BIGINT NOT NULL CHECK (tried IN (0, 1)),
  held_at_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, reference)
);

-- A member's receipts and visits as the day fold takes them. resolved is NULL where one has moved away; account is 1
-- where the row is no receipt or visit but a redemption, a coupon or an adjustment: few, and read together.
CREATE TABLE member_receipts (
  bucket BIGINT NOT NULL,
  span BIGINT NOT NULL CHECK (span = business_day / 32),
  member_id TEXT COLLATE "C" NOT NULL,
  business_day BIGINT NOT NULL,
  receipt_id TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL CHECK (version >= 1),
  resolved BYTEA,
  account BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (bucket, span, member_id, business_day, receipt_id)
);

CREATE INDEX account_facts ON member_receipts (bucket, member_id) WHERE account = 1;

-- entry_no is the bucket's change number at the time of posting: it grows with every entry. earned_day is 0, and so is
-- its span, where an entry follows from the whole account; rule is then the rule, or the lot's period, behind it. kind
-- is checked with OR: for IN, SQLite builds a table of the values anew at every insert, which costs a third of it.
CREATE TABLE entries (
  bucket BIGINT NOT NULL,
  span BIGINT NOT NULL CHECK (span = earned_day / 32),
  member_id TEXT COLLATE "C" NOT NULL,
  earned_day BIGINT NOT NULL,
  entry_no BIGINT NOT NULL CHECK (entry_no >= 1),
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  branch BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  kind TEXT COLLATE "C" NOT NULL CHECK (kind = 'earn' OR kind = 'bonus' OR kind = 'cap' OR kind = 'clawback'
    OR kind = 'redemption' OR kind = 'redeem_rollback' OR kind = 'expiry' OR kind = 'correction'
    OR kind = 'adjustment'),
  corrects TEXT COLLATE "C" CHECK ((corrects IS NOT NULL) = (kind = 'correction')),
  business_day BIGINT NOT NULL,
  period_id TEXT COLLATE "C" NOT NULL,
  redeemable BIGINT NOT NULL,
  qualifying BIGINT NOT NULL,
  programme_version BIGINT NOT NULL,
  steps TEXT COLLATE "C" NOT NULL,
  posted_at_ms BIGINT NOT NULL,
  rule TEXT COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (bucket, span, member_id, earned_day, entry_no),
  CHECK (redeemable <> 0 OR qualifying <> 0)
);

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entries
FOR EACH ROW EXECUTE FUNCTION refuse('an entry is never changed');

CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entries
FOR EACH ROW EXECUTE FUNCTION refuse('an entry is never deleted');

CREATE TRIGGER entry_is_never_truncated BEFORE TRUNCATE ON entries
FOR EACH STATEMENT EXECUTE FUNCTION refuse('an entry is never deleted');

-- Sums of a member's entries by period. The balance is the sum of redeemable over all periods. credited is what the
-- period's lot was given: all redeemable points but redemptions, what gives them back, and expiry.
CREATE TABLE totals (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  period_id TEXT COLLATE "C" NOT NULL,
  redeemable BIGINT NOT NULL,
  qualifying BIGINT NOT NULL,
  credited BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (bucket, member_id, period_id)
);

-- The last event of each journal that has been posted for a member.
CREATE TABLE stamps (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  branch BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (bucket, member_id, terminal_id, epoch, branch)
);

-- Who wants to hear of a member (a store's id), and the number of the member's last change.
CREATE TABLE changes (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  audience TEXT COLLATE "C" NOT NULL,
  change_no BIGINT NOT NULL CHECK (change_no >= 1),
  PRIMARY KEY (bucket, member_id, audience)
);

CREATE INDEX changes_in_order ON changes (bucket, audience, change_no);

-- Member-days to be derived again; a published programme puts them here.
CREATE TABLE dirty_days (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  business_day BIGINT NOT NULL,
  PRIMARY KEY (bucket, member_id, business_day)
);

CREATE TABLE account_exceptions (
  bucket BIGINT NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  detail TEXT COLLATE "C" NOT NULL,
  opened_at_ms BIGINT NOT NULL,
  closed_at_ms BIGINT,
  cause TEXT COLLATE "C" NOT NULL DEFAULT '',
  explained_by TEXT COLLATE "C" NOT NULL DEFAULT '',
  explained_at_ms BIGINT,
  PRIMARY KEY (bucket, kind, subject)
);

CREATE INDEX account_exceptions_current ON account_exceptions (opened_at_ms, bucket, kind, subject)
WHERE closed_at_ms IS NULL;

CREATE INDEX account_exceptions_closed ON account_exceptions (opened_at_ms, bucket, kind, subject)
WHERE closed_at_ms IS NOT NULL;

-- Held `id:` references by the card that each may turn out to be: a till records a text with letters as it was
-- typed, hyphens and all, while a card is known without them. bucket is the card's.
CREATE TABLE held_spellings (
  bucket BIGINT NOT NULL,
  card TEXT COLLATE "C" NOT NULL,
  reference TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, card, reference)
);

-- What stands of a member-day for the rules that count over a period or a life.
CREATE TABLE day_items (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  business_day BIGINT NOT NULL,
  items BYTEA NOT NULL,
  PRIMARY KEY (bucket, member_id, business_day)
);

-- A period is closed: what was posted by this number of the bucket was decided on.
CREATE TABLE bucket_closes (
  bucket BIGINT NOT NULL,
  period_id TEXT COLLATE "C" NOT NULL,
  entry_no BIGINT NOT NULL,
  PRIMARY KEY (bucket, period_id)
);

-- While this stands, everything of the member counts as another's. merged is the same the other way round.
CREATE TABLE merges (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  into_member TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, member_id)
);

CREATE TABLE merged (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  from_member TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (bucket, member_id, from_member)
);

-- Points set aside for a redemption that HQ was asked about and that is neither committed nor over.
CREATE TABLE holds (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  redemption_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  points BIGINT NOT NULL CHECK (points > 0),
  until_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, member_id, redemption_id)
);

CREATE INDEX holds_by_end ON holds (until_ms);

-- Coupons that HQ issued; whether one is used is said by the member's account facts.
CREATE TABLE coupons (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  coupon_id TEXT COLLATE "C" NOT NULL,
  until_day BIGINT NOT NULL,
  envelope BYTEA NOT NULL,
  issued_at_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, member_id, coupon_id)
);

-- Where an event's points are not those that its till answered, and why.
CREATE TABLE award_differences (
  bucket BIGINT NOT NULL,
  member_id TEXT COLLATE "C" NOT NULL,
  business_day BIGINT NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  branch BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  claimed_redeemable BIGINT NOT NULL,
  claimed_qualifying BIGINT NOT NULL,
  redeemable BIGINT NOT NULL,
  qualifying BIGINT NOT NULL,
  cause TEXT COLLATE "C" NOT NULL,
  found_at_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, member_id, business_day, terminal_id, epoch, branch, seq)
);

CREATE INDEX award_differences_by_day ON award_differences (business_day, terminal_id);
