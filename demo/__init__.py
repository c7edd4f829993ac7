"""The demo: headquarters and three tills, real processes on real receipts, two of them cut off for a while.

receipts, members   the published data -> receipts as tills say them, members as a file to import
shopping            what customers do besides buying: they return, claim, spend points
processes, line     hq-server and edge-agent as processes that can be killed; lines that can be cut
opening             tills whose journals begin where the story does
forms, tills        the shops' own till software: it hands all that in by HTTP, JSON lines and CSV
journals, ledger    what a till and headquarters hold, read from their stores
agreement           the one against the other: what was lost, doubled, explained
tables, screen      what a person at a terminal sees; plain lines elsewhere
shops, play         the story; result tells how it ended; __main__ is the command line

It looks into both programs' stores, which neither program does to the other, and writes into none but where
`opening` says so.
"""
