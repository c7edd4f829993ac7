-- What the clocks of tills have shown. Nothing here moves a point: it is evidence of when an event was recorded.

-- A boot of a till's machine. zero_ms is HQ's time when its monotonic clock showed 0, at the latest: the least of what
-- the readings of its batches say, each by the time at which HQ received it.
CREATE TABLE boots (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  boot_id TEXT NOT NULL,
  zero_ms INTEGER NOT NULL,
  PRIMARY KEY (store_id, terminal_id, boot_id)
) STRICT, WITHOUT ROWID;

-- Records that tell how the wall clock stood to the monotonic one from there on: the agent's starts and the clock's steps.
CREATE TABLE clock_marks (
  store_id TEXT NOT NULL,
  terminal_id TEXT NOT NULL,
  epoch INTEGER NOT NULL CHECK (epoch >= 1),
  branch INTEGER NOT NULL CHECK (branch >= 0),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  boot_id TEXT NOT NULL,
  monotonic_ms INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  PRIMARY KEY (store_id, terminal_id, epoch, branch, seq)
) STRICT, WITHOUT ROWID;

-- By how much a terminal's wall clock was ahead of HQ's (below 0: behind) at the last reading that was received.
ALTER TABLE terminals ADD COLUMN clock_ahead_ms INTEGER;
