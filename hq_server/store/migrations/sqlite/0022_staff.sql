-- Staff: people with passwords and roles, tokens with scopes, and who looked at or changed what.

-- form is the name as two spellings of it are compared. roles are parted by spaces. totp is the secret, sealed under
-- a key that is not in the database; totp_step the last step whose code was taken. An account is disabled, and stays.
CREATE TABLE staff (
  name TEXT NOT NULL PRIMARY KEY,
  form TEXT NOT NULL UNIQUE,
  roles TEXT NOT NULL,
  password TEXT NOT NULL CHECK (password <> ''),
  totp BLOB,
  totp_step INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  wait_until_ms INTEGER NOT NULL DEFAULT 0,
  made_at_ms INTEGER NOT NULL,
  disabled_at_ms INTEGER
) STRICT;

CREATE TRIGGER account_is_never_deleted BEFORE DELETE ON staff
BEGIN SELECT RAISE(ABORT, 'an account is disabled, and never deleted: decisions name it'); END;

CREATE TRIGGER account_keeps_its_name BEFORE UPDATE ON staff
WHEN OLD.name <> NEW.name OR OLD.form <> NEW.form
BEGIN SELECT RAISE(ABORT, 'an account keeps its name: decisions name it'); END;

-- A person who has logged in, by the hash of what the session's requests carry.
CREATE TABLE sessions (
  hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
  name TEXT NOT NULL,
  with_totp INTEGER NOT NULL CHECK (with_totp IN (0, 1)),
  begun_at_ms INTEGER NOT NULL,
  used_at_ms INTEGER NOT NULL
) STRICT;

-- scopes are parted by spaces. answers is the account that made the token, '' where nobody said who.
ALTER TABLE tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN answers TEXT NOT NULL DEFAULT '';

-- What tokens opened before there were scopes they open still.
UPDATE tokens SET scopes = CASE metrics_only WHEN 1 THEN 'metrics'
  ELSE 'approve metrics read:house read:members write:decisions' END;

-- subject is a member's id, '*' for many members, or what else was changed.
CREATE TABLE access_log (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  at_ms INTEGER NOT NULL,
  who TEXT NOT NULL CHECK (who <> ''),
  road TEXT NOT NULL CHECK (road IN ('api', 'command')),
  kind TEXT NOT NULL CHECK (kind IN ('read', 'change', 'refused')),
  what TEXT NOT NULL CHECK (what <> ''),
  subject TEXT NOT NULL
) STRICT;

CREATE INDEX access_log_by_subject ON access_log (subject, number);
CREATE INDEX access_log_by_who ON access_log (who, number);

CREATE TRIGGER access_is_never_changed BEFORE UPDATE ON access_log
BEGIN SELECT RAISE(ABORT, 'what is in the access log is never changed'); END;

CREATE TRIGGER access_is_never_replaced BEFORE INSERT ON access_log
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM access_log)
BEGIN SELECT RAISE(ABORT, 'what is in the access log is never replaced, and none is left out'); END;

-- By the log's own time, so that no clock that is set forward shortens it.
CREATE TRIGGER access_is_kept_for_90_days BEFORE DELETE ON access_log
WHEN OLD.at_ms > (SELECT max(at_ms) FROM access_log) - 7776000000
BEGIN SELECT RAISE(ABORT, 'what is in the access log is kept for at least 90 days'); END;
