-- What headquarters must know to put an event of a wrong clock on its day by itself.

-- HQ's time when the monotonic clock of a boot showed 0 by the latest of its readings: far from zero_ms where two
-- machines go by the name of one boot, or something held a reading back.
ALTER TABLE boots ADD COLUMN zero_last_ms INTEGER;

-- When a till last came over the line and had nothing in this journal that headquarters did not hold: what is written
-- there beyond is from later.
CREATE TABLE meetings (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  seq INTEGER NOT NULL CHECK (seq >= 0),
  met_at_ms INTEGER NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch)
) STRICT, WITHOUT ROWID;
