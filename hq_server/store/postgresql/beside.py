"""What an exchange of a till may write beside others.

Every write takes the gate first: a lock on an empty table. Exchanges share it, and then lock the row of their
store and the rows of the buckets that they post to, in order; all else takes the gate alone, and then finds
everything as if there were no other writer. An exchange writes beside others what lies under its own locks,
and reads beside that what only those write who are alone. Whatever else it would write it must be alone for,
and begins again so.
"""

from __future__ import annotations

from typing import Final


class Alone(Exception):
    """What is to be written must be written alone. Whoever opened the transaction begins it again."""


_OF_THE_STORE: Final = (
    "keep_batch",
    "keep_hashes",
    "move_head",
    "add_journal",
    "raise_epoch",
    "add_event",
    "open_exception",
    "restate_exception",
    "close_exception",
    "put_closing",
    "count_day",
    "close_day",
    "put_day_total",
    "touch_day_total",
    "note_return",
    "boot_was_read",
    "add_clock_mark",
    "clock_was_read",
    "met",
    "terminal_was_seen",
    "note_beliefs",
    "add_technician_action",
)
_OF_THE_BUCKETS: Final = (
    "put_resolved",
    "add_entry",
    "add_to_total",
    "put_day_items",
    "drop_day_items",
    "drop_all_day_items",
    "put_award_difference",
    "drop_award_difference",
    "open_account_exception",
    "close_account_exception",
    "put_stamp",
    "tell",
    "set_change_no",
)
BESIDE: Final = frozenset(
    [f"arrivals.{name}" for name in _OF_THE_STORE] + [f"accounts.{name}" for name in _OF_THE_BUCKETS]
)
"""Statements of which an exchange writes rows of its own store alone, or of buckets that it has locked."""
