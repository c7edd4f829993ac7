-- name: reports(first_day, last_day)
-- Every terminal: how it was heard, the last business day that all journals that it may still write have closed without a
-- gap (NULL while one has closed none), and whether it has recorded anything up to these days, and on them.
SELECT terminals.store_id, terminals.terminal_id, terminals.state, terminals.enrolled_at_ms, terminals.seen_at_ms,
  terminals.waiting,
  (SELECT CASE count(open_journals.last_day) WHEN count(*) THEN min(open_journals.last_day) END FROM open_journals
    WHERE open_journals.store_id = terminals.store_id AND open_journals.terminal_id = terminals.terminal_id),
  CASE WHEN EXISTS (SELECT 1 FROM heads
    JOIN day_counts ON day_counts.store_id = heads.store_id AND day_counts.terminal_id = heads.terminal_id
      AND day_counts.epoch = heads.epoch AND day_counts.branch = heads.branch
      AND day_counts.business_day <= :last_day
    WHERE heads.store_id = terminals.store_id AND heads.terminal_id = terminals.terminal_id) THEN 1 ELSE 0 END,
  CASE WHEN EXISTS (SELECT 1 FROM heads
    JOIN day_counts ON day_counts.store_id = heads.store_id AND day_counts.terminal_id = heads.terminal_id
      AND day_counts.epoch = heads.epoch AND day_counts.branch = heads.branch
      AND day_counts.business_day BETWEEN :first_day AND :last_day
    WHERE heads.store_id = terminals.store_id AND heads.terminal_id = terminals.terminal_id) THEN 1 ELSE 0 END
FROM terminals ORDER BY terminals.store_id, terminals.terminal_id;

-- name: uncounted()^
-- How many journals have records that were kept before they were counted, and when the first of those came.
SELECT count(*), min((SELECT min(batches.received_at_ms) FROM batches WHERE batches.store_id = closings.store_id
  AND batches.terminal_id = closings.terminal_id AND batches.epoch = closings.epoch
  AND batches.branch = closings.branch AND batches.first_seq > closings.counted))
FROM closings WHERE closings.behind = 1;
