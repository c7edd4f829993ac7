-- name: open_exception(store_id, kind, subject, receipt_key, detail, opened_at_ms)*!
-- One that is open already keeps its age; one that was closed opens anew.
INSERT INTO arrival_exceptions (store_id, kind, subject, receipt_key, detail, opened_at_ms)
VALUES (:store_id, :kind, :subject, :receipt_key, :detail, :opened_at_ms)
ON CONFLICT (store_id, kind, subject) DO UPDATE
SET detail = excluded.detail, opened_at_ms = excluded.opened_at_ms, closed_at_ms = NULL
WHERE arrival_exceptions.closed_at_ms IS NOT NULL;

-- name: close_exception(store_id, kind, subject, closed_at_ms)*!
UPDATE arrival_exceptions SET closed_at_ms = :closed_at_ms
WHERE store_id = :store_id AND kind = :kind AND subject = :subject AND closed_at_ms IS NULL;

-- name: exceptions_of_receipts(store_id, keys)
-- Open ones of these receipt keys (a JSON array).
SELECT arrival_exceptions.receipt_key, arrival_exceptions.kind, arrival_exceptions.subject
FROM json_each(:keys) AS wanted
CROSS JOIN arrival_exceptions INDEXED BY arrival_exception_by_receipt
  ON arrival_exceptions.store_id = :store_id AND arrival_exceptions.receipt_key = wanted.value
WHERE arrival_exceptions.receipt_key IS NOT NULL AND arrival_exceptions.closed_at_ms IS NULL;

-- name: open_exceptions()
SELECT store_id, kind, subject, receipt_key, detail, opened_at_ms FROM arrival_exceptions
WHERE closed_at_ms IS NULL ORDER BY opened_at_ms, store_id, kind, subject;

-- name: open_exceptions_of_kind(kind)
SELECT store_id, subject, receipt_key FROM arrival_exceptions
WHERE kind = :kind AND closed_at_ms IS NULL ORDER BY store_id, subject;
