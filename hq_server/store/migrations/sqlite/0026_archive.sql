-- Kept batches of closed times may lie in files outside. Then envelope is empty, and the row here says in which file it
-- is, what it hashes to and how long it is; names is whom those of its records name that are filed under no receipt, as
-- JSON by their seq: by these a till told its members apart.
CREATE TABLE archived_batches (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  first_seq INTEGER NOT NULL CHECK (first_seq >= 1),
  file TEXT NOT NULL CHECK (file <> ''),
  sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
  bytes INTEGER NOT NULL CHECK (bytes > 0),
  names BLOB NOT NULL,
  archived_at_ms INTEGER NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, first_seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER archived_batch_was_here BEFORE INSERT ON archived_batches
WHEN NOT EXISTS (SELECT 1 FROM batches WHERE store_id = NEW.store_id AND terminal_id = NEW.terminal_id
  AND epoch = NEW.epoch AND branch = NEW.branch AND first_seq = NEW.first_seq AND length(envelope) = NEW.bytes)
BEGIN SELECT RAISE(ABORT, 'only a batch that is here goes into an archive'); END;

CREATE TRIGGER archived_batch_is_never_changed BEFORE UPDATE ON archived_batches
BEGIN SELECT RAISE(ABORT, 'where a batch is archived is never changed'); END;

CREATE TRIGGER archived_batch_is_forgotten_when_it_is_back BEFORE DELETE ON archived_batches
WHEN NOT EXISTS (SELECT 1 FROM batches WHERE store_id = OLD.store_id AND terminal_id = OLD.terminal_id
  AND epoch = OLD.epoch AND branch = OLD.branch AND first_seq = OLD.first_seq AND length(envelope) = OLD.bytes)
BEGIN SELECT RAISE(ABORT, 'where a batch is archived is known until it is back'); END;

DROP TRIGGER batch_is_never_changed;

-- But that its bytes go into an archive, or come back out of it.
CREATE TRIGGER batch_is_never_changed BEFORE UPDATE ON batches
WHEN (OLD.store_id, OLD.terminal_id, OLD.epoch, OLD.branch, OLD.first_seq, OLD.last_seq, OLD.last_hash,
    OLD.received_at_ms)
  IS NOT (NEW.store_id, NEW.terminal_id, NEW.epoch, NEW.branch, NEW.first_seq, NEW.last_seq, NEW.last_hash,
    NEW.received_at_ms)
  OR NOT EXISTS (SELECT 1 FROM archived_batches AS a WHERE a.store_id = OLD.store_id
    AND a.terminal_id = OLD.terminal_id AND a.epoch = OLD.epoch AND a.branch = OLD.branch
    AND a.first_seq = OLD.first_seq
    AND ((length(OLD.envelope) = a.bytes AND length(NEW.envelope) = 0)
      OR (length(OLD.envelope) = 0 AND length(NEW.envelope) = a.bytes)))
BEGIN SELECT RAISE(ABORT, 'a kept batch is never changed'); END;
