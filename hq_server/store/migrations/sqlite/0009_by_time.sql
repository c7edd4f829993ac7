-- Facts and entries lie by time before they lie by member: a span is 32 business days (a day divided by 32). What a
-- till brings lies in the present span, so it is written into the few pages of that, however many years lie before;
-- by member alone nearly every event went to a page of its own. Who reads a member's life reads it span by span.

ALTER TABLE member_receipts RENAME TO member_receipts_before;
ALTER TABLE entries RENAME TO entries_before;

-- A member's receipts and visits as the day fold takes them. resolved is NULL where one has moved away; account is 1
-- where the row is no receipt or visit but a redemption, a coupon or an adjustment: few, and read together.
CREATE TABLE member_receipts (
  bucket INTEGER NOT NULL,
  span INTEGER NOT NULL CHECK (span = business_day / 32),
  member_id TEXT NOT NULL,
  business_day INTEGER NOT NULL,
  receipt_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  resolved BLOB,
  account INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (bucket, span, member_id, business_day, receipt_id)
) STRICT, WITHOUT ROWID;

INSERT INTO member_receipts (bucket, span, member_id, business_day, receipt_id, version, resolved, account)
SELECT bucket, business_day / 32, member_id, business_day, receipt_id, version, resolved, account
FROM member_receipts_before;

DROP TABLE member_receipts_before;

CREATE INDEX account_facts ON member_receipts (bucket, member_id) WHERE account = 1;

-- entry_no is the bucket's change number at the time of posting: it grows with every entry. earned_day is 0, and so is
-- its span, where an entry follows from the whole account; rule is then the rule, or the lot's period, behind it. kind
-- is checked with OR: for IN, SQLite builds a table of the values anew at every insert, which costs a third of it.
CREATE TABLE entries (
  bucket INTEGER NOT NULL,
  span INTEGER NOT NULL CHECK (span = earned_day / 32),
  member_id TEXT NOT NULL,
  earned_day INTEGER NOT NULL,
  entry_no INTEGER NOT NULL CHECK (entry_no >= 1),
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind = 'earn' OR kind = 'bonus' OR kind = 'cap' OR kind = 'clawback'
    OR kind = 'redemption' OR kind = 'redeem_rollback' OR kind = 'expiry' OR kind = 'correction'
    OR kind = 'adjustment'),
  corrects TEXT CHECK ((corrects IS NOT NULL) = (kind = 'correction')),
  business_day INTEGER NOT NULL,
  period_id TEXT NOT NULL,
  redeemable INTEGER NOT NULL,
  qualifying INTEGER NOT NULL,
  programme_version INTEGER NOT NULL,
  steps TEXT NOT NULL,
  posted_at_ms INTEGER NOT NULL,
  rule TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (bucket, span, member_id, earned_day, entry_no),
  CHECK (redeemable <> 0 OR qualifying <> 0)
) STRICT, WITHOUT ROWID;

INSERT INTO entries (bucket, span, member_id, earned_day, entry_no, terminal_id, epoch, branch, seq, kind, corrects,
  business_day, period_id, redeemable, qualifying, programme_version, steps, posted_at_ms, rule)
SELECT bucket, earned_day / 32, member_id, earned_day, entry_no, terminal_id, epoch, branch, seq, kind, corrects,
  business_day, period_id, redeemable, qualifying, programme_version, steps, posted_at_ms, rule
FROM entries_before;

DROP TABLE entries_before;

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;

CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'an entry is never deleted'); END;
