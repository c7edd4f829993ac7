"""Everything of one kind taken out of headquarters, as CSV for spreadsheets or JSON for programs.

cells    a row as text: nothing that somebody typed becomes a formula
tables   what can be taken out, a page at a time, so that neither memory nor a reader is held for long
"""
