"""What a till prints (ESC/POS) -> receipts.

tokens     bytes -> text and commands, each with its length
paper      commands -> papers, each with its lines
profile    how a till's papers are read: patterns, in TOML
lines      a paper's lines, each with what it was taken for; goods: items and tenders among them
reading    a paper by a profile -> a receipt, a day's total, or why it counts nothing
"""
