-- Tries to log in under names that no account has, by what a keyed hash of the name says: see hq_server.staff.persons.
CREATE TABLE strangers (
  slot INTEGER NOT NULL PRIMARY KEY CHECK (slot BETWEEN 0 AND 65535),
  failures INTEGER NOT NULL CHECK (failures >= 1),
  wait_until_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE stranger_keys (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number = 1),
  key BLOB NOT NULL CHECK (length(key) = 32)
) STRICT;
