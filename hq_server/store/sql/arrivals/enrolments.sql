-- name: add_enrolment(store_id, terminal_id, epoch, branch, seq, sealed_hash, occurred_at_ms, business_day, consent_version, consent_language, nothing)*!
INSERT INTO enrolments (store_id, terminal_id, epoch, branch, seq, sealed_hash, occurred_at_ms, business_day,
  consent_version, consent_language, state, member_id, salt, blob)
VALUES (:store_id, :terminal_id, :epoch, :branch, :seq, :sealed_hash, :occurred_at_ms, :business_day,
  :consent_version, :consent_language, 'waiting', '', :nothing, :nothing);

-- name: waiting_enrolments(store_id, terminal_id)
SELECT store_id, terminal_id, epoch, branch, seq, sealed_hash, occurred_at_ms, business_day, consent_version,
  consent_language, state, member_id, salt, blob
FROM enrolments WHERE store_id = :store_id AND terminal_id = :terminal_id AND state = 'waiting'
ORDER BY epoch, branch, seq;

-- name: settle_enrolment(store_id, terminal_id, epoch, branch, seq, state, member_id, salt, blob)*!
UPDATE enrolments SET state = :state, member_id = :member_id, salt = :salt, blob = :blob
WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq = :seq;

-- name: forget_enrolments(member_id, nothing)*!
UPDATE enrolments SET salt = :nothing, blob = :nothing WHERE member_id = :member_id;

-- name: enrolments_of(names)
-- How members joined, and who else joined as them; the first one first.
SELECT enrolments.store_id, enrolments.terminal_id, enrolments.epoch, enrolments.branch, enrolments.seq,
  enrolments.sealed_hash, enrolments.occurred_at_ms, enrolments.business_day, enrolments.consent_version,
  enrolments.consent_language, enrolments.state, enrolments.member_id, enrolments.salt, enrolments.blob
FROM ROWS(:names, member_id TEXT) AS wanted
CROSS JOIN enrolments ON enrolments.member_id = wanted.member_id
ORDER BY enrolments.occurred_at_ms, enrolments.terminal_id, enrolments.epoch, enrolments.branch, enrolments.seq;

-- name: enrolments_between(store_id, terminal_id, epoch, branch, first_seq, last_seq)
SELECT store_id, terminal_id, epoch, branch, seq, sealed_hash, occurred_at_ms, business_day, consent_version,
  consent_language, state, member_id, salt, blob
FROM enrolments WHERE store_id = :store_id AND terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch
  AND seq BETWEEN :first_seq AND :last_seq
ORDER BY seq;

-- name: enrolment_count()^
SELECT count(*) FROM enrolments;
