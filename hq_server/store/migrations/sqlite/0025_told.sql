-- By which rules the members of a bucket were told to tills, '' where nobody noted it: see hq_server.retelling.
ALTER TABLE buckets ADD COLUMN told_as TEXT NOT NULL DEFAULT '';
