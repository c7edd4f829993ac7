-- People who joined at tills, and what opens what tells who they are: see hq_server.enrolments.
CREATE TABLE sealing_keys (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number = 1),
  private_key BLOB NOT NULL CHECK (length(private_key) = 32),
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  made_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE enrolments (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  sealed_hash BLOB NOT NULL CHECK (length(sealed_hash) = 32),
  occurred_at_ms INTEGER NOT NULL,
  business_day INTEGER NOT NULL,
  consent_version INTEGER NOT NULL,
  consent_language TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'made', 'known', 'refused')),
  member_id TEXT NOT NULL,
  salt BLOB NOT NULL,
  blob BLOB NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX enrolment_by_member ON enrolments (member_id);
