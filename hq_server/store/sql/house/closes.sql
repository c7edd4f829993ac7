-- name: begin_close(period_id, decision, programme_version, begun_at_ms)!
INSERT INTO closes (period_id, decision, programme_version, begun_at_ms)
VALUES (:period_id, :decision, :programme_version, :begun_at_ms);

-- name: end_close(period_id, closed_at_ms)!
UPDATE closes SET closed_at_ms = :closed_at_ms WHERE period_id = :period_id AND closed_at_ms IS NULL;

-- name: closes()
SELECT period_id, decision, programme_version, begun_at_ms, closed_at_ms FROM closes ORDER BY period_id;
