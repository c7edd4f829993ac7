-- name: receipts(store_id, keys)
-- What stands for these keys (a JSON array) of one store.
SELECT receipts.receipt_key, receipts.version, receipts.owner, receipts.resolved
FROM json_each(:keys) AS wanted
CROSS JOIN receipts ON receipts.store_id = :store_id AND receipts.receipt_key = wanted.value;

-- name: facts(store_id, keys)
-- Every fact of these keys (a JSON array) of one store.
SELECT receipt_facts.receipt_key, receipt_facts.terminal_id, receipt_facts.epoch, receipt_facts.branch,
  receipt_facts.seq, receipt_facts.record
FROM json_each(:keys) AS wanted
CROSS JOIN receipt_facts ON receipt_facts.store_id = :store_id AND receipt_facts.receipt_key = wanted.value;

-- name: add_fact(store_id, receipt_key, terminal_id, epoch, branch, seq, record)*!
INSERT INTO receipt_facts (store_id, receipt_key, terminal_id, epoch, branch, seq, record)
VALUES (:store_id, :receipt_key, :terminal_id, :epoch, :branch, :seq, :record);

-- name: put_receipt(store_id, receipt_key, version, owner, resolved)*!
INSERT INTO receipts (store_id, receipt_key, version, owner, resolved)
VALUES (:store_id, :receipt_key, :version, :owner, :resolved)
ON CONFLICT (store_id, receipt_key) DO UPDATE
SET version = excluded.version, owner = excluded.owner, resolved = excluded.resolved
WHERE excluded.version > receipts.version;

-- name: facts_of_store(store_id)
-- In the order of their keys, for the audit.
SELECT receipt_key, terminal_id, epoch, branch, seq, record FROM receipt_facts
WHERE store_id = :store_id ORDER BY receipt_key;

-- name: receipts_of_store(store_id)
SELECT receipt_key, version, owner, resolved FROM receipts WHERE store_id = :store_id ORDER BY receipt_key;

-- name: receipt_stores()
-- Every store that a fact or a receipt was ever filed under.
SELECT store_id FROM receipt_facts UNION SELECT store_id FROM receipts ORDER BY store_id;

-- name: fact_count()^
SELECT count(*) FROM receipt_facts;
