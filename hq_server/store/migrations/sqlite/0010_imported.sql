-- How many files came on sticks and what became of them, for what watches headquarters.

CREATE TABLE imported (
  outcome TEXT NOT NULL PRIMARY KEY,
  files INTEGER NOT NULL
) STRICT;
