-- Tries to log in under names that no account has, by what a keyed hash of the name says: see hq_server.staff.persons.
CREATE TABLE strangers (
  slot BIGINT NOT NULL PRIMARY KEY CHECK (slot BETWEEN 0 AND 65535),
  failures BIGINT NOT NULL CHECK (failures >= 1),
  wait_until_ms BIGINT NOT NULL
);

CREATE TABLE stranger_keys (
  number BIGINT NOT NULL PRIMARY KEY CHECK (number = 1),
  key BYTEA NOT NULL CHECK (length(key) = 32)
);
