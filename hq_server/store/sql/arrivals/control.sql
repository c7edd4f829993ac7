-- name: closing(store_id, terminal_id, epoch, branch)^
SELECT counted, behind, first_day, last_day FROM closings
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch;

-- name: put_closing(store_id, terminal_id, epoch, branch, counted, behind, first_day, last_day)!
INSERT INTO closings (store_id, terminal_id, epoch, branch, counted, behind, first_day, last_day)
VALUES (:store_id, :terminal_id, :epoch, :branch, :counted, :behind, :first_day, :last_day)
ON CONFLICT (store_id, terminal_id, epoch, branch) DO UPDATE
SET counted = excluded.counted, behind = excluded.behind, first_day = excluded.first_day,
  last_day = excluded.last_day;

-- name: closing_behind()^
-- A journal with records that were kept before they were counted.
SELECT store_id, terminal_id, epoch, branch FROM closings WHERE behind = 1 ORDER BY store_id, terminal_id LIMIT 1;

-- name: batches_after(store_id, terminal_id, epoch, branch, seq, count)
-- Kept batches that begin after this seq.
SELECT first_seq, last_seq, envelope, received_at_ms FROM batches
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND first_seq > :seq
ORDER BY first_seq LIMIT :count;

-- name: count_day(store_id, terminal_id, epoch, branch, business_day, code, events, net_minor, redeemable, qualifying, first_seq, last_seq)*!
INSERT INTO day_counts (store_id, terminal_id, epoch, branch, business_day, code, events, net_minor, redeemable,
  qualifying, first_seq, last_seq)
VALUES (:store_id, :terminal_id, :epoch, :branch, :business_day, :code, :events, :net_minor, :redeemable,
  :qualifying, :first_seq, :last_seq)
ON CONFLICT (store_id, terminal_id, epoch, branch, business_day, code) DO UPDATE
SET events = day_counts.events + excluded.events, net_minor = day_counts.net_minor + excluded.net_minor,
  redeemable = day_counts.redeemable + excluded.redeemable,
  qualifying = day_counts.qualifying + excluded.qualifying,
  first_seq = CASE WHEN excluded.first_seq < day_counts.first_seq THEN excluded.first_seq ELSE day_counts.first_seq END,
  last_seq = CASE WHEN excluded.last_seq > day_counts.last_seq THEN excluded.last_seq ELSE day_counts.last_seq END;

-- name: counts_of_days(store_id, terminal_id, epoch, branch, days)
-- What a journal holds of these business days.
SELECT day_counts.business_day, day_counts.code, day_counts.first_seq, day_counts.last_seq, day_counts.events,
  day_counts.net_minor, day_counts.redeemable, day_counts.qualifying
FROM ROWS(:days, business_day INTEGER) AS wanted
CROSS JOIN day_counts ON day_counts.store_id = :store_id AND day_counts.terminal_id = :terminal_id
  AND day_counts.epoch = :epoch AND day_counts.branch = :branch AND day_counts.business_day = wanted.business_day;

-- name: day_counts(store_id, terminal_id, epoch, branch)
-- What is counted of a journal, in the order of a tally.
SELECT business_day, code, first_seq, last_seq, events, net_minor, redeemable, qualifying FROM day_counts
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch;

-- name: close_day(store_id, terminal_id, epoch, branch, business_day, seq, figures, closed_at_ms)*!
INSERT INTO closed_days (store_id, terminal_id, epoch, branch, business_day, seq, figures, closed_at_ms)
VALUES (:store_id, :terminal_id, :epoch, :branch, :business_day, :seq, :figures, :closed_at_ms)
ON CONFLICT (store_id, terminal_id, epoch, branch, business_day) DO UPDATE
SET seq = excluded.seq, figures = excluded.figures, closed_at_ms = excluded.closed_at_ms
WHERE excluded.seq > closed_days.seq;

-- name: closed_days(store_id, terminal_id, epoch, branch, days)
-- What a journal declares of these business days.
SELECT closed_days.business_day, closed_days.seq, closed_days.figures, closed_days.closed_at_ms
FROM ROWS(:days, business_day INTEGER) AS wanted
CROSS JOIN closed_days ON closed_days.store_id = :store_id AND closed_days.terminal_id = :terminal_id
  AND closed_days.epoch = :epoch AND closed_days.branch = :branch AND closed_days.business_day = wanted.business_day;

-- name: closed_after(store_id, terminal_id, epoch, branch, business_day)
SELECT business_day FROM closed_days
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND business_day > :business_day
ORDER BY business_day;

-- name: declarations(store_id, terminal_id, epoch, branch)
-- The business days that a journal declares (code 11), those that are believed, in its order.
SELECT events.business_day FROM events
JOIN closed_days ON closed_days.store_id = events.store_id AND closed_days.terminal_id = events.terminal_id
  AND closed_days.epoch = events.epoch AND closed_days.branch = events.branch
  AND closed_days.business_day = events.business_day
WHERE events.store_id = :store_id AND events.terminal_id = :terminal_id AND events.epoch = :epoch
  AND events.branch = :branch AND events.code = 11
ORDER BY events.seq;

-- name: last_closed(store_id, terminal_id, epoch, branch, seq, last_day)^
-- The last business day up to this one that the records up to a seq declare (code 11); NULL where none does.
SELECT max(business_day) FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq <= :seq
  AND code = 11 AND business_day <= :last_day;

-- name: terminal_times(store_id, terminal_id)^
SELECT enrolled_at_ms, seen_at_ms FROM terminals WHERE store_id = :store_id AND terminal_id = :terminal_id;

-- name: first_day_of_journal(store_id, terminal_id, epoch, branch)^
-- The business day of its first record that could be read.
SELECT business_day FROM events
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND business_day IS NOT NULL
ORDER BY seq LIMIT 1;

-- name: put_day_total(store_id, business_day, till, receipts, net_minor, occurred_at_ms, terminal_id, epoch, branch, seq, touched_at_ms)*!
-- The last in canonical order stands.
INSERT INTO day_totals (store_id, business_day, till, receipts, net_minor, occurred_at_ms, terminal_id, epoch,
  branch, seq, touched_at_ms)
VALUES (:store_id, :business_day, :till, :receipts, :net_minor, :occurred_at_ms, :terminal_id, :epoch, :branch,
  :seq, :touched_at_ms)
ON CONFLICT (store_id, business_day, till) DO UPDATE
SET receipts = excluded.receipts, net_minor = excluded.net_minor, occurred_at_ms = excluded.occurred_at_ms,
  terminal_id = excluded.terminal_id, epoch = excluded.epoch, branch = excluded.branch, seq = excluded.seq,
  touched_at_ms = excluded.touched_at_ms
WHERE (excluded.occurred_at_ms, excluded.terminal_id, excluded.epoch, excluded.branch, excluded.seq)
  > (day_totals.occurred_at_ms, day_totals.terminal_id, day_totals.epoch, day_totals.branch, day_totals.seq);

-- name: touch_day_total(store_id, business_day, till, touched_at_ms)*!
UPDATE day_totals SET touched_at_ms = :touched_at_ms
WHERE store_id = :store_id AND business_day = :business_day AND till = :till;

-- name: totals_to_compare(until_ms, count)
-- Day totals that nothing has touched since.
SELECT store_id, business_day, till, receipts, net_minor, touched_at_ms FROM day_totals
WHERE touched_at_ms IS NOT NULL AND touched_at_ms <= :until_ms
ORDER BY touched_at_ms LIMIT :count;

-- name: total_was_compared(store_id, business_day, till, touched_at_ms)!
-- Unless something has come since.
UPDATE day_totals SET touched_at_ms = NULL
WHERE store_id = :store_id AND business_day = :business_day AND till = :till AND touched_at_ms = :touched_at_ms;

-- name: day_totals_of(store_id, business_day)
SELECT till, receipts, net_minor, terminal_id FROM day_totals
WHERE store_id = :store_id AND business_day = :business_day ORDER BY till;

-- name: note_return(store_id, business_day, till, number, net_minor, occurred_at_ms, terminal_id, epoch, branch, seq)*!
-- The first in canonical order stands.
INSERT INTO returned_receipts (store_id, business_day, till, number, net_minor, occurred_at_ms, terminal_id, epoch,
  branch, seq)
VALUES (:store_id, :business_day, :till, :number, :net_minor, :occurred_at_ms, :terminal_id, :epoch, :branch, :seq)
ON CONFLICT (store_id, business_day, till, number) DO UPDATE
SET net_minor = excluded.net_minor, occurred_at_ms = excluded.occurred_at_ms, terminal_id = excluded.terminal_id,
  epoch = excluded.epoch, branch = excluded.branch, seq = excluded.seq
WHERE (excluded.occurred_at_ms, excluded.terminal_id, excluded.epoch, excluded.branch, excluded.seq)
  < (returned_receipts.occurred_at_ms, returned_receipts.terminal_id, returned_receipts.epoch,
    returned_receipts.branch, returned_receipts.seq);

-- name: returned_at(keys)
SELECT returned_receipts.store_id, returned_receipts.business_day, returned_receipts.till, returned_receipts.number,
  returned_receipts.net_minor, returned_receipts.occurred_at_ms, returned_receipts.terminal_id,
  returned_receipts.epoch, returned_receipts.branch, returned_receipts.seq
FROM ROWS(:keys, store_id TEXT, till TEXT, business_day INTEGER, number TEXT) AS wanted
CROSS JOIN returned_receipts ON returned_receipts.store_id = wanted.store_id
  AND returned_receipts.till = wanted.till AND returned_receipts.business_day = wanted.business_day
  AND returned_receipts.number = wanted.number;

-- name: returned_count()^
SELECT count(*) FROM returned_receipts;

-- name: returns_of_till_day(store_id, business_day, till)^
SELECT count(*), CAST(coalesce(sum(net_minor), 0) AS BIGINT) FROM returned_receipts
WHERE store_id = :store_id AND business_day = :business_day AND till = :till;

-- name: facts_between(store_id, first, last)
-- Every fact of the receipt keys from first on and before last, in the order of their keys.
SELECT events.receipt_key AS receipt_key, events.terminal_id, events.epoch, events.branch, events.seq, events.record
FROM events INDEXED BY events_of_receipt
WHERE events.store_id = :store_id AND events.receipt_key >= :first AND events.receipt_key < :last
  AND events.receipt_key IS NOT NULL
UNION ALL
SELECT visiting_facts.receipt_key, visiting_facts.terminal_id, visiting_facts.epoch, visiting_facts.branch,
  visiting_facts.seq, visiting_facts.record
FROM visiting_facts
WHERE visiting_facts.store_id = :store_id AND visiting_facts.receipt_key >= :first
  AND visiting_facts.receipt_key < :last
ORDER BY receipt_key;
