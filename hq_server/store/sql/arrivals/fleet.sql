-- name: add_store(store_id, name, timezone, business_day_starts, look_up_key, made_at_ms)!
INSERT INTO stores (store_id, name, timezone, business_day_starts, look_up_key, made_at_ms)
VALUES (:store_id, :name, :timezone, :business_day_starts, :look_up_key, :made_at_ms);

-- name: change_store(store_id, name, timezone, business_day_starts)!
UPDATE stores SET name = :name, timezone = :timezone, business_day_starts = :business_day_starts
WHERE store_id = :store_id;

-- name: store(store_id)^
SELECT store_id, name, timezone, business_day_starts, look_up_key FROM stores WHERE store_id = :store_id;

-- name: lock_store(store_id)^
-- The first thing an exchange does: what it writes on this side is its store's.
SELECT store_id FROM stores WHERE store_id = :store_id
FOR UPDATE;

-- name: store_in_use(store_id)^
-- A terminal in any state: what it knows of its store, it was told when it enrolled.
SELECT 1 WHERE EXISTS (SELECT 1 FROM terminals WHERE store_id = :store_id)
  OR EXISTS (SELECT 1 FROM events WHERE store_id = :store_id);

-- name: stores()
SELECT store_id, name, timezone, business_day_starts, look_up_key FROM stores ORDER BY store_id;

-- name: store_zones(keys)
-- The zones of these stores.
SELECT store_id, timezone FROM stores WHERE store_id IN (SELECT store_id FROM ROWS(:keys, store_id TEXT) AS wanted);

-- name: add_invite(store_id, secret_hash, terminal_id, preapproved, made_at_ms, expires_at_ms)!
INSERT INTO invites (store_id, secret_hash, terminal_id, preapproved, made_at_ms, expires_at_ms)
VALUES (:store_id, :secret_hash, :terminal_id, :preapproved, :made_at_ms, :expires_at_ms);

-- name: invite(secret_hash)^
-- All stores are asked: a code does not say whose it is.
SELECT store_id, terminal_id, preapproved, expires_at_ms, used_by FROM invites WHERE secret_hash = :secret_hash;

-- name: use_invite(store_id, secret_hash, terminal_id, used_by)!
UPDATE invites SET terminal_id = :terminal_id, used_by = :used_by
WHERE store_id = :store_id AND secret_hash = :secret_hash AND used_by IS NULL;

-- name: put_terminal(store_id, terminal_id, state, key_id, epoch, enrolled_at_ms, software)!
INSERT INTO terminals (store_id, terminal_id, state, key_id, epoch, enrolled_at_ms, seen_at_ms, software)
VALUES (:store_id, :terminal_id, :state, :key_id, :epoch, :enrolled_at_ms, :enrolled_at_ms, :software)
ON CONFLICT (store_id, terminal_id) DO UPDATE
SET state = excluded.state, reason = '', key_id = excluded.key_id, epoch = excluded.epoch,
  enrolled_at_ms = excluded.enrolled_at_ms, seen_at_ms = excluded.seen_at_ms, software = excluded.software;

-- name: add_terminal_key(store_id, terminal_id, key_id, public_key)!
INSERT INTO terminal_keys (store_id, terminal_id, key_id, public_key)
VALUES (:store_id, :terminal_id, :key_id, :public_key)
ON CONFLICT (store_id, terminal_id, key_id) DO NOTHING;

-- name: terminal_keys(store_id, terminal_id)
SELECT key_id, public_key FROM terminal_keys WHERE store_id = :store_id AND terminal_id = :terminal_id;

-- name: terminal_by_key(key_id)^
-- By any key that it ever had. All stores are asked: an envelope names its key before it names its store.
SELECT terminals.store_id, terminals.terminal_id, state, reason, terminals.key_id, epoch
FROM terminal_keys JOIN terminals USING (store_id, terminal_id) WHERE terminal_keys.key_id = :key_id;

-- name: key_end(store_id, terminal_id, key_id)^
-- Until when a terminal's key is good, and why not for longer.
SELECT until_ms, ended FROM terminal_keys
WHERE store_id = :store_id AND terminal_id = :terminal_id AND key_id = :key_id;

-- name: end_terminal_keys(store_id, terminal_id, until_ms, ended)!
-- All keys that it has so far; of those that have an end the earlier one stands.
UPDATE terminal_keys SET until_ms = :until_ms, ended = :ended
WHERE store_id = :store_id AND terminal_id = :terminal_id AND coalesce(until_ms, :until_ms) >= :until_ms;

-- name: set_terminal_key(store_id, terminal_id, key_id)!
UPDATE terminals SET key_id = :key_id WHERE store_id = :store_id AND terminal_id = :terminal_id;

-- name: tills_believing_server(key_id, first)^
-- Tills that may take part and said last that they believe this key; those that never said so believe the first.
SELECT count(*) FROM terminals WHERE state <> 'revoked' AND (hq_key = :key_id OR (:first = 1 AND hq_key IS NULL));

-- name: tills_believing_programme(key_id, first)^
SELECT count(*) FROM terminals
WHERE state <> 'revoked' AND (programme_key = :key_id OR (:first = 1 AND programme_key IS NULL));

-- name: note_beliefs(store_id, terminal_id, hq_key, programme_key)!
UPDATE terminals SET hq_key = :hq_key, programme_key = :programme_key
WHERE store_id = :store_id AND terminal_id = :terminal_id
  AND (hq_key IS DISTINCT FROM :hq_key OR programme_key IS DISTINCT FROM :programme_key);

-- name: terminal(store_id, terminal_id)^
SELECT store_id, terminal_id, state, reason, key_id, epoch FROM terminals
WHERE store_id = :store_id AND terminal_id = :terminal_id;

-- name: terminals_named(terminal_id)
-- All stores are asked: people name a terminal by its id alone.
SELECT store_id, terminal_id, state, reason, key_id, epoch FROM terminals WHERE terminal_id = :terminal_id;

-- name: terminal_ids(store_id)
-- Ids that are taken in a store, by terminals or by invites.
SELECT terminal_id FROM terminals WHERE store_id = :store_id
UNION SELECT terminal_id FROM invites WHERE store_id = :store_id AND terminal_id IS NOT NULL;

-- name: terminals()
SELECT store_id, terminal_id, state, reason, key_id, epoch, enrolled_at_ms, seen_at_ms, software, waiting,
  quarantined, disk_free_bytes, clock_ahead_ms, said_version
FROM terminals ORDER BY store_id, terminal_id;

-- name: tills_heard(since_ms)^
SELECT count(*) FILTER (WHERE seen_at_ms >= :since_ms), count(*) FROM terminals WHERE state = 'approved';

-- name: set_terminal_state(store_id, terminal_id, state, reason)!
UPDATE terminals SET state = :state, reason = :reason WHERE store_id = :store_id AND terminal_id = :terminal_id;

-- name: terminal_was_seen(store_id, terminal_id, seen_at_ms, software, waiting, quarantined, disk_free_bytes, epoch, head, version, told, news)!
-- By a request that brings news, or is no older than the one by which it was seen last.
UPDATE terminals
SET seen_at_ms = :seen_at_ms, software = :software, waiting = :waiting, quarantined = :quarantined,
  disk_free_bytes = :disk_free_bytes, said_epoch = :epoch, said_head = :head, said_version = :version,
  said_changes = :told
WHERE store_id = :store_id AND terminal_id = :terminal_id
  AND (:news = 1 OR (:epoch, :head, :version, :told) >= (said_epoch, said_head, said_version, said_changes));

-- name: programmes_at_tills()
-- Which version each terminal that takes part said last that it has, 0 for none.
SELECT terminal_id, said_version FROM terminals WHERE state = 'approved' ORDER BY terminal_id;

-- name: tills_lacking_programme(version)^
SELECT count(*) FROM terminals WHERE state = 'approved' AND said_version < :version;

-- name: till_counts()
-- By state: how many terminals, the longest unheard of them, and what they said of their queues and what they set aside.
SELECT state, count(*), min(seen_at_ms), CAST(sum(waiting) AS BIGINT),
  CAST(sum(quarantined) AS BIGINT) FROM terminals GROUP BY state;

-- name: watermarks()^
-- Of the approved terminals: how many have closed no day yet, and the oldest last day that was closed.
SELECT count(*) FILTER (WHERE of_terminal.last_day IS NULL), min(of_terminal.last_day)
FROM (
  SELECT CASE count(open_journals.last_day) WHEN count(*) THEN min(open_journals.last_day) END AS last_day
  FROM terminals LEFT JOIN open_journals ON open_journals.store_id = terminals.store_id
    AND open_journals.terminal_id = terminals.terminal_id
  WHERE terminals.state = 'approved'
  GROUP BY terminals.store_id, terminals.terminal_id
) AS of_terminal;

-- name: open_journals(store_id, terminal_id)
SELECT epoch, branch, seq, last_day FROM open_journals
WHERE store_id = :store_id AND terminal_id = :terminal_id ORDER BY epoch, branch;
