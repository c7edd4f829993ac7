-- Held `id:` references by the card that each may turn out to be: a till records a text with letters as it was
-- typed, hyphens and all, while a card is known without them. bucket is the card's.
CREATE TABLE held_spellings (
  bucket INTEGER NOT NULL,
  card TEXT NOT NULL,
  reference TEXT NOT NULL,
  PRIMARY KEY (bucket, card, reference)
) STRICT, WITHOUT ROWID;
