-- The journals that a terminal may still write: none goes on after them, no till that was set back has left them
-- behind, and of a till that was replaced only those that something has come for since.
CREATE VIEW open_journals AS
SELECT heads.store_id, heads.terminal_id, heads.epoch, heads.branch, heads.seq, closings.last_day
FROM heads
JOIN terminals ON terminals.store_id = heads.store_id AND terminals.terminal_id = heads.terminal_id
LEFT JOIN closings ON closings.store_id = heads.store_id AND closings.terminal_id = heads.terminal_id
  AND closings.epoch = heads.epoch AND closings.branch = heads.branch
WHERE NOT EXISTS (SELECT 1 FROM journals WHERE journals.store_id = heads.store_id
    AND journals.terminal_id = heads.terminal_id AND journals.parent_epoch = heads.epoch
    AND journals.parent_branch = heads.branch AND journals.parent_seq = heads.seq)
  AND NOT EXISTS (SELECT 1 FROM allotted_epochs WHERE allotted_epochs.store_id = heads.store_id
    AND allotted_epochs.terminal_id = heads.terminal_id AND allotted_epochs.lacks = heads.hash)
  AND (heads.epoch = terminals.epoch OR terminals.enrolled_at_ms <= (SELECT batches.received_at_ms FROM batches
    WHERE batches.store_id = heads.store_id AND batches.terminal_id = heads.terminal_id
      AND batches.epoch = heads.epoch AND batches.branch = heads.branch
    ORDER BY batches.first_seq DESC LIMIT 1));
