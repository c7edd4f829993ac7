-- Technicians, who log in on tills with a pass that headquarters signed and a PIN of which this is the verifier: see
-- hq_server.technicians. form is the name as two spellings of it are compared. stores are parted by spaces, '' is all.
CREATE TABLE technicians (
  name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  form TEXT COLLATE "C" NOT NULL UNIQUE,
  at_stores TEXT COLLATE "C" NOT NULL,
  verifier TEXT COLLATE "C" NOT NULL CHECK (verifier <> ''),
  made_at_ms BIGINT NOT NULL,
  revoked_at_ms BIGINT
);

-- Who made which pass for whom and where it is good. until_ms is the first millisecond at which it is not.
CREATE TABLE technician_passes (
  pass_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  at_stores TEXT COLLATE "C" NOT NULL,
  at_terminals TEXT COLLATE "C" NOT NULL,
  role TEXT COLLATE "C" NOT NULL CHECK (role IN ('technician', 'observer')),
  made_by TEXT COLLATE "C" NOT NULL CHECK (made_by <> ''),
  from_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL CHECK (until_ms > from_ms AND until_ms - from_ms <= 86400000),
  revoked_at_ms BIGINT,
  revoked_by TEXT COLLATE "C" NOT NULL DEFAULT '',
  reason TEXT COLLATE "C" NOT NULL DEFAULT ''
);

CREATE INDEX technician_passes_by_end ON technician_passes (until_ms);

CREATE TRIGGER pass_is_never_deleted BEFORE DELETE ON technician_passes
FOR EACH ROW EXECUTE FUNCTION refuse('a pass is revoked, and never deleted: what was done with it names it');

CREATE TRIGGER pass_is_never_truncated BEFORE TRUNCATE ON technician_passes
FOR EACH STATEMENT EXECUTE FUNCTION refuse('a pass is revoked, and never deleted: what was done with it names it');

CREATE TRIGGER pass_keeps_what_it_says BEFORE UPDATE ON technician_passes
FOR EACH ROW WHEN (OLD.pass_id <> NEW.pass_id OR OLD.name <> NEW.name OR OLD.at_stores <> NEW.at_stores
  OR OLD.at_terminals <> NEW.at_terminals OR OLD.role <> NEW.role OR OLD.made_by <> NEW.made_by
  OR OLD.from_ms <> NEW.from_ms OR OLD.until_ms <> NEW.until_ms OR OLD.revoked_at_ms IS NOT NULL)
EXECUTE FUNCTION refuse('a pass keeps what it says, and is revoked once');

-- The version of the list that tills are told: it grows with every change, and never goes back.
CREATE TABLE technician_list (
  number BIGINT NOT NULL PRIMARY KEY CHECK (number = 1),
  version BIGINT NOT NULL CHECK (version >= 1)
);

-- What technicians did on tills, as the tills report it.
CREATE TABLE technician_actions (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  branch BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  came_ms BIGINT NOT NULL,
  occurred_at_ms BIGINT NOT NULL,
  person TEXT COLLATE "C" NOT NULL,
  pass_id TEXT COLLATE "C" NOT NULL,
  action TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, seq)
);

CREATE INDEX technician_actions_by_time ON technician_actions (came_ms);
