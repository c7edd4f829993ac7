-- Branches: a till whose disk was copied, or set back, has one journal in two versions. Both are kept, and both count.

-- What each journal follows: in its epoch the last record that it shares with another branch, else how an earlier
-- epoch of the same till ended; NULL where it follows nothing.
CREATE TABLE journals (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  parent_epoch INTEGER CHECK (parent_epoch BETWEEN 1 AND epoch),
  parent_branch INTEGER CHECK ((parent_branch IS NULL) = (parent_epoch IS NULL)),
  parent_seq INTEGER CHECK ((parent_seq IS NULL) = (parent_epoch IS NULL) AND parent_seq >= 1),
  PRIMARY KEY (store_id, terminal_id, epoch, branch)
) STRICT, WITHOUT ROWID;

CREATE INDEX journals_by_parent ON journals (store_id, terminal_id, parent_epoch, parent_branch, parent_seq)
WHERE parent_epoch IS NOT NULL;

-- Until now each epoch followed the one before it.
INSERT INTO journals (store_id, terminal_id, epoch, branch, parent_epoch, parent_branch, parent_seq)
SELECT heads.store_id, heads.terminal_id, heads.epoch, heads.branch, before.epoch, before.branch, before.seq
FROM heads LEFT JOIN heads AS before ON before.store_id = heads.store_id
  AND before.terminal_id = heads.terminal_id AND before.branch = 0 AND before.seq > 0
  AND before.epoch = (SELECT max(earlier.epoch) FROM heads AS earlier WHERE earlier.store_id = heads.store_id
    AND earlier.terminal_id = heads.terminal_id AND earlier.epoch < heads.epoch AND earlier.seq > 0);

CREATE TRIGGER journal_is_never_changed BEFORE UPDATE ON journals
BEGIN SELECT RAISE(ABORT, 'what a journal follows is never changed'); END;

CREATE TRIGGER journal_is_never_deleted BEFORE DELETE ON journals
BEGIN SELECT RAISE(ABORT, 'what a journal follows is never deleted'); END;

CREATE TRIGGER journal_is_never_replaced BEFORE INSERT ON journals
WHEN EXISTS (SELECT 1 FROM journals WHERE store_id = NEW.store_id AND terminal_id = NEW.terminal_id
  AND epoch = NEW.epoch AND branch = NEW.branch)
BEGIN SELECT RAISE(ABORT, 'what a journal follows is never replaced'); END;

-- Epochs that were allotted: to the till on a branch, or to one that was set back to a record and lacks the record
-- whose hash this is (empty for a branch).
CREATE TABLE allotted_epochs (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 2),
  of_epoch INTEGER NOT NULL,
  of_branch INTEGER NOT NULL,
  of_seq INTEGER NOT NULL,
  lacks BLOB NOT NULL CHECK (length(lacks) IN (0, 32)),
  allotted_at_ms INTEGER NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch),
  UNIQUE (store_id, terminal_id, of_epoch, of_branch, of_seq, lacks)
) STRICT, WITHOUT ROWID;

-- A member's stamp is told to a till by the journals that it has written itself.
ALTER TABLE stamps RENAME TO stamps_before;
ALTER TABLE held_stamps RENAME TO held_stamps_before;

-- The last event of each journal that has been posted for a member.
CREATE TABLE stamps (
  bucket INTEGER NOT NULL,
  member_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (bucket, member_id, terminal_id, epoch, branch)
) STRICT, WITHOUT ROWID;

INSERT INTO stamps (bucket, member_id, terminal_id, epoch, branch, seq)
SELECT bucket, member_id, terminal_id, epoch, branch, seq FROM stamps_before;

CREATE TABLE held_stamps (
  bucket INTEGER NOT NULL,
  reference TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  audience TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  branch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (bucket, reference, terminal_id, epoch, branch)
) STRICT, WITHOUT ROWID;

INSERT INTO held_stamps (bucket, reference, terminal_id, audience, epoch, branch, seq)
SELECT bucket, reference, terminal_id, audience, epoch, branch, seq FROM held_stamps_before;

DROP TABLE stamps_before;
DROP TABLE held_stamps_before;
