-- name: add_webhook(name, url, secret, cursor, made_by, made_at_ms)!
INSERT INTO webhooks (name, url, secret, state, cursor, made_by, made_at_ms)
VALUES (:name, :url, :secret, 'on', :cursor, :made_by, :made_at_ms)
ON CONFLICT (name) DO NOTHING;

-- name: webhooks()
SELECT name, url, state, attempts, next_at_ms, failing_since_ms, outcome, delivered_at_ms, made_by, made_at_ms
FROM webhooks ORDER BY name;

-- name: webhook(name)^
SELECT name, url, secret, state, cursor, message_id, body, body_cursor, attempts, next_at_ms, failing_since_ms
FROM webhooks WHERE name = :name;

-- name: webhook_counts()
-- By state: how many, and since when the one fails that has failed longest.
SELECT state, count(*), min(failing_since_ms) FROM webhooks GROUP BY state ORDER BY state;

-- name: webhooks_due(now_ms)
SELECT name FROM webhooks WHERE state = 'on' AND next_at_ms <= :now_ms ORDER BY name;

-- name: put_message(name, cursor, message_id, body, body_cursor)!
-- What is to be delivered next, where nothing waits and nobody else has come further.
UPDATE webhooks SET message_id = :message_id, body = :body, body_cursor = :body_cursor
WHERE name = :name AND cursor = :cursor AND message_id = '';

-- name: take_message(name, message_id, now_ms, until_ms)!
-- From now until then this server sends it.
UPDATE webhooks SET attempts = attempts + 1, next_at_ms = :until_ms
WHERE name = :name AND message_id = :message_id AND state = 'on' AND next_at_ms <= :now_ms;

-- name: message_delivered(name, message_id, outcome, now_ms)!
UPDATE webhooks SET cursor = body_cursor, message_id = '', body = NULL, body_cursor = '', attempts = 0,
  next_at_ms = 0, failing_since_ms = NULL, outcome = :outcome, delivered_at_ms = :now_ms
WHERE name = :name AND message_id = :message_id;

-- name: message_failed(name, message_id, outcome, now_ms, next_at_ms)!
UPDATE webhooks SET next_at_ms = :next_at_ms, outcome = :outcome,
  failing_since_ms = coalesce(failing_since_ms, :now_ms)
WHERE name = :name AND message_id = :message_id;

-- name: set_webhook_state(name, state)!
-- One that is on again is tried at once, as if it had never failed.
UPDATE webhooks SET state = :state, attempts = 0, next_at_ms = 0, failing_since_ms = NULL WHERE name = :name;

-- name: set_webhook_aside(name, message_id)!
UPDATE webhooks SET state = 'set_aside' WHERE name = :name AND message_id = :message_id AND state = 'on';

-- name: drop_webhook(name)!
DELETE FROM webhooks WHERE name = :name;
