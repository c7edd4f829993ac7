-- The hash of each record of a kept batch, one behind the other, from its first_seq to its last_seq: by these it is told
-- where a run belongs, without unpacking what is kept. They follow from the batch, and the audit derives them again.
-- A batch of one record has none, since that is its last one, and neither have those that were kept before this.
CREATE TABLE batch_hashes (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  first_seq INTEGER NOT NULL CHECK (first_seq >= 1),
  hashes BLOB NOT NULL CHECK (length(hashes) >= 32 AND length(hashes) % 32 = 0),
  PRIMARY KEY (store_id, terminal_id, epoch, branch, first_seq)
) STRICT;
