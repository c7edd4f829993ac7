"""The demo: headquarters and three tills, real processes on real receipts, two of them cut off for a while.

receipts, members   the published data -> receipts as tills say them, members as a file to import
processes, line     hq-server and edge-agent as processes that can be killed; lines that can be cut
tills               the shops' own till software: it hands receipts in by HTTP, JSON lines and CSV
agreement           the tills' journals against HQ's ledger: what was lost, doubled, explained
screen              what a person at a terminal sees; plain lines elsewhere
play, __main__      the story, and the command line

It looks into both programs' stores, read-only, which neither program does to the other.
"""
