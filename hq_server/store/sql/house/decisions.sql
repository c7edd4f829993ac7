-- name: add_decision(number, kind, subject, detail, reason, made_by, made_at_ms, needs_second, natural_key)!
INSERT INTO decisions (number, kind, subject, detail, reason, made_by, made_at_ms, needs_second, natural_key)
VALUES (:number, :kind, :subject, :detail, :reason, :made_by, :made_at_ms, :needs_second, :natural_key);

-- name: last_decision()^
SELECT coalesce(max(number), 0) FROM decisions;

-- name: decision(number)^
SELECT decisions.number, kind, subject, detail, reason, made_by, made_at_ms, needs_second, natural_key,
  approved, given_by, given_at_ms
FROM decisions LEFT JOIN verdicts ON verdicts.number = decisions.number
WHERE decisions.number = :number;

-- name: decision_by_key(made_by, natural_key)^
SELECT number FROM decisions WHERE made_by = :made_by AND natural_key = :natural_key;

-- name: decisions(kinds, every_kind, state, after, count)
-- After a number, of these kinds or of every kind; state '' lets every state pass.
SELECT decisions.number, kind, subject, detail, reason, made_by, made_at_ms, needs_second, natural_key,
  approved, given_by, given_at_ms
FROM decisions LEFT JOIN verdicts ON verdicts.number = decisions.number
WHERE decisions.number > :after
  AND (:every_kind = 1 OR kind IN (SELECT kind FROM ROWS(:kinds, kind TEXT) AS wanted))
  AND (:state = '' OR :state = CASE WHEN needs_second = 0 THEN 'stands' WHEN approved IS NULL THEN 'waiting'
    WHEN approved = 1 THEN 'approved' ELSE 'refused' END)
ORDER BY decisions.number LIMIT :count;

-- name: decisions_about(kind, subject)
SELECT decisions.number, kind, subject, detail, reason, made_by, made_at_ms, needs_second, natural_key,
  approved, given_by, given_at_ms
FROM decisions LEFT JOIN verdicts ON verdicts.number = decisions.number
WHERE kind = :kind AND subject = :subject ORDER BY decisions.number;

-- name: unmerged_since(since_ms)
SELECT subject, detail FROM decisions WHERE kind = 'unmerge' AND made_at_ms >= :since_ms ORDER BY number;

-- name: add_verdict(number, approved, given_by, given_at_ms)!
INSERT INTO verdicts (number, approved, given_by, given_at_ms)
VALUES (:number, :approved, :given_by, :given_at_ms);

-- name: undecided()^
-- How many cases are open, and how many decisions wait for a second person.
SELECT (SELECT count(*) FROM cases WHERE state = 'open'),
  (SELECT count(*) FROM decisions WHERE needs_second = 1
    AND NOT EXISTS (SELECT 1 FROM verdicts WHERE verdicts.number = decisions.number));

-- name: verdict_count()^
SELECT count(*) FROM verdicts;
