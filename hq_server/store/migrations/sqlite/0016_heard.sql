-- How new the request was by which a terminal was last seen: its epoch and head, the programme version and the changes that
-- it had. What is older was repeated by somebody, or was long on its way.
ALTER TABLE terminals ADD COLUMN said_epoch INTEGER NOT NULL DEFAULT 0;
ALTER TABLE terminals ADD COLUMN said_head INTEGER NOT NULL DEFAULT 0;
ALTER TABLE terminals ADD COLUMN said_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE terminals ADD COLUMN said_changes INTEGER NOT NULL DEFAULT 0;
