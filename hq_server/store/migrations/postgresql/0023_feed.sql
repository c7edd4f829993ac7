-- The feed of changes for other systems: in which buckets every member is told of to the audience '~feed', which no
-- store can be named, and where changes are sent by themselves.

ALTER TABLE buckets ADD COLUMN fed BIGINT NOT NULL DEFAULT 0 CHECK (fed IN (0, 1));

-- What waits to be delivered is kept until it is, so that it is sent again as it was. next_at_ms is when any server
-- may send it next: while one does, that lies ahead.
CREATE TABLE webhooks (
  name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  url TEXT COLLATE "C" NOT NULL,
  secret BYTEA NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('on', 'paused', 'set_aside')),
  cursor TEXT COLLATE "C" NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL DEFAULT '',
  body BYTEA,
  body_cursor TEXT COLLATE "C" NOT NULL DEFAULT '',
  attempts BIGINT NOT NULL DEFAULT 0,
  next_at_ms BIGINT NOT NULL DEFAULT 0,
  failing_since_ms BIGINT,
  outcome TEXT COLLATE "C" NOT NULL DEFAULT '',
  delivered_at_ms BIGINT,
  made_by TEXT COLLATE "C" NOT NULL,
  made_at_ms BIGINT NOT NULL,
  CHECK ((message_id = '') = (body IS NULL))
);
