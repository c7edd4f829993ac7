-- Kept batches of closed times may lie in files outside. Then envelope is empty, and the row here says in which file it
-- is, what it hashes to and how long it is; names is whom those of its records name that are filed under no receipt, as
-- JSON by their seq: by these a till told its members apart.
CREATE TABLE archived_batches (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL CHECK (epoch >= 1),
  branch BIGINT NOT NULL CHECK (branch >= 0),
  first_seq BIGINT NOT NULL CHECK (first_seq >= 1),
  file TEXT COLLATE "C" NOT NULL CHECK (file <> ''),
  sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
  bytes BIGINT NOT NULL CHECK (bytes > 0),
  names BYTEA NOT NULL,
  archived_at_ms BIGINT NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, first_seq)
);

CREATE FUNCTION refuse_archived_that_is_not_here() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  one archived_batches%ROWTYPE;
BEGIN
  IF TG_OP = 'INSERT' THEN one := NEW; ELSE one := OLD; END IF;
  IF NOT EXISTS (SELECT 1 FROM batches AS b WHERE b.store_id = one.store_id AND b.terminal_id = one.terminal_id
    AND b.epoch = one.epoch AND b.branch = one.branch AND b.first_seq = one.first_seq
    AND length(b.envelope) = one.bytes) THEN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN one;
END $$;

CREATE TRIGGER archived_batch_was_here BEFORE INSERT ON archived_batches
FOR EACH ROW EXECUTE FUNCTION refuse_archived_that_is_not_here('only a batch that is here goes into an archive');

CREATE TRIGGER archived_batch_is_never_changed BEFORE UPDATE ON archived_batches
FOR EACH ROW EXECUTE FUNCTION refuse('where a batch is archived is never changed');

CREATE TRIGGER archived_batch_is_forgotten_when_it_is_back BEFORE DELETE ON archived_batches
FOR EACH ROW EXECUTE FUNCTION refuse_archived_that_is_not_here('where a batch is archived is known until it is back');

CREATE TRIGGER archived_batch_is_never_truncated BEFORE TRUNCATE ON archived_batches
FOR EACH STATEMENT EXECUTE FUNCTION refuse('where a batch is archived is known until it is back');

DROP TRIGGER batch_is_never_changed ON batches;

-- But that its bytes go into an archive, or come back out of it.
CREATE FUNCTION refuse_batch_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (OLD.store_id, OLD.terminal_id, OLD.epoch, OLD.branch, OLD.first_seq, OLD.last_seq, OLD.last_hash,
      OLD.received_at_ms)
    IS DISTINCT FROM (NEW.store_id, NEW.terminal_id, NEW.epoch, NEW.branch, NEW.first_seq, NEW.last_seq,
      NEW.last_hash, NEW.received_at_ms)
    OR NOT EXISTS (SELECT 1 FROM archived_batches AS a WHERE a.store_id = OLD.store_id
      AND a.terminal_id = OLD.terminal_id AND a.epoch = OLD.epoch AND a.branch = OLD.branch
      AND a.first_seq = OLD.first_seq
      AND ((length(OLD.envelope) = a.bytes AND length(NEW.envelope) = 0)
        OR (length(OLD.envelope) = 0 AND length(NEW.envelope) = a.bytes))) THEN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER batch_is_never_changed BEFORE UPDATE ON batches
FOR EACH ROW EXECUTE FUNCTION refuse_batch_change('a kept batch is never changed');
