-- A token that shows figures alone, for what watches headquarters and decides nothing.

ALTER TABLE tokens ADD COLUMN metrics_only INTEGER NOT NULL DEFAULT 0 CHECK (metrics_only IN (0, 1));
