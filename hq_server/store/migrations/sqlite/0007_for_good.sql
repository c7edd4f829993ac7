-- What is kept is kept for good: also INSERT OR REPLACE, which fires no delete triggers by itself, is refused, and
-- what takes two people cannot be decided by one.
--
-- entries and events have no such trigger: at every insert it would cost two fifths of the statement. For them this
-- release's connections let REPLACE fire the delete triggers, and the audit derives them again; docs/security.md.

CREATE TRIGGER programme_is_never_replaced BEFORE INSERT ON programmes
WHEN EXISTS (SELECT 1 FROM programmes WHERE version = NEW.version)
BEGIN SELECT RAISE(ABORT, 'a published programme version is never replaced'); END;

-- A row of this table can be replaced by its rowid, too; where none is given, NEW.rowid is none that stands.
CREATE TRIGGER batch_is_never_replaced BEFORE INSERT ON batches
WHEN EXISTS (SELECT 1 FROM batches WHERE rowid = NEW.rowid)
  OR EXISTS (SELECT 1 FROM batches WHERE store_id = NEW.store_id AND terminal_id = NEW.terminal_id
    AND epoch = NEW.epoch AND branch = NEW.branch AND first_seq = NEW.first_seq)
BEGIN SELECT RAISE(ABORT, 'a kept batch is never replaced'); END;

CREATE TRIGGER visiting_fact_is_never_replaced BEFORE INSERT ON visiting_facts
WHEN EXISTS (SELECT 1 FROM visiting_facts WHERE store_id = NEW.store_id AND receipt_key = NEW.receipt_key
  AND terminal_id = NEW.terminal_id AND epoch = NEW.epoch AND branch = NEW.branch AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'a fact is never replaced'); END;

CREATE TRIGGER attachment_is_never_replaced BEFORE INSERT ON attachments
WHEN EXISTS (SELECT 1 FROM attachments WHERE bucket = NEW.bucket AND reference = NEW.reference)
BEGIN SELECT RAISE(ABORT, 'an attachment is a decision and is never replaced'); END;

CREATE TRIGGER decision_is_never_replaced_by_its_key BEFORE INSERT ON decisions
WHEN NEW.natural_key IS NOT NULL
  AND EXISTS (SELECT 1 FROM decisions WHERE made_by = NEW.made_by AND natural_key = NEW.natural_key)
BEGIN SELECT RAISE(ABORT, 'a decision is never replaced by another of its key'); END;

CREATE TRIGGER decision_takes_a_second_person_by_its_kind BEFORE INSERT ON decisions
WHEN NEW.needs_second <> (NEW.kind IN ('adjustment', 'goodwill', 'erasure'))
BEGIN SELECT RAISE(ABORT, 'its kind says whether a decision takes a second person'); END;
