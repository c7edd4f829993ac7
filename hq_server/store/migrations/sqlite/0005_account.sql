-- The account in full: redemptions and adjustments beside receipts, rules over periods, lots, closed periods.

-- The rule, or the lot's period, behind an entry that follows from the whole account (its earned_day is 0).
ALTER TABLE entries ADD COLUMN rule TEXT NOT NULL DEFAULT '';

-- What the period's lot was given: all redeemable points but redemptions, what gives them back, and expiry.
ALTER TABLE totals ADD COLUMN credited INTEGER NOT NULL DEFAULT 0;
UPDATE totals SET credited = redeemable;

-- 1 where the row is no receipt or visit but a redemption, a coupon or an adjustment: few, and read together.
ALTER TABLE member_receipts ADD COLUMN account INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_facts ON member_receipts (bucket, member_id) WHERE account = 1;

-- Up to and including this business day the expiry of lots is posted.
ALTER TABLE buckets ADD COLUMN expired_through INTEGER NOT NULL DEFAULT 0;

-- 1 where the person asked to be forgotten: what is left are movements under the id, and no look-up but it.
ALTER TABLE members ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;

-- What stands of a member-day for the rules that count over a period or a life.
CREATE TABLE day_items (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  business_day INTEGER NOT NULL,
  items BLOB NOT NULL,
  PRIMARY KEY (bucket, member_id, business_day)
) STRICT, WITHOUT ROWID;

-- A period is closed: what was posted by this number of the bucket was decided on.
CREATE TABLE bucket_closes (
  bucket INTEGER NOT NULL,
  period_id TEXT NOT NULL,
  entry_no INTEGER NOT NULL,
  PRIMARY KEY (bucket, period_id)
) STRICT, WITHOUT ROWID;

-- While this stands, everything of the member counts as another's. merged is the same the other way round.
CREATE TABLE merges (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  into_member TEXT NOT NULL,
  PRIMARY KEY (bucket, member_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE merged (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  from_member TEXT NOT NULL,
  PRIMARY KEY (bucket, member_id, from_member)
) STRICT, WITHOUT ROWID;

-- Points set aside for a redemption that HQ was asked about and that is neither committed nor over.
CREATE TABLE holds (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  redemption_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  points INTEGER NOT NULL CHECK (points > 0),
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, redemption_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX holds_by_end ON holds (until_ms);

-- Coupons that HQ issued; whether one is used is said by the member's account facts.
CREATE TABLE coupons (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  coupon_id TEXT NOT NULL,
  until_day INTEGER NOT NULL,
  envelope BLOB NOT NULL,
  issued_at_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, coupon_id)
) STRICT, WITHOUT ROWID;

-- Where an event's points are not those that its till answered, and why.
CREATE TABLE award_differences (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  business_day INTEGER NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  claimed_redeemable INTEGER NOT NULL,
  claimed_qualifying INTEGER NOT NULL,
  redeemable INTEGER NOT NULL,
  qualifying INTEGER NOT NULL,
  cause TEXT NOT NULL,
  found_at_ms INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, business_day, terminal_id, epoch, branch, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX award_differences_by_day ON award_differences (business_day, terminal_id);

-- What HQ decided, in the order of deciding. A decision that needs a second person takes effect by a verdict.
-- natural_key is what whoever asked calls it, so that asking again is no second decision.
CREATE TABLE decisions (
  number INTEGER NOT NULL PRIMARY KEY CHECK (number >= 1),
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason <> ''),
  made_by TEXT NOT NULL CHECK (made_by <> ''),
  made_at_ms INTEGER NOT NULL,
  needs_second INTEGER NOT NULL CHECK (needs_second IN (0, 1)),
  natural_key TEXT
) STRICT;

CREATE INDEX decisions_by_subject ON decisions (kind, subject);
CREATE UNIQUE INDEX decisions_by_key ON decisions (made_by, natural_key) WHERE natural_key IS NOT NULL;

CREATE TABLE verdicts (
  number INTEGER NOT NULL PRIMARY KEY,
  approved INTEGER NOT NULL CHECK (approved IN (0, 1)),
  given_by TEXT NOT NULL CHECK (given_by <> ''),
  given_at_ms INTEGER NOT NULL
) STRICT;

CREATE TRIGGER decision_is_never_changed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END;

CREATE TRIGGER decision_is_never_deleted BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'a decision is never deleted'); END;

CREATE TRIGGER decision_is_never_replaced BEFORE INSERT ON decisions
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM decisions)
BEGIN SELECT RAISE(ABORT, 'a decision is never replaced, and none is left out'); END;

CREATE TRIGGER verdict_is_never_changed BEFORE UPDATE ON verdicts
BEGIN SELECT RAISE(ABORT, 'a verdict is never changed'); END;

CREATE TRIGGER verdict_is_never_deleted BEFORE DELETE ON verdicts
BEGIN SELECT RAISE(ABORT, 'a verdict is never deleted'); END;

CREATE TRIGGER verdict_is_never_replaced BEFORE INSERT ON verdicts
WHEN EXISTS (SELECT 1 FROM verdicts WHERE number = NEW.number)
BEGIN SELECT RAISE(ABORT, 'a verdict is never replaced'); END;

CREATE TRIGGER verdict_is_on_a_proposal BEFORE INSERT ON verdicts
WHEN NOT EXISTS (SELECT 1 FROM decisions WHERE number = NEW.number AND needs_second = 1)
BEGIN SELECT RAISE(ABORT, 'a verdict is given on what waits for a second person'); END;

CREATE TRIGGER verdict_is_by_another_person BEFORE INSERT ON verdicts
WHEN EXISTS (SELECT 1 FROM decisions WHERE number = NEW.number
  AND lower(trim(made_by)) = lower(trim(NEW.given_by)))
BEGIN SELECT RAISE(ABORT, 'a decision is approved by another person than who proposed it'); END;

-- Under which receipt an event of any terminal is filed in another store, or by decision.
CREATE INDEX visiting_fact_by_event ON visiting_facts (terminal_id, epoch, branch, seq);

-- Claims, for a programme version that changes for how long a purchase can be claimed.
CREATE INDEX claims ON events (business_day) WHERE code = 7;
