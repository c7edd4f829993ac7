"""What a damaged database is mended with: its own hashes, HQ's copy, and the journal itself."""
