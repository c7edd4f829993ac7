-- name: add_technician_action(store_id, terminal_id, epoch, branch, seq, came_ms, occurred_at_ms, person, pass_id, action, subject, outcome)*!
INSERT INTO technician_actions (store_id, terminal_id, epoch, branch, seq, came_ms, occurred_at_ms, person, pass_id,
  action, subject, outcome)
VALUES (:store_id, :terminal_id, :epoch, :branch, :seq, :came_ms, :occurred_at_ms, :person, :pass_id,
  :action, :subject, :outcome);

-- name: technician_actions(terminal_id, since_ms, count)
-- The newest first; '' lets every terminal pass.
SELECT terminal_id, epoch, branch, seq, came_ms, occurred_at_ms, person, pass_id, action, subject, outcome
FROM technician_actions WHERE came_ms >= :since_ms AND (:terminal_id = '' OR terminal_id = :terminal_id)
ORDER BY came_ms DESC, terminal_id, epoch DESC, branch DESC, seq DESC LIMIT :count;
