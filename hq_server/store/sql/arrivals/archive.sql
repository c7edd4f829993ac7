-- name: batches_to_archive(before_ms, before_day)
-- Batches that came before an instant, of which every record is taken, counted, and of a day before this one.
SELECT b.store_id, b.terminal_id, b.epoch, b.branch, b.first_seq, b.last_seq, b.received_at_ms, b.envelope
FROM batches AS b
WHERE b.received_at_ms < :before_ms AND length(b.envelope) > 0
  AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.store_id = b.store_id AND e.terminal_id = b.terminal_id
    AND e.epoch = b.epoch AND e.branch = b.branch AND e.seq BETWEEN b.first_seq AND b.last_seq
    AND (e.state <> 'taken' OR e.business_day IS NULL OR e.business_day >= :before_day))
  AND EXISTS (SELECT 1 FROM closings AS c WHERE c.store_id = b.store_id AND c.terminal_id = b.terminal_id
    AND c.epoch = b.epoch AND c.branch = b.branch AND c.behind = 0 AND c.counted >= b.last_seq)
ORDER BY b.store_id, b.terminal_id, b.epoch, b.branch, b.first_seq;

-- name: unfiled_between(store_id, terminal_id, epoch, branch, first_seq, last_seq)
-- Events of which no row keeps the bytes.
SELECT seq FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND seq BETWEEN :first_seq AND :last_seq AND record IS NULL
ORDER BY seq;

-- name: batch_at(store_id, terminal_id, epoch, branch, first_seq)^
SELECT last_seq, envelope FROM batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq = :first_seq;

-- name: has_hashes(store_id, terminal_id, epoch, branch, first_seq)^
SELECT 1 FROM batch_hashes
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq = :first_seq;

-- name: note_archived(store_id, terminal_id, epoch, branch, first_seq, file, sha256, bytes, names, archived_at_ms)!
INSERT INTO archived_batches (store_id, terminal_id, epoch, branch, first_seq, file, sha256, bytes, names,
  archived_at_ms)
VALUES (:store_id, :terminal_id, :epoch, :branch, :first_seq, :file, :sha256, :bytes, :names, :archived_at_ms);

-- name: put_envelope(store_id, terminal_id, epoch, branch, first_seq, envelope)!
-- Empty while it is archived.
UPDATE batches SET envelope = :envelope
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq = :first_seq;

-- name: archived(store_id, terminal_id, epoch, branch, first_seq)^
SELECT file, sha256, names FROM archived_batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq = :first_seq;

-- name: archived_batches(terminal_id, count)
-- Those of a terminal, or of all of them where none is named.
SELECT store_id, terminal_id, epoch, branch, first_seq, file, sha256 FROM archived_batches
WHERE :terminal_id = '' OR terminal_id = :terminal_id
ORDER BY store_id, terminal_id, epoch, branch, first_seq LIMIT :count;

-- name: forget_archived(store_id, terminal_id, epoch, branch, first_seq)!
DELETE FROM archived_batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq = :first_seq;

-- name: archives()
-- Every file of the archive and how many batches are there.
SELECT file, count(*) FROM archived_batches GROUP BY file ORDER BY file;
