-- name: boot_was_read(store_id, terminal_id, boot_id, zero_ms)!
INSERT INTO boots (store_id, terminal_id, boot_id, zero_ms, zero_last_ms)
VALUES (:store_id, :terminal_id, :boot_id, :zero_ms, :zero_ms)
ON CONFLICT (store_id, terminal_id, boot_id) DO UPDATE
SET zero_ms = CASE WHEN excluded.zero_ms < boots.zero_ms THEN excluded.zero_ms ELSE boots.zero_ms END,
  zero_last_ms = CASE WHEN excluded.zero_last_ms > coalesce(boots.zero_last_ms, boots.zero_ms)
    THEN excluded.zero_last_ms ELSE coalesce(boots.zero_last_ms, boots.zero_ms) END;

-- name: boot(store_id, terminal_id, boot_id)^
SELECT zero_ms FROM boots WHERE store_id = :store_id AND terminal_id = :terminal_id AND boot_id = :boot_id;

-- name: add_clock_mark(store_id, terminal_id, epoch, branch, seq, boot_id, monotonic_ms, wall_ms)*!
INSERT INTO clock_marks (store_id, terminal_id, epoch, branch, seq, boot_id, monotonic_ms, wall_ms)
VALUES (:store_id, :terminal_id, :epoch, :branch, :seq, :boot_id, :monotonic_ms, :wall_ms);

-- name: forget_clock_marks(store_id, terminal_id, epoch, branch, first_seq, last_seq)!
DELETE FROM clock_marks
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND seq BETWEEN :first_seq AND :last_seq;

-- name: clock_mark(store_id, terminal_id, epoch, branch, seq)^
-- The last mark up to a record, when its boot began by HQ's time where that is known, and how far its readings differ.
SELECT clock_marks.boot_id, clock_marks.monotonic_ms, clock_marks.wall_ms, boots.zero_ms,
  coalesce(boots.zero_last_ms - boots.zero_ms, 0)
FROM clock_marks LEFT JOIN boots USING (store_id, terminal_id, boot_id)
WHERE clock_marks.store_id = :store_id AND clock_marks.terminal_id = :terminal_id
  AND clock_marks.epoch = :epoch AND clock_marks.branch = :branch AND clock_marks.seq <= :seq
ORDER BY clock_marks.seq DESC LIMIT 1;

-- name: journal_parent(store_id, terminal_id, epoch, branch)^
-- The journal that this one goes on from, and its last record that both have.
SELECT parent_epoch, parent_branch, parent_seq FROM journals
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND parent_epoch IS NOT NULL;

-- name: clock_known_before(store_id, terminal_id, epoch, branch, seq)^
-- HQ's time of the last mark before a record of which it is known.
SELECT boots.zero_ms + clock_marks.monotonic_ms
FROM clock_marks JOIN boots USING (store_id, terminal_id, boot_id)
WHERE clock_marks.store_id = :store_id AND clock_marks.terminal_id = :terminal_id
  AND clock_marks.epoch = :epoch AND clock_marks.branch = :branch AND clock_marks.seq <= :seq
ORDER BY clock_marks.seq DESC LIMIT 1;

-- name: clock_known_after(store_id, terminal_id, epoch, branch, seq)^
-- HQ's time of the first mark after a record of which it is known.
SELECT boots.zero_ms + clock_marks.monotonic_ms
FROM clock_marks JOIN boots USING (store_id, terminal_id, boot_id)
WHERE clock_marks.store_id = :store_id AND clock_marks.terminal_id = :terminal_id
  AND clock_marks.epoch = :epoch AND clock_marks.branch = :branch AND clock_marks.seq > :seq
ORDER BY clock_marks.seq LIMIT 1;

-- name: met(store_id, terminal_id, epoch, branch, seq, met_at_ms)!
INSERT INTO meetings (store_id, terminal_id, epoch, branch, seq, met_at_ms)
VALUES (:store_id, :terminal_id, :epoch, :branch, :seq, :met_at_ms)
ON CONFLICT (store_id, terminal_id, epoch, branch) DO UPDATE SET seq = excluded.seq, met_at_ms = excluded.met_at_ms
WHERE meetings.met_at_ms <= excluded.met_at_ms;

-- name: meeting(store_id, terminal_id, epoch, branch, seq)^
SELECT met_at_ms, seq FROM meetings
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq <= :seq;

-- name: joined_at(store_id, terminal_id)^
SELECT enrolled_at_ms FROM terminals WHERE store_id = :store_id AND terminal_id = :terminal_id;

-- name: clock_was_read(store_id, terminal_id, clock_ahead_ms)!
UPDATE terminals SET clock_ahead_ms = :clock_ahead_ms WHERE store_id = :store_id AND terminal_id = :terminal_id;

-- name: clocks_read(tolerance_ms)^
-- How many tills' clocks have been read, and how many of them are further off.
SELECT count(*), count(*) FILTER (WHERE abs(clock_ahead_ms) > :tolerance_ms) FROM terminals
WHERE state = 'approved' AND clock_ahead_ms IS NOT NULL;

-- name: dated_events(terminal_id, count)
-- Events of a terminal that are open as dated wrongly, wherever they are filed, the oldest first.
SELECT subject FROM arrival_exceptions
WHERE closed_at_ms IS NULL AND kind IN ('dated_ahead', 'dated_wrong')
  AND substr(subject, 1, length(:terminal_id) + 1) = :terminal_id || '.'
ORDER BY opened_at_ms, length(subject), subject LIMIT :count;
