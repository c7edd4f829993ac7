-- The house: what is neither a store's nor a bucket's. Small, read by everyone, written by staff.

CREATE TABLE house (
  only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  bucket_count INTEGER NOT NULL CHECK (bucket_count BETWEEN 1 AND 1024),
  incarnation_counter INTEGER NOT NULL CHECK (incarnation_counter >= 1),
  incarnation_random BLOB NOT NULL CHECK (length(incarnation_random) = 8),
  made_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE programmes (
  version INTEGER NOT NULL PRIMARY KEY CHECK (version >= 1),
  programme_id TEXT NOT NULL,
  effective_from INTEGER NOT NULL,
  text TEXT NOT NULL,
  envelope BLOB NOT NULL,
  published_at_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER programme_is_never_changed BEFORE UPDATE ON programmes
BEGIN SELECT RAISE(ABORT, 'a published programme version is never changed'); END;

CREATE TRIGGER programme_is_never_deleted BEFORE DELETE ON programmes
BEGIN SELECT RAISE(ABORT, 'a published programme version is never deleted'); END;

CREATE TABLE tokens (
  name TEXT NOT NULL PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  made_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT;
