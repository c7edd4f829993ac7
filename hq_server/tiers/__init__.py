"""Tiers: which one a member holds on which day, and what late events raise of it.

held         what was decided about members' tiers, read from the accounts
restating    closes folded again when a closed total moves: upward only
"""
