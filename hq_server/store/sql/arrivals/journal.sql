-- name: heads(store_id, terminal_id)
-- Every journal of a terminal and how far it is kept.
SELECT epoch, branch, seq, hash FROM heads
WHERE store_id = :store_id AND terminal_id = :terminal_id ORDER BY epoch, branch;

-- name: head(store_id, terminal_id, epoch, branch)^
SELECT seq, hash FROM heads
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch;

-- name: move_head(store_id, terminal_id, epoch, branch, seq, hash)!
INSERT INTO heads (store_id, terminal_id, epoch, branch, seq, hash)
VALUES (:store_id, :terminal_id, :epoch, :branch, :seq, :hash)
ON CONFLICT (store_id, terminal_id, epoch, branch) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
WHERE excluded.seq > heads.seq;

-- name: keep_batch(store_id, terminal_id, epoch, branch, first_seq, last_seq, last_hash, envelope, received_at_ms)!
INSERT INTO batches (store_id, terminal_id, epoch, branch, first_seq, last_seq, last_hash, envelope, received_at_ms)
VALUES (:store_id, :terminal_id, :epoch, :branch, :first_seq, :last_seq, :last_hash, :envelope, :received_at_ms);

-- name: batches_over(store_id, terminal_id, epoch, branch, first_seq, last_seq)
-- Kept batches that hold any of these records.
SELECT first_seq, last_seq, envelope FROM batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq <= :last_seq AND last_seq >= :first_seq
ORDER BY first_seq;

-- name: batches(store_id, terminal_id, epoch, branch)
SELECT first_seq, last_seq, last_hash, envelope FROM batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
ORDER BY first_seq;

-- name: add_event(store_id, terminal_id, epoch, branch, seq, code, business_day, state, receipt_key, record)*!
INSERT INTO events (store_id, terminal_id, epoch, branch, seq, code, business_day, state, receipt_key, record)
VALUES (:store_id, :terminal_id, :epoch, :branch, :seq, :code, :business_day, :state, :receipt_key, :record);

-- name: receipt_key_of(store_id, terminal_id, epoch, branch, seq)^
SELECT receipt_key FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq = :seq;

-- name: last_day(store_id, terminal_id)^
-- The business day of the last event that a terminal has reported.
SELECT business_day FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND business_day IS NOT NULL
ORDER BY epoch DESC, branch DESC, seq DESC LIMIT 1;

-- name: journals()
-- Every journal of every terminal and how far it is kept.
SELECT store_id, terminal_id, epoch, branch, seq, hash FROM heads ORDER BY store_id, terminal_id, epoch, branch;

-- name: event_counts()
-- How many events each journal has.
SELECT store_id, terminal_id, epoch, branch, count(*) FROM events
GROUP BY store_id, terminal_id, epoch, branch;

-- name: events_between(store_id, terminal_id, epoch, branch, first_seq, last_seq)
SELECT seq, code, business_day, state, receipt_key, record FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND seq BETWEEN :first_seq AND :last_seq
ORDER BY seq;

-- name: event(store_id, terminal_id, epoch, branch, seq)^
SELECT state, receipt_key FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq = :seq;

-- name: batch_of(store_id, terminal_id, epoch, branch, seq)
-- The batch that holds a record.
SELECT envelope, received_at_ms FROM batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq <= :seq AND last_seq >= :seq
ORDER BY first_seq;

-- name: booted_before(store_id, terminal_id, epoch, branch, seq)^
-- The last start of the till (code 12) up to a record.
SELECT seq FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND seq <= :seq AND code = 12
ORDER BY seq DESC LIMIT 1;

-- name: kept_records()^
SELECT coalesce(sum(seq), 0) FROM heads;
