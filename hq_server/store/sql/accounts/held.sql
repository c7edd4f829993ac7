-- name: hold_receipt(bucket, reference, receipt_id, business_day, version, resolved)*!
-- Of one version the receipt that stands wins over the one that has moved away.
INSERT INTO held_receipts (bucket, reference, receipt_id, business_day, version, resolved)
VALUES (:bucket, :reference, :receipt_id, :business_day, :version, :resolved)
ON CONFLICT (bucket, reference, receipt_id, business_day) DO UPDATE
SET version = excluded.version, resolved = excluded.resolved
WHERE (excluded.version, excluded.resolved IS NOT NULL)
  > (held_receipts.version, held_receipts.resolved IS NOT NULL);

-- name: hold_stamp(bucket, reference, terminal_id, audience, epoch, branch, seq)*!
INSERT INTO held_stamps (bucket, reference, terminal_id, audience, epoch, branch, seq)
VALUES (:bucket, :reference, :terminal_id, :audience, :epoch, :branch, :seq)
ON CONFLICT (bucket, reference, terminal_id, epoch, branch) DO UPDATE SET seq = excluded.seq
WHERE excluded.seq > held_stamps.seq;

-- name: hold_hash(bucket, reference, audience, held_at_ms)*!
INSERT INTO held_hashes (bucket, reference, audience, tried, held_at_ms)
VALUES (:bucket, :reference, :audience, 0, :held_at_ms)
ON CONFLICT (bucket, reference) DO NOTHING;

-- name: hold_spelling(bucket, card, reference)*!
INSERT INTO held_spellings (bucket, card, reference) VALUES (:bucket, :card, :reference)
ON CONFLICT (bucket, card, reference) DO NOTHING;

-- name: held_spellings(keys)
-- Held references that are one of these cards as somebody typed it.
SELECT held_spellings.reference
FROM ROWS(:keys, bucket INTEGER, card TEXT) AS wanted
CROSS JOIN held_spellings ON held_spellings.bucket = wanted.bucket
  AND held_spellings.card = wanted.card;

-- name: held_receipts(bucket, reference)
SELECT receipt_id, business_day, version, resolved FROM held_receipts
WHERE bucket = :bucket AND reference = :reference;

-- name: held_stamps(bucket, reference)
SELECT terminal_id, audience, epoch, branch, seq FROM held_stamps
WHERE bucket = :bucket AND reference = :reference;

-- name: held_references(keys)
-- Which of these references hold anything.
SELECT wanted.reference FROM ROWS(:keys, bucket INTEGER, reference TEXT) AS wanted
WHERE EXISTS (SELECT 1 FROM held_stamps
  WHERE held_stamps.bucket = wanted.bucket AND held_stamps.reference = wanted.reference);

-- name: some_held(count)
-- References that hold anything, as many as are asked for.
SELECT DISTINCT reference FROM held_stamps ORDER BY reference LIMIT :count;

-- name: waiting_references(keys)
-- For which of these references a receipt waits that has not moved away.
SELECT wanted.reference FROM ROWS(:keys, bucket INTEGER, reference TEXT) AS wanted
WHERE EXISTS (SELECT 1 FROM held_receipts
  WHERE held_receipts.bucket = wanted.bucket AND held_receipts.reference = wanted.reference
    AND held_receipts.resolved IS NOT NULL);

-- name: held_audiences()
-- Every store that has unknown hashes.
SELECT DISTINCT audience FROM held_hashes ORDER BY audience;

-- name: held_hashes(audience)
SELECT reference FROM held_hashes WHERE audience = :audience;

-- name: untried_hashes()
SELECT reference, audience FROM held_hashes WHERE tried = 0 ORDER BY bucket, reference LIMIT 10000;

-- name: hash_was_tried(bucket, reference)*!
UPDATE held_hashes SET tried = 1 WHERE bucket = :bucket AND reference = :reference;

-- name: forget_held_receipts(bucket, reference)!
DELETE FROM held_receipts WHERE bucket = :bucket AND reference = :reference;

-- name: forget_held_stamps(bucket, reference)!
DELETE FROM held_stamps WHERE bucket = :bucket AND reference = :reference;

-- name: forget_held_hash(bucket, reference)!
DELETE FROM held_hashes WHERE bucket = :bucket AND reference = :reference;

-- name: forget_held_spelling(bucket, card, reference)!
DELETE FROM held_spellings WHERE bucket = :bucket AND card = :card AND reference = :reference;

-- name: attach(bucket, reference, member_id, attached_at_ms)!
-- The first stands. ON CONFLICT would come too late: the table's trigger refuses a second one before it.
INSERT INTO attachments (bucket, reference, member_id, attached_at_ms)
SELECT :bucket, :reference, :member_id, :attached_at_ms
WHERE NOT EXISTS (SELECT 1 FROM attachments WHERE bucket = :bucket AND reference = :reference);

-- name: held_count(most)^
-- How many receipts are held, counted up to a bound.
SELECT count(*) FROM (SELECT 1 FROM held_receipts WHERE resolved IS NOT NULL LIMIT :most) AS counted;
