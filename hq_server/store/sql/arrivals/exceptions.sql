-- name: open_exception(store_id, kind, subject, receipt_key, detail, opened_at_ms)*!
-- One that is open already keeps its age; one that was closed opens anew.
INSERT INTO arrival_exceptions (store_id, kind, subject, receipt_key, detail, opened_at_ms)
VALUES (:store_id, :kind, :subject, :receipt_key, :detail, :opened_at_ms)
ON CONFLICT (store_id, kind, subject) DO UPDATE
SET detail = excluded.detail, opened_at_ms = excluded.opened_at_ms, closed_at_ms = NULL, cause = '',
  explained_by = '', explained_at_ms = NULL
WHERE arrival_exceptions.closed_at_ms IS NOT NULL;

-- name: restate_exception(store_id, kind, subject, detail, opened_at_ms)*!
-- One that is open already keeps its age, and its explanation only as long as it says the same.
INSERT INTO arrival_exceptions (store_id, kind, subject, detail, opened_at_ms)
VALUES (:store_id, :kind, :subject, :detail, :opened_at_ms)
ON CONFLICT (store_id, kind, subject) DO UPDATE
SET detail = excluded.detail,
  opened_at_ms = CASE WHEN arrival_exceptions.closed_at_ms IS NULL THEN arrival_exceptions.opened_at_ms
    ELSE excluded.opened_at_ms END,
  closed_at_ms = NULL, cause = '', explained_by = '', explained_at_ms = NULL
WHERE arrival_exceptions.closed_at_ms IS NOT NULL OR arrival_exceptions.detail <> excluded.detail;

-- name: close_exception(store_id, kind, subject, closed_at_ms)*!
UPDATE arrival_exceptions SET closed_at_ms = :closed_at_ms
WHERE store_id = :store_id AND kind = :kind AND subject = :subject AND closed_at_ms IS NULL;

-- name: exceptions_of_receipts(store_id, keys)
-- Open ones of these receipt keys.
SELECT arrival_exceptions.receipt_key, arrival_exceptions.kind, arrival_exceptions.subject
FROM ROWS(:keys, receipt_key TEXT) AS wanted
CROSS JOIN arrival_exceptions INDEXED BY arrival_exception_by_receipt
  ON arrival_exceptions.store_id = :store_id AND arrival_exceptions.receipt_key = wanted.receipt_key
WHERE arrival_exceptions.receipt_key IS NOT NULL AND arrival_exceptions.closed_at_ms IS NULL;

-- name: current_of(keys)
-- Which of these are not closed.
SELECT arrival_exceptions.store_id, arrival_exceptions.kind, arrival_exceptions.subject
FROM ROWS(:keys, store_id TEXT, kind TEXT, subject TEXT) AS wanted
CROSS JOIN arrival_exceptions ON arrival_exceptions.store_id = wanted.store_id
  AND arrival_exceptions.kind = wanted.kind AND arrival_exceptions.subject = wanted.subject
WHERE arrival_exceptions.closed_at_ms IS NULL;

-- name: disputes(kind, closed_too)
SELECT store_id, subject, receipt_key FROM arrival_exceptions
WHERE kind = :kind AND (:closed_too = 1 OR closed_at_ms IS NULL) ORDER BY store_id, subject;

-- name: current_exceptions(kind, state, cause, until_ms, after_ms, after_store_id, after_kind, after_subject, count)
-- Those that are not closed, the oldest first; '' lets every kind, state or cause pass.
SELECT store_id, kind, subject, receipt_key, detail, opened_at_ms, closed_at_ms, cause, explained_by, explained_at_ms
FROM arrival_exceptions
WHERE closed_at_ms IS NULL
  AND (opened_at_ms, store_id, kind, subject) > (:after_ms, :after_store_id, :after_kind, :after_subject)
  AND opened_at_ms <= :until_ms AND (:kind = '' OR kind = :kind)
  AND (:state = '' OR (explained_by <> '') = (:state = 'explained'))
  AND (:cause = '' OR replace(lower(cause), :cause, '') <> lower(cause))
ORDER BY opened_at_ms, store_id, kind, subject LIMIT :count;

-- name: closed_exceptions(kind, cause, until_ms, after_ms, after_store_id, after_kind, after_subject, count)
SELECT store_id, kind, subject, receipt_key, detail, opened_at_ms, closed_at_ms, cause, explained_by, explained_at_ms
FROM arrival_exceptions
WHERE closed_at_ms IS NOT NULL
  AND (opened_at_ms, store_id, kind, subject) > (:after_ms, :after_store_id, :after_kind, :after_subject)
  AND opened_at_ms <= :until_ms AND (:kind = '' OR kind = :kind)
  AND (:cause = '' OR replace(lower(cause), :cause, '') <> lower(cause))
ORDER BY opened_at_ms, store_id, kind, subject LIMIT :count;

-- name: exception_counts(since_ms)
-- By kind, of those that are not closed: all, the explained, those since an instant, and when the oldest began.
SELECT kind, count(*), count(*) FILTER (WHERE explained_by <> ''),
  count(*) FILTER (WHERE opened_at_ms > :since_ms), min(opened_at_ms)
FROM arrival_exceptions WHERE closed_at_ms IS NULL GROUP BY kind ORDER BY kind;

-- name: explain_exception(kind, subject, cause, explained_by, explained_at_ms)!
-- All stores are asked: people name an exception by its kind and subject alone.
UPDATE arrival_exceptions SET cause = :cause, explained_by = :explained_by, explained_at_ms = :explained_at_ms
WHERE kind = :kind AND subject = :subject AND closed_at_ms IS NULL;
