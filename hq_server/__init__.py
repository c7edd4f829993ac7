"""Headquarters: takes in what tills report, keeps the ledger, tells tills and staff what stands.

exchange, enrol      what tills ask, decided; `till_api` is their HTTP
accept               bytes -> verified -> kept, head moved: what is acknowledged
spread               kept runs -> events, receipt facts, resolved receipts
posting              member-days derived, differences posted, totals, change numbers
attaching            receipts of unknown references find their member
snapshots            what each till gets
fleet, members, programmes, periods, tokens      what staff do
reconcile, audit     what does not fit; everything derived again
config, app, cli     the shell: settings, wiring, commands
store                the database: the only room with SQL
api                  JSON for other systems
"""
