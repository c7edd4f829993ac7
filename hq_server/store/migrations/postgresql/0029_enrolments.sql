-- People who joined at tills, and what opens what tells who they are: see hq_server.enrolments.
CREATE TABLE sealing_keys (
  number BIGINT NOT NULL PRIMARY KEY CHECK (number = 1),
  private_key BYTEA NOT NULL CHECK (length(private_key) = 32),
  public_key BYTEA NOT NULL CHECK (length(public_key) = 32),
  made_at_ms BIGINT NOT NULL
);

CREATE TABLE enrolments (
  store_id TEXT COLLATE "C" NOT NULL,
  terminal_id TEXT COLLATE "C" NOT NULL,
  epoch BIGINT NOT NULL,
  branch BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  sealed_hash BYTEA NOT NULL CHECK (length(sealed_hash) = 32),
  occurred_at_ms BIGINT NOT NULL,
  business_day BIGINT NOT NULL,
  consent_version BIGINT NOT NULL,
  consent_language TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'made', 'known', 'refused')),
  member_id TEXT COLLATE "C" NOT NULL,
  salt BYTEA NOT NULL,
  blob BYTEA NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, seq)
);

CREATE INDEX enrolment_by_member ON enrolments (member_id);
