"""What a till prints (ESC/POS) -> receipts.

tokens     bytes -> text and commands, each with its length
paper      commands -> papers, each with its lines
profile    how a till's papers are read: patterns, in TOML
reading    a paper by a profile -> a receipt, a day's total, or why it counts nothing
"""
