-- name: add_account(name, form, roles, password, made_at_ms)!
INSERT INTO staff (name, form, roles, password, made_at_ms) VALUES (:name, :form, :roles, :password, :made_at_ms)
ON CONFLICT DO NOTHING;

-- name: account(name)^
SELECT name, roles, password, totp, totp_step, failures, wait_until_ms, made_at_ms, disabled_at_ms
FROM staff WHERE name = :name;

-- name: accounts()
SELECT name, roles, password, totp, totp_step, failures, wait_until_ms, made_at_ms, disabled_at_ms
FROM staff ORDER BY made_at_ms, name;

-- name: has_accounts()^
SELECT 1 FROM staff LIMIT 1;

-- name: account_of_form(form)^
SELECT name FROM staff WHERE form = :form;

-- name: set_roles(name, roles)!
UPDATE staff SET roles = :roles WHERE name = :name;

-- name: set_password(name, password)!
UPDATE staff SET password = :password, failures = 0, wait_until_ms = 0 WHERE name = :name;

-- name: set_totp(name, totp, step)!
UPDATE staff SET totp = :totp, totp_step = :step WHERE name = :name;

-- name: take_step(name, step)!
-- A code is taken once: a step that was taken, or one before it, touches no row.
UPDATE staff SET totp_step = :step WHERE name = :name AND totp_step < :step;

-- name: charge(name, failures, wait_until_ms)!
UPDATE staff SET failures = :failures, wait_until_ms = :wait_until_ms WHERE name = :name;

-- name: make_stranger_key(key)!
INSERT INTO stranger_keys (number, key) VALUES (1, :key) ON CONFLICT (number) DO NOTHING;

-- name: stranger_key()^
SELECT key FROM stranger_keys;

-- name: stranger(slot)^
SELECT failures, wait_until_ms FROM strangers WHERE slot = :slot;

-- name: charge_stranger(slot, failures, wait_until_ms)!
INSERT INTO strangers (slot, failures, wait_until_ms) VALUES (:slot, :failures, :wait_until_ms)
ON CONFLICT (slot) DO UPDATE SET failures = excluded.failures, wait_until_ms = excluded.wait_until_ms;

-- name: disable(name, disabled_at_ms)!
UPDATE staff SET disabled_at_ms = :disabled_at_ms WHERE name = :name AND disabled_at_ms IS NULL;

-- name: enable(name)!
UPDATE staff SET disabled_at_ms = NULL WHERE name = :name AND disabled_at_ms IS NOT NULL;

-- name: begin_session(hash, name, with_totp, now_ms)!
INSERT INTO sessions (hash, name, with_totp, begun_at_ms, used_at_ms)
VALUES (:hash, :name, :with_totp, :now_ms, :now_ms);

-- name: session(hash)^
SELECT sessions.name, sessions.with_totp, sessions.begun_at_ms, sessions.used_at_ms, staff.roles
FROM sessions JOIN staff ON staff.name = sessions.name AND staff.disabled_at_ms IS NULL
WHERE sessions.hash = :hash;

-- name: use_session(hash, used_at_ms)!
UPDATE sessions SET used_at_ms = :used_at_ms WHERE hash = :hash AND used_at_ms < :used_at_ms;

-- name: end_session(hash)!
DELETE FROM sessions WHERE hash = :hash;

-- name: end_sessions(name)!
DELETE FROM sessions WHERE name = :name;

-- name: forget_sessions(used_before_ms, begun_before_ms)!
DELETE FROM sessions WHERE used_at_ms < :used_before_ms OR begun_at_ms < :begun_before_ms;

-- name: end_all_sessions()!
DELETE FROM sessions;

-- name: keep_access(at_ms, who, road, kind, what, subject)!
INSERT INTO access_log (number, at_ms, who, road, kind, what, subject)
SELECT coalesce(max(number), 0) + 1, :at_ms, :who, :road, :kind, :what, :subject FROM access_log;

-- name: accesses(subject, who, since_ms, before, count)
-- The newest first. '' lets every subject, or everybody, pass; what was about many members is about each.
SELECT number, at_ms, who, road, kind, what, subject FROM access_log
WHERE number < :before AND at_ms >= :since_ms AND (:subject = '' OR subject = :subject OR subject = '*')
  AND (:who = '' OR who = :who)
ORDER BY number DESC LIMIT :count;

-- name: forget_accesses(before_ms, count)!
-- The oldest first, some at once.
DELETE FROM access_log WHERE number IN
  (SELECT number FROM access_log WHERE at_ms < :before_ms ORDER BY number LIMIT :count);

-- name: oldest_access()^
SELECT at_ms FROM access_log ORDER BY number LIMIT 1;

-- name: newest_access()^
SELECT max(at_ms) FROM access_log HAVING count(*) > 0;
