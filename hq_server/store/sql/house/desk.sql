-- name: last_case()^
SELECT coalesce(max(number), 0) FROM cases;

-- name: add_case(number, member_id, period_id, tier, missing, home_store, words, opened_by, opened_at_ms, natural_key)!
INSERT INTO cases (number, member_id, period_id, tier, missing, home_store, words, opened_by, opened_at_ms,
  natural_key, state, decision)
VALUES (:number, :member_id, :period_id, :tier, :missing, :home_store, :words, :opened_by, :opened_at_ms,
  :natural_key, 'open', NULL);

-- name: case_by_key(opened_by, natural_key)^
SELECT number FROM cases WHERE opened_by = :opened_by AND natural_key = :natural_key;

-- name: case_of(number)^
SELECT number, member_id, period_id, tier, missing, home_store, words, opened_by, opened_at_ms, state, decision
FROM cases WHERE number = :number;

-- name: open_case_of(member_id, period_id)^
SELECT number FROM cases WHERE member_id = :member_id AND period_id = :period_id AND state = 'open';

-- name: cases_after(state, period_id, member_id, after, count)
-- After a number; '' lets every state, period or member pass.
SELECT number, member_id, period_id, tier, missing, home_store, words, opened_by, opened_at_ms, state, decision
FROM cases
WHERE number > :after AND (:state = '' OR state = :state) AND (:period_id = '' OR period_id = :period_id)
  AND (:member_id = '' OR member_id = :member_id)
ORDER BY number LIMIT :count;

-- name: settle_case(number, state, decision)!
UPDATE cases SET state = :state, decision = :decision WHERE number = :number AND state = 'open';

-- name: forget_words(member_id)*!
UPDATE cases SET words = '' WHERE member_id = :member_id AND words <> '';

-- name: add_evidence(number, decision, evidence, gathered_at_ms)!
INSERT INTO case_evidence (number, decision, evidence, gathered_at_ms)
VALUES (:number, :decision, :evidence, :gathered_at_ms);

-- name: evidence_of(number)
SELECT decision, evidence, gathered_at_ms FROM case_evidence WHERE number = :number ORDER BY decision;

-- name: ruled_cases(period_id)
SELECT number, member_id, tier, state, decision FROM cases WHERE period_id = :period_id ORDER BY number;

-- name: evidence_keys()
SELECT number, decision FROM case_evidence ORDER BY number, decision;
