-- Control totals: what the journals hold of each business day, what tills declare of it, what their software says it
-- sold; and why an exception is as it is.

-- How far each journal is counted, and its first and last business day that were declared without a gap between.
-- behind is 1 where records were kept before they were counted.
CREATE TABLE closings (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  counted INTEGER NOT NULL CHECK (counted >= 0),
  behind INTEGER NOT NULL CHECK (behind IN (0, 1)),
  first_day INTEGER,
  last_day INTEGER,
  PRIMARY KEY (store_id, terminal_id, epoch, branch)
) STRICT, WITHOUT ROWID;

CREATE INDEX closings_behind ON closings (store_id, terminal_id) WHERE behind = 1;

INSERT INTO closings (store_id, terminal_id, epoch, branch, counted, behind)
SELECT store_id, terminal_id, epoch, branch, 0, 1 FROM heads WHERE seq > 0;

CREATE TABLE day_counts (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  business_day INTEGER NOT NULL,
  code INTEGER NOT NULL,
  events INTEGER NOT NULL CHECK (events > 0),
  net_minor INTEGER NOT NULL,
  redeemable INTEGER NOT NULL,
  qualifying INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, business_day, code)
) STRICT, WITHOUT ROWID;

-- The last day_closed of each journal and day: where it stands, and its figures as JSON.
CREATE TABLE closed_days (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  business_day INTEGER NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  figures TEXT NOT NULL,
  closed_at_ms INTEGER NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, business_day)
) STRICT, WITHOUT ROWID;

-- The last day_total of each till and day. touched_at_ms is when it or a receipt of the day came, NULL once compared.
CREATE TABLE day_totals (
  store_id TEXT NOT NULL,
  business_day INTEGER NOT NULL,
  till TEXT NOT NULL,
  receipts INTEGER NOT NULL,
  net_minor INTEGER NOT NULL,
  occurred_at_ms INTEGER NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  touched_at_ms INTEGER,
  PRIMARY KEY (store_id, business_day, till)
) STRICT, WITHOUT ROWID;

CREATE INDEX day_totals_to_compare ON day_totals (touched_at_ms) WHERE touched_at_ms IS NOT NULL;

-- Returns by their own receipt key, the first in canonical order: the facts are filed with the purchase that came back.
CREATE TABLE returned_receipts (
  store_id TEXT NOT NULL,
  business_day INTEGER NOT NULL,
  till TEXT NOT NULL,
  number TEXT NOT NULL,
  net_minor INTEGER NOT NULL,
  occurred_at_ms INTEGER NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (store_id, business_day, till, number)
) STRICT, WITHOUT ROWID;

-- An exception is open, explained by a person, or closed because the difference is no more.
ALTER TABLE arrival_exceptions ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE arrival_exceptions ADD COLUMN explained_by TEXT NOT NULL DEFAULT '';
ALTER TABLE arrival_exceptions ADD COLUMN explained_at_ms INTEGER;
ALTER TABLE account_exceptions ADD COLUMN cause TEXT NOT NULL DEFAULT '';
ALTER TABLE account_exceptions ADD COLUMN explained_by TEXT NOT NULL DEFAULT '';
ALTER TABLE account_exceptions ADD COLUMN explained_at_ms INTEGER;

CREATE INDEX arrival_exceptions_current ON arrival_exceptions (opened_at_ms, store_id, kind, subject)
WHERE closed_at_ms IS NULL;
CREATE INDEX arrival_exceptions_closed ON arrival_exceptions (opened_at_ms, store_id, kind, subject)
WHERE closed_at_ms IS NOT NULL;
CREATE INDEX account_exceptions_current ON account_exceptions (opened_at_ms, bucket, kind, subject)
WHERE closed_at_ms IS NULL;
CREATE INDEX account_exceptions_closed ON account_exceptions (opened_at_ms, bucket, kind, subject)
WHERE closed_at_ms IS NOT NULL;
