-- The accounts side: members and their ledger. Every key begins with bucket, a stable hash of the member id
-- (of the reference itself in look_up, attachment and the held_ tables).

CREATE TABLE buckets (
  bucket INTEGER NOT NULL PRIMARY KEY CHECK (bucket >= 0),
  change_no INTEGER NOT NULL CHECK (change_no >= 0)
) STRICT;

CREATE TABLE members (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  name TEXT NOT NULL,
  phone TEXT,
  joined_on INTEGER,
  home_store TEXT NOT NULL,
  birthday INTEGER,
  PRIMARY KEY (bucket, member_id)
) STRICT, WITHOUT ROWID;

-- Reference -> member: `id:`, `card:`, `phone:`, and `h:` ones once they are known.
CREATE TABLE look_ups (
  bucket INTEGER NOT NULL,
  look_up TEXT NOT NULL,
  member_id TEXT NOT NULL,
  PRIMARY KEY (bucket, look_up)
) STRICT, WITHOUT ROWID;

-- The same the other way round, without `h:` references.
CREATE TABLE member_look_ups (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  look_up TEXT NOT NULL,
  PRIMARY KEY (bucket, member_id, look_up)
) STRICT, WITHOUT ROWID;

-- Decision: the events that named this reference before it was known belong to this member.
CREATE TABLE attachments (
  bucket INTEGER NOT NULL,
  reference TEXT NOT NULL,
  member_id TEXT NOT NULL,
  attached_at_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket, reference)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER attachment_is_never_changed BEFORE UPDATE ON attachments
BEGIN SELECT RAISE(ABORT, 'an attachment is a decision and is never changed'); END;

-- Receipts whose owner is a reference that no member has.
CREATE TABLE held_receipts (
  bucket INTEGER NOT NULL,
  reference TEXT NOT NULL,
  receipt_id TEXT NOT NULL,
  business_day INTEGER NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  resolved BLOB,
  PRIMARY KEY (bucket, reference, receipt_id, business_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE held_stamps (
  bucket INTEGER NOT NULL,
  reference TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  audience TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (bucket, reference, terminal_id)
) STRICT, WITHOUT ROWID;

-- Unknown `h:` references, and whether the phones known when they came have been tried.
CREATE TABLE held_hashes (
  bucket INTEGER NOT NULL,
  reference TEXT NOT NULL,
  audience TEXT NOT NULL,
  tried INTEGER NOT NULL CHECK (tried IN (0, 1)),
  held_at_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket, reference)
) STRICT, WITHOUT ROWID;

-- A member's receipts and visits as the day fold takes them. resolved is NULL where one has moved away.
CREATE TABLE member_receipts (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  business_day INTEGER NOT NULL,
  receipt_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  resolved BLOB,
  PRIMARY KEY (bucket, member_id, business_day, receipt_id)
) STRICT, WITHOUT ROWID;

-- entry_no is the bucket's change number at the time of posting: it grows with every entry. kind is checked with
-- OR: for IN, SQLite builds a table of the values anew at every insert, which costs a third of it.
CREATE TABLE entries (
  bucket INTEGER NOT NULL,
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
  PRIMARY KEY (bucket, member_id, earned_day, entry_no),
  CHECK (redeemable <> 0 OR qualifying <> 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'an entry is never changed'); END;

CREATE TRIGGER entry_is_never_deleted BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'an entry is never deleted'); END;

-- Sums of a member's entries by period. The balance is the sum of redeemable over all periods.
CREATE TABLE totals (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  period_id TEXT NOT NULL,
  redeemable INTEGER NOT NULL,
  qualifying INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, period_id)
) STRICT, WITHOUT ROWID;

-- The last event of each terminal that has been posted for a member.
CREATE TABLE stamps (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, terminal_id)
) STRICT, WITHOUT ROWID;

-- Who wants to hear of a member (a store's id), and the number of the member's last change.
CREATE TABLE changes (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  audience TEXT NOT NULL,
  change_no INTEGER NOT NULL CHECK (change_no >= 1),
  PRIMARY KEY (bucket, member_id, audience)
) STRICT, WITHOUT ROWID;

CREATE INDEX changes_in_order ON changes (bucket, audience, change_no);

-- Member-days to be derived again; a published programme puts them here.
CREATE TABLE dirty_days (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  business_day INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, business_day)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_exceptions (
  bucket INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  opened_at_ms INTEGER NOT NULL,
  closed_at_ms INTEGER,
  PRIMARY KEY (bucket, kind, subject)
) STRICT, WITHOUT ROWID;
