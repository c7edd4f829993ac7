-- name: open_account_exception(bucket, kind, subject, detail, opened_at_ms)*!
-- One that is open already keeps its age; one that was closed opens anew.
INSERT INTO account_exceptions (bucket, kind, subject, detail, opened_at_ms)
VALUES (:bucket, :kind, :subject, :detail, :opened_at_ms)
ON CONFLICT (bucket, kind, subject) DO UPDATE
SET detail = excluded.detail, opened_at_ms = excluded.opened_at_ms, closed_at_ms = NULL, cause = '',
  explained_by = '', explained_at_ms = NULL
WHERE account_exceptions.closed_at_ms IS NOT NULL;

-- name: close_account_exception(bucket, kind, subject, closed_at_ms)*!
UPDATE account_exceptions SET closed_at_ms = :closed_at_ms
WHERE bucket = :bucket AND kind = :kind AND subject = :subject AND closed_at_ms IS NULL;

-- name: open_exceptions_of(kind, members)
-- Open ones of a kind whose subjects begin with one of these members and a stroke.
SELECT wanted.member_id, account_exceptions.subject
FROM ROWS(:members, bucket INTEGER, member_id TEXT) AS wanted
CROSS JOIN account_exceptions ON account_exceptions.bucket = wanted.bucket
  AND account_exceptions.kind = :kind AND account_exceptions.subject > wanted.member_id || '/'
  AND account_exceptions.subject < wanted.member_id || '0'
WHERE account_exceptions.closed_at_ms IS NULL;

-- name: current_account_exceptions(kind, state, cause, until_ms, after_ms, after_bucket, after_kind, after_subject, count)
-- Those that are not closed, the oldest first; '' lets every kind, state or cause pass.
SELECT bucket, kind, subject, NULL, detail, opened_at_ms, closed_at_ms, cause, explained_by, explained_at_ms
FROM account_exceptions
WHERE closed_at_ms IS NULL
  AND (opened_at_ms, bucket, kind, subject) > (:after_ms, :after_bucket, :after_kind, :after_subject)
  AND opened_at_ms <= :until_ms AND (:kind = '' OR kind = :kind)
  AND (:state = '' OR (explained_by <> '') = (:state = 'explained'))
  AND (:cause = '' OR replace(lower(cause), :cause, '') <> lower(cause))
ORDER BY opened_at_ms, bucket, kind, subject LIMIT :count;

-- name: closed_account_exceptions(kind, cause, until_ms, after_ms, after_bucket, after_kind, after_subject, count)
SELECT bucket, kind, subject, NULL, detail, opened_at_ms, closed_at_ms, cause, explained_by, explained_at_ms
FROM account_exceptions
WHERE closed_at_ms IS NOT NULL
  AND (opened_at_ms, bucket, kind, subject) > (:after_ms, :after_bucket, :after_kind, :after_subject)
  AND opened_at_ms <= :until_ms AND (:kind = '' OR kind = :kind)
  AND (:cause = '' OR replace(lower(cause), :cause, '') <> lower(cause))
ORDER BY opened_at_ms, bucket, kind, subject LIMIT :count;

-- name: account_exception_counts(since_ms)
-- By kind, of those that are not closed: all, the explained, those since an instant, and when the oldest began.
SELECT kind, count(*), count(*) FILTER (WHERE explained_by <> ''),
  count(*) FILTER (WHERE opened_at_ms > :since_ms), min(opened_at_ms)
FROM account_exceptions WHERE closed_at_ms IS NULL GROUP BY kind ORDER BY kind;

-- name: explain_account_exception(kind, subject, cause, explained_by, explained_at_ms)!
-- All buckets are asked: people name an exception by its kind and subject alone.
UPDATE account_exceptions SET cause = :cause, explained_by = :explained_by, explained_at_ms = :explained_at_ms
WHERE kind = :kind AND subject = :subject AND closed_at_ms IS NULL;
