"""The codes by which HQ refuses, as far as this release knows them: a closed list.

Codes go into logs and figures, and whoever answers at HQ's address may write anything.
"""

from __future__ import annotations

from typing import Final

REQUESTS: Final = frozenset(
    {
        "bad_input",
        "body_too_large",
        "body_too_slow",
        "body_unreadable",
        "commit_unknown",
        "database_busy",
        "database_damaged",
        "database_moved",
        "database_newer",
        "database_unreachable",
        "disk_failed",
        "disk_full",
        "disk_unreadable",
        "envelope_invalid",
        "http_error",
        "enrol_too_many",
        "invite_expired",
        "invite_for_another",
        "invite_unknown",
        "invite_used",
        "key_exposed",
        "key_in_use",
        "key_missing",
        "key_retired",
        "key_unknown",
        "key_unreadable",
        "method_not_allowed",
        "not_found",
        "permission_denied",
        "programme_missing",
        "read_only",
        "server_busy",
        "server_failed",
        "store_differs",
        "terminal_busy",
        "terminal_over_quota",
        "terminal_pending",
        "terminal_replaced",
        "terminal_revoked",
        "terminal_taken",
        "terminal_unknown",
        "wire_malformed",
    }
)
"""Of a whole request."""
BATCHES: Final = frozenset(
    {
        "branches_too_many",
        "chain_broken",
        "claims_too_many",
        "envelope_invalid",
        "epoch_unknown",
        "fork",
        "gap",
        "journal_behind",
        "key_retired",
        "key_unknown",
        "programme_invalid",
        "programme_unlike",
        "terminal_replaced",
        "wire_malformed",
    }
)
"""Of one batch, of the journal, or of a programme that was handed back."""
OTHER: Final = "hq_refused"
"""Stands for a code that this release does not know; the sentence beside it says what it is."""


def known(code: str) -> str:
    """Return a code of HQ's, or the one that stands for all others."""
    return code if code in REQUESTS | BATCHES else OTHER
