-- name: put_technician(name, form, at_stores, verifier, made_at_ms)!
-- A new one, or one who was revoked; of one who is there nothing changes.
INSERT INTO technicians (name, form, at_stores, verifier, made_at_ms)
VALUES (:name, :form, :at_stores, :verifier, :made_at_ms)
ON CONFLICT (form) DO UPDATE SET at_stores = excluded.at_stores, verifier = excluded.verifier, revoked_at_ms = NULL
WHERE technicians.revoked_at_ms IS NOT NULL;

-- name: technician(form)^
SELECT name, at_stores, verifier, made_at_ms, revoked_at_ms FROM technicians WHERE form = :form;

-- name: technicians()
SELECT name, at_stores, verifier, made_at_ms, revoked_at_ms FROM technicians ORDER BY name;

-- name: set_pin(name, verifier)!
UPDATE technicians SET verifier = :verifier WHERE name = :name;

-- name: revoke_technician(name, revoked_at_ms)!
UPDATE technicians SET revoked_at_ms = :revoked_at_ms WHERE name = :name AND revoked_at_ms IS NULL;

-- name: add_pass(pass_id, name, at_stores, at_terminals, role, made_by, from_ms, until_ms)!
INSERT INTO technician_passes (pass_id, name, at_stores, at_terminals, role, made_by, from_ms, until_ms)
VALUES (:pass_id, :name, :at_stores, :at_terminals, :role, :made_by, :from_ms, :until_ms);

-- name: passes(until_after_ms)
-- Those that are good after this time, whether they were revoked or not.
SELECT pass_id, name, at_stores, at_terminals, role, made_by, from_ms, until_ms, revoked_at_ms, revoked_by, reason
FROM technician_passes WHERE until_ms > :until_after_ms ORDER BY until_ms DESC, pass_id;

-- name: pass_of(pass_id)^
SELECT 1 FROM technician_passes WHERE pass_id = :pass_id;

-- name: revoke_pass(pass_id, revoked_at_ms, revoked_by, reason)!
UPDATE technician_passes SET revoked_at_ms = :revoked_at_ms, revoked_by = :revoked_by, reason = :reason
WHERE pass_id = :pass_id AND revoked_at_ms IS NULL;

-- name: technicians_version()^
SELECT version FROM technician_list;

-- name: raise_technicians_version(at_least)!
INSERT INTO technician_list (number, version) VALUES (1, :at_least)
ON CONFLICT (number) DO UPDATE SET version =
  CASE WHEN technician_list.version < excluded.version THEN excluded.version ELSE technician_list.version + 1 END;
