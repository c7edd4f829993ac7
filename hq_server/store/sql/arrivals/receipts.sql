-- name: facts(store_id, keys)
-- Every fact of these receipt keys of one store, from its own terminals and from others. Without
-- being told, SQLite would read all events of the store for each key.
SELECT events.receipt_key, events.terminal_id, events.epoch, events.branch, events.seq, events.record,
  0
FROM ROWS(:keys, receipt_key TEXT) AS wanted
CROSS JOIN events INDEXED BY events_of_receipt
  ON events.store_id = :store_id AND events.receipt_key = wanted.receipt_key AND events.receipt_key IS NOT NULL
UNION ALL
SELECT visiting_facts.receipt_key, visiting_facts.terminal_id, visiting_facts.epoch, visiting_facts.branch,
  visiting_facts.seq, visiting_facts.record, 1
FROM ROWS(:keys, receipt_key TEXT) AS wanted
CROSS JOIN visiting_facts ON visiting_facts.store_id = :store_id AND visiting_facts.receipt_key = wanted.receipt_key;

-- name: add_visiting_fact(store_id, receipt_key, terminal_id, epoch, branch, seq, record)*!
INSERT INTO visiting_facts (store_id, receipt_key, terminal_id, epoch, branch, seq, record)
VALUES (:store_id, :receipt_key, :terminal_id, :epoch, :branch, :seq, :record);

-- name: facts_of_store(store_id)
-- In the order of their keys, for the audit.
SELECT receipt_key, terminal_id, epoch, branch, seq, record, 0 FROM events
WHERE store_id = :store_id AND receipt_key IS NOT NULL
UNION ALL
SELECT receipt_key, terminal_id, epoch, branch, seq, record, 1 FROM visiting_facts WHERE store_id = :store_id
ORDER BY receipt_key;

-- name: visiting_fact_count()^
SELECT count(*) FROM visiting_facts;

-- name: receipt_stores()
-- Every store that a fact was ever filed under.
SELECT DISTINCT store_id FROM events UNION SELECT DISTINCT store_id FROM visiting_facts ORDER BY store_id;

-- name: filed_elsewhere(terminal_id, epoch, branch, seq)^
-- Under which receipt an event is filed that is not filed in its own store's journal.
SELECT store_id, receipt_key FROM visiting_facts
WHERE terminal_id = :terminal_id AND epoch = :epoch AND branch = :branch AND seq = :seq;

-- name: claimed_receipts(business_day)
-- Receipts of any store that tills' claims of this date or later name.
SELECT events.store_id, events.receipt_key FROM events INDEXED BY claims
WHERE events.code = 7 AND events.business_day >= :business_day AND events.receipt_key IS NOT NULL
UNION
SELECT visiting_facts.store_id, visiting_facts.receipt_key
FROM events INDEXED BY claims
CROSS JOIN visiting_facts ON visiting_facts.terminal_id = events.terminal_id
  AND visiting_facts.epoch = events.epoch AND visiting_facts.branch = events.branch
  AND visiting_facts.seq = events.seq
WHERE events.code = 7 AND events.business_day >= :business_day
ORDER BY 1, 2;
