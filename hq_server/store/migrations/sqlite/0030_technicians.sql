-- Technicians, who log in on tills with a pass that headquarters signed and a PIN of which this is the verifier: see
-- hq_server.technicians. form is the name as two spellings of it are compared. stores are parted by spaces, '' is all.
CREATE TABLE technicians (
  name TEXT NOT NULL PRIMARY KEY,
  form TEXT NOT NULL UNIQUE,
  at_stores TEXT NOT NULL,
  verifier TEXT NOT NULL CHECK (verifier <> ''),
  made_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT;

-- Who made which pass for whom and where it is good. until_ms is the first millisecond at which it is not.
CREATE TABLE technician_passes (
  pass_id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  at_stores TEXT NOT NULL,
  at_terminals TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('technician', 'observer')),
  made_by TEXT NOT NULL CHECK (made_by <> ''),
  from_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL CHECK (until_ms > from_ms AND until_ms - from_ms <= 86400000),
  revoked_at_ms INTEGER,
  revoked_by TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX technician_passes_by_end ON technician_passes (until_ms);

CREATE TRIGGER pass_is_never_deleted BEFORE DELETE ON technician_passes
BEGIN SELECT RAISE(ABORT, 'a pass is revoked, and never deleted: what was done with it names it'); END;

CREATE TRIGGER pass_keeps_what_it_says BEFORE UPDATE ON technician_passes
WHEN OLD.pass_id <> NEW.pass_id OR OLD.name <> NEW.name OR OLD.at_stores <> NEW.at_stores OR OLD.at_terminals <> NEW.at_terminals
  OR OLD.role <> NEW.role OR OLD.made_by <> NEW.made_by OR OLD.from_ms <> NEW.from_ms OR OLD.until_ms <> NEW.until_ms
  OR OLD.revoked_at_ms IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a pass keeps what it says, and is revoked once'); END;

-- The version of the list that tills are told: it grows with every change, and never goes back.
CREATE TABLE technician_list (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number = 1),
  version INTEGER NOT NULL CHECK (version >= 1)
) STRICT;

-- What technicians did on tills, as the tills report it.
CREATE TABLE technician_actions (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  came_ms INTEGER NOT NULL,
  occurred_at_ms INTEGER NOT NULL,
  person TEXT NOT NULL,
  pass_id TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  outcome TEXT NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, seq)
) STRICT;

CREATE INDEX technician_actions_by_time ON technician_actions (came_ms);
