-- name: heads(store_id, terminal_id)
-- Every journal of a terminal and how far it is kept.
SELECT epoch, branch, seq, hash FROM heads
WHERE store_id = :store_id AND terminal_id = :terminal_id ORDER BY epoch, branch;

-- name: head(store_id, terminal_id, epoch, branch)^
SELECT seq, hash FROM heads
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch;

-- name: journals_of(store_id, terminal_id, epoch)
-- The branches of an epoch: how far each is kept, and what it follows.
SELECT heads.branch, heads.seq, heads.hash, journals.parent_epoch, journals.parent_branch, journals.parent_seq
FROM heads JOIN journals ON journals.store_id = heads.store_id AND journals.terminal_id = heads.terminal_id
  AND journals.epoch = heads.epoch AND journals.branch = heads.branch
WHERE heads.store_id = :store_id AND heads.terminal_id = :terminal_id AND heads.epoch = :epoch
ORDER BY heads.branch;

-- name: journals_after(store_id, terminal_id, parent_epoch, parent_branch, parent_seq)
-- The journals that go on after a record.
SELECT epoch, branch FROM journals
WHERE store_id = :store_id AND terminal_id = :terminal_id AND parent_epoch = :parent_epoch
  AND parent_branch = :parent_branch AND parent_seq = :parent_seq
ORDER BY epoch, branch;

-- name: add_journal(store_id, terminal_id, epoch, branch, parent_epoch, parent_branch, parent_seq)!
INSERT INTO journals (store_id, terminal_id, epoch, branch, parent_epoch, parent_branch, parent_seq)
VALUES (:store_id, :terminal_id, :epoch, :branch, :parent_epoch, :parent_branch, :parent_seq);

-- name: allotted(store_id, terminal_id, of_epoch, of_branch, of_seq, lacks)^
SELECT epoch FROM allotted_epochs
WHERE store_id = :store_id AND terminal_id = :terminal_id AND of_epoch = :of_epoch AND of_branch = :of_branch
  AND of_seq = :of_seq AND lacks = :lacks;

-- name: allot_epoch(store_id, terminal_id, epoch, of_epoch, of_branch, of_seq, lacks, allotted_at_ms)!
INSERT INTO allotted_epochs (store_id, terminal_id, epoch, of_epoch, of_branch, of_seq, lacks, allotted_at_ms)
VALUES (:store_id, :terminal_id, :epoch, :of_epoch, :of_branch, :of_seq, :lacks, :allotted_at_ms);

-- name: raise_epoch(store_id, terminal_id, epoch)!
UPDATE terminals SET epoch = :epoch
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch < :epoch;

-- name: move_head(store_id, terminal_id, epoch, branch, seq, hash)!
INSERT INTO heads (store_id, terminal_id, epoch, branch, seq, hash)
VALUES (:store_id, :terminal_id, :epoch, :branch, :seq, :hash)
ON CONFLICT (store_id, terminal_id, epoch, branch) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
WHERE excluded.seq > heads.seq;

-- name: keep_batch(store_id, terminal_id, epoch, branch, first_seq, last_seq, last_hash, envelope, received_at_ms)!
INSERT INTO batches (store_id, terminal_id, epoch, branch, first_seq, last_seq, last_hash, envelope, received_at_ms)
VALUES (:store_id, :terminal_id, :epoch, :branch, :first_seq, :last_seq, :last_hash, :envelope, :received_at_ms);

-- name: keep_hashes(store_id, terminal_id, epoch, branch, first_seq, hashes)!
INSERT INTO batch_hashes (store_id, terminal_id, epoch, branch, first_seq, hashes)
VALUES (:store_id, :terminal_id, :epoch, :branch, :first_seq, :hashes);

-- name: batches_over(store_id, terminal_id, epoch, branch, first_seq, last_seq)
-- Kept batches that hold any of these records; those of a branch follow one another.
SELECT envelope, first_seq FROM batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq <= :last_seq AND last_seq >= :first_seq
  AND first_seq >= coalesce((
    SELECT max(b.first_seq) FROM batches AS b
    WHERE b.store_id = :store_id AND b.terminal_id = :terminal_id AND b.epoch = :epoch AND b.branch = :branch
      AND b.first_seq <= :first_seq
  ), 0)
ORDER BY first_seq;

-- name: hashes_over(store_id, terminal_id, epoch, branch, first_seq, last_seq)
-- What tells the hashes of these records: those of their batch, or the batch itself where it has none.
SELECT b.first_seq, CASE WHEN b.first_seq = b.last_seq THEN b.last_hash ELSE h.hashes END,
  CASE WHEN b.first_seq < b.last_seq AND h.hashes IS NULL THEN b.envelope END
FROM batches AS b LEFT JOIN batch_hashes AS h USING (store_id, terminal_id, epoch, branch, first_seq)
WHERE b.store_id = :store_id AND b.terminal_id = :terminal_id AND b.epoch = :epoch AND b.branch = :branch
  AND b.first_seq <= :last_seq AND b.last_seq >= :first_seq
  AND b.first_seq >= coalesce((
    SELECT max(c.first_seq) FROM batches AS c
    WHERE c.store_id = :store_id AND c.terminal_id = :terminal_id AND c.epoch = :epoch AND c.branch = :branch
      AND c.first_seq <= :first_seq
  ), 0)
ORDER BY b.first_seq;

-- name: batches(store_id, terminal_id, epoch, branch)
SELECT first_seq, last_seq, last_hash, envelope, hashes FROM batches
LEFT JOIN batch_hashes USING (store_id, terminal_id, epoch, branch, first_seq)
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
ORDER BY first_seq;

-- name: add_event(store_id, terminal_id, epoch, branch, seq, code, business_day, state, receipt_key, record)*!
INSERT INTO events (store_id, terminal_id, epoch, branch, seq, code, business_day, state, receipt_key, record)
VALUES (:store_id, :terminal_id, :epoch, :branch, :seq, :code, :business_day, :state, :receipt_key, :record);

-- name: take_event(store_id, terminal_id, epoch, branch, seq, code, business_day, state, receipt_key, record)*!
-- One that was set aside.
UPDATE events SET code = :code, business_day = :business_day, state = :state, receipt_key = :receipt_key,
  record = :record
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq = :seq;

-- name: receipt_key_of(store_id, terminal_id, epoch, branch, seq)^
SELECT receipt_key FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq = :seq;

-- name: last_day(store_id, terminal_id)^
-- The business day of the last event that a terminal has reported.
SELECT business_day FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND business_day IS NOT NULL
ORDER BY epoch DESC, branch DESC, seq DESC LIMIT 1;

-- name: journals()
-- Every journal of every terminal, how far it is kept, and what it follows; a branch comes after what it leaves.
SELECT heads.store_id, heads.terminal_id, heads.epoch, heads.branch, heads.seq, heads.hash, journals.parent_epoch,
  journals.parent_branch, journals.parent_seq
FROM heads JOIN journals ON journals.store_id = heads.store_id AND journals.terminal_id = heads.terminal_id
  AND journals.epoch = heads.epoch AND journals.branch = heads.branch
ORDER BY heads.store_id, heads.terminal_id, heads.epoch, heads.branch;

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

-- name: record(store_id, terminal_id, epoch, branch, seq)^
SELECT record FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq = :seq;

-- name: batch_of(store_id, terminal_id, epoch, branch, seq)
-- The batch that holds a record, and which record is the first that was kept of it; those of a branch follow one another.
SELECT envelope, received_at_ms, first_seq FROM batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND last_seq >= :seq AND first_seq = (
    SELECT max(b.first_seq) FROM batches AS b
    WHERE b.store_id = :store_id AND b.terminal_id = :terminal_id AND b.epoch = :epoch AND b.branch = :branch
      AND b.first_seq <= :seq
  );

-- name: kept_records()^
SELECT CAST(coalesce(sum(heads.seq), 0)
  - coalesce((SELECT sum(parent_seq) FROM journals WHERE parent_epoch = epoch), 0) AS BIGINT)
FROM heads;
