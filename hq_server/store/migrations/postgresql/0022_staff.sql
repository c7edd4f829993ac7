-- Staff: people with passwords and roles, tokens with scopes, and who looked at or changed what.

-- form is the name as two spellings of it are compared. roles are parted by spaces. totp is the secret, sealed under
-- a key that is not in the database; totp_step the last step whose code was taken. An account is disabled, and stays.
CREATE TABLE staff (
  name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  form TEXT COLLATE "C" NOT NULL UNIQUE,
  roles TEXT COLLATE "C" NOT NULL,
  password TEXT COLLATE "C" NOT NULL CHECK (password <> ''),
  totp BYTEA,
  totp_step BIGINT NOT NULL DEFAULT 0,
  failures BIGINT NOT NULL DEFAULT 0,
  wait_until_ms BIGINT NOT NULL DEFAULT 0,
  made_at_ms BIGINT NOT NULL,
  disabled_at_ms BIGINT
);

CREATE TRIGGER account_is_never_deleted BEFORE DELETE ON staff
FOR EACH ROW EXECUTE FUNCTION refuse('an account is disabled, and never deleted: decisions name it');

CREATE TRIGGER account_is_never_truncated BEFORE TRUNCATE ON staff
FOR EACH STATEMENT EXECUTE FUNCTION refuse('an account is disabled, and never deleted: decisions name it');

CREATE TRIGGER account_keeps_its_name BEFORE UPDATE ON staff
FOR EACH ROW WHEN (OLD.name <> NEW.name OR OLD.form <> NEW.form)
EXECUTE FUNCTION refuse('an account keeps its name: decisions name it');

-- A person who has logged in, by the hash of what the session's requests carry.
CREATE TABLE sessions (
  hash BYTEA NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
  name TEXT COLLATE "C" NOT NULL,
  with_totp BIGINT NOT NULL CHECK (with_totp IN (0, 1)),
  begun_at_ms BIGINT NOT NULL,
  used_at_ms BIGINT NOT NULL
);

-- scopes are parted by spaces. answers is the account that made the token, '' where nobody said who.
ALTER TABLE tokens ADD COLUMN scopes TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN answers TEXT COLLATE "C" NOT NULL DEFAULT '';

-- What tokens opened before there were scopes they open still.
UPDATE tokens SET scopes = CASE metrics_only WHEN 1 THEN 'metrics'
  ELSE 'approve metrics read:house read:members write:decisions' END;

-- subject is a member's id, '*' for many members, or what else was changed.
CREATE TABLE access_log (
  number BIGINT NOT NULL PRIMARY KEY CHECK (number >= 1),
  at_ms BIGINT NOT NULL,
  who TEXT COLLATE "C" NOT NULL CHECK (who <> ''),
  road TEXT COLLATE "C" NOT NULL CHECK (road IN ('api', 'command')),
  kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('read', 'change', 'refused')),
  what TEXT COLLATE "C" NOT NULL CHECK (what <> ''),
  subject TEXT COLLATE "C" NOT NULL
);

CREATE INDEX access_log_by_subject ON access_log (subject, number);
CREATE INDEX access_log_by_who ON access_log (who, number);

CREATE TRIGGER access_is_never_changed BEFORE UPDATE ON access_log
FOR EACH ROW EXECUTE FUNCTION refuse('what is in the access log is never changed');

CREATE TRIGGER access_is_never_truncated BEFORE TRUNCATE ON access_log
FOR EACH STATEMENT EXECUTE FUNCTION refuse('what is in the access log is kept for at least 90 days');

CREATE FUNCTION refuse_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM access_log) THEN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER access_is_never_replaced BEFORE INSERT ON access_log
FOR EACH ROW EXECUTE FUNCTION refuse_access('what is in the access log is never replaced, and none is left out');

-- By the log's own time, so that no clock that is set forward shortens it.
CREATE FUNCTION refuse_forgetting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.at_ms > (SELECT max(at_ms) FROM access_log) - 7776000000 THEN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN OLD;
END $$;

CREATE TRIGGER access_is_kept_for_90_days BEFORE DELETE ON access_log
FOR EACH ROW EXECUTE FUNCTION refuse_forgetting('what is in the access log is kept for at least 90 days');
