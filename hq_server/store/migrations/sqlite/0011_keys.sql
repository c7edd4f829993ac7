-- HQ's keys, public halves, each with what is said of it: signed by the key before it, by itself, and by the
-- server's present key. A house without a row here has one key for both kinds. A row is changed by nothing but the
-- signature of the next server key, and by being dropped.
CREATE TABLE hq_keys (
  kind TEXT NOT NULL CHECK (kind IN ('server', 'programme')),
  number INTEGER NOT NULL CHECK (number >= 1),
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  made_at_ms INTEGER NOT NULL,
  said BLOB NOT NULL,
  dropped_at_ms INTEGER,
  PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER hq_key_is_never_another BEFORE UPDATE OF kind, number, public_key, made_at_ms ON hq_keys
BEGIN SELECT RAISE(ABORT, 'a key of headquarters is never another'); END;

CREATE TRIGGER hq_key_is_never_deleted BEFORE DELETE ON hq_keys
BEGIN SELECT RAISE(ABORT, 'a key of headquarters is never deleted'); END;

-- Programmes as a later programme key signed them again; `number` is that key's.
CREATE TABLE programme_envelopes (
  version INTEGER NOT NULL,
  number INTEGER NOT NULL,
  envelope BLOB NOT NULL,
  PRIMARY KEY (version, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER programme_envelope_is_never_changed BEFORE UPDATE ON programme_envelopes
BEGIN SELECT RAISE(ABORT, 'a signed programme is never changed'); END;

CREATE TRIGGER programme_envelope_is_never_deleted BEFORE DELETE ON programme_envelopes
BEGIN SELECT RAISE(ABORT, 'a signed programme is never deleted'); END;

-- Which keys of headquarters' a till believes, by id, as it said when it was last heard; NULL before it has said so.
ALTER TABLE terminals ADD COLUMN hq_key BLOB;
ALTER TABLE terminals ADD COLUMN programme_key BLOB;

-- A key that another one follows is good until until_ms, and then refused with `ended` as the reason.
ALTER TABLE terminal_keys ADD COLUMN until_ms INTEGER;
ALTER TABLE terminal_keys ADD COLUMN ended TEXT NOT NULL DEFAULT ''
  CHECK ((until_ms IS NULL) = (ended = '') AND ended IN ('', 'key_retired', 'terminal_replaced'));
UPDATE terminal_keys SET until_ms = 0, ended = 'terminal_replaced'
WHERE key_id <> (SELECT key_id FROM terminals
  WHERE terminals.store_id = terminal_keys.store_id AND terminals.terminal_id = terminal_keys.terminal_id);

CREATE INDEX terminal_by_any_key ON terminal_keys (key_id);
DROP INDEX terminal_by_key;
