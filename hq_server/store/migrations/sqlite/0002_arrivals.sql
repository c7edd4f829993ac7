-- The arrivals side: what tills handed in. Every key begins with store_id.

CREATE TABLE stores (
  store_id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  timezone TEXT NOT NULL,
  business_day_starts INTEGER NOT NULL CHECK (business_day_starts BETWEEN 0 AND 1439),
  look_up_key BLOB NOT NULL CHECK (length(look_up_key) = 32),
  made_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE terminals (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'revoked')),
  reason TEXT NOT NULL DEFAULT '',
  key_id BLOB NOT NULL CHECK (length(key_id) = 8),
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  enrolled_at_ms INTEGER NOT NULL,
  seen_at_ms INTEGER NOT NULL,
  software TEXT NOT NULL,
  waiting INTEGER NOT NULL DEFAULT 0,
  quarantined INTEGER NOT NULL DEFAULT 0,
  disk_free_bytes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (store_id, terminal_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX terminal_by_key ON terminals (key_id);

-- Every key that a terminal ever had: kept batches are verified again by the key of their day.
CREATE TABLE terminal_keys (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  key_id BLOB NOT NULL CHECK (length(key_id) = 8),
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  PRIMARY KEY (store_id, terminal_id, key_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE invites (
  store_id TEXT NOT NULL,
  secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
  terminal_id TEXT,
  preapproved INTEGER NOT NULL CHECK (preapproved IN (0, 1)),
  made_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  used_by BLOB CHECK (used_by IS NULL OR length(used_by) = 32),
  PRIMARY KEY (store_id, secret_hash)
) STRICT, WITHOUT ROWID;

-- The last record kept of each journal.
CREATE TABLE heads (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  seq INTEGER NOT NULL CHECK (seq >= 0),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (store_id, terminal_id, epoch, branch)
) STRICT, WITHOUT ROWID;

-- Received bytes, of which the records first_seq to last_seq were kept.
CREATE TABLE batches (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  first_seq INTEGER NOT NULL CHECK (first_seq >= 1),
  last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
  last_hash BLOB NOT NULL CHECK (length(last_hash) = 32),
  envelope BLOB NOT NULL,
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, first_seq)
) STRICT;

CREATE TRIGGER batch_is_never_changed BEFORE UPDATE ON batches
BEGIN SELECT RAISE(ABORT, 'a kept batch is never changed'); END;

CREATE TRIGGER batch_is_never_deleted BEFORE DELETE ON batches
BEGIN SELECT RAISE(ABORT, 'a kept batch is never deleted'); END;

-- One row a record. Where the record is a fact of a receipt of this store, receipt_key files it under that receipt
-- and record repeats its bytes; all other bytes are in the batch alone. code is 0 and business_day NULL where the
-- record could not be read.
CREATE TABLE events (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  code INTEGER NOT NULL CHECK (code >= 0),
  business_day INTEGER,
  state TEXT NOT NULL CHECK (state = 'taken' OR state = 'set_aside' OR state = 'unreadable'),
  receipt_key TEXT,
  record BLOB CHECK ((record IS NULL) = (receipt_key IS NULL)),
  PRIMARY KEY (store_id, terminal_id, epoch, branch, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_of_receipt ON events (store_id, receipt_key) WHERE receipt_key IS NOT NULL;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;

CREATE TRIGGER event_is_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;

-- Facts of a receipt of this store that a terminal of another store reported (a void elsewhere, say).
CREATE TABLE visiting_facts (
  store_id TEXT NOT NULL,
  receipt_key TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  record BLOB NOT NULL,
  PRIMARY KEY (store_id, receipt_key, terminal_id, epoch, branch, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER visiting_fact_is_never_changed BEFORE UPDATE ON visiting_facts
BEGIN SELECT RAISE(ABORT, 'a fact is never changed'); END;

CREATE TRIGGER visiting_fact_is_never_deleted BEFORE DELETE ON visiting_facts
BEGIN SELECT RAISE(ABORT, 'a fact is never deleted'); END;

CREATE TABLE arrival_exceptions (
  store_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  receipt_key TEXT,
  detail TEXT NOT NULL,
  opened_at_ms INTEGER NOT NULL,
  closed_at_ms INTEGER,
  PRIMARY KEY (store_id, kind, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX arrival_exception_by_receipt ON arrival_exceptions (store_id, receipt_key)
WHERE receipt_key IS NOT NULL;
