-- The feed of changes for other systems: in which buckets every member is told of to the audience '~feed', which no
-- store can be named, and where changes are sent by themselves.

ALTER TABLE buckets ADD COLUMN fed INTEGER NOT NULL DEFAULT 0 CHECK (fed IN (0, 1));

-- What waits to be delivered is kept until it is, so that it is sent again as it was. next_at_ms is when any server
-- may send it next: while one does, that lies ahead.
CREATE TABLE webhooks (
  name TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  secret BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('on', 'paused', 'set_aside')),
  cursor TEXT NOT NULL,
  message_id TEXT NOT NULL DEFAULT '',
  body BLOB,
  body_cursor TEXT NOT NULL DEFAULT '',
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at_ms INTEGER NOT NULL DEFAULT 0,
  failing_since_ms INTEGER,
  outcome TEXT NOT NULL DEFAULT '',
  delivered_at_ms INTEGER,
  made_by TEXT NOT NULL,
  made_at_ms INTEGER NOT NULL,
  CHECK ((message_id = '') = (body IS NULL))
) STRICT;
