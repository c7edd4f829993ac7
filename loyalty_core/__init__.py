"""The rules of Dangol as pure functions: values in, values out.

Nothing here reads a clock, a disk, a network or chance; the two programs around it do. The rooms:

errors, units        what goes wrong, and in which unit a number is
calendar             business days, weekdays, periods; the only room that knows time zones
events               what happened, as tills report it
programme            the rules as values
programme_toml       TOML text -> programme, or every mistake at once; it stands on `rule_tables` (the four
                     kinds of rules), `programme_forms` (what a value must be), `toml_tables`, `toml_lines`
programme_reading    a programme in plain words; `rule_reading` says its rules
receipts             all facts of one receipt key -> owner, content, what remains
accrual              one member's business day -> entries with their steps; `matching` says which rules
                     count what, `weighing` what weights make of points
account              entries -> period totals and balance
entries              a movement of points; `diff` brings what is posted to what should stand
tiers                totals and ladder -> tier, gap, near-miss
alike                what a total would be without weights, and who stands alike before a threshold
assessment           what closes and grants decided -> tier by day, and what late events raise
lookups              card and phone spellings -> one form
explain              steps as sentences, Korean and English
control              what a journal holds of a business day, as totals by kind of event
journal              record bytes, hash chain, what to do with a run of records
envelope, wire       signed exact bytes; values <-> msgpack
messages             what an exchange says, both ways
"""
