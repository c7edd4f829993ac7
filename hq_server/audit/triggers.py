"""Triggers: what forbids changing the past stands as the migrations make it, and nothing beside it."""

from __future__ import annotations

from hq_server.audit.comparing import differs
from hq_server.store.connection import Transaction


def audit_triggers(tx: Transaction) -> None:
    """Compare every trigger with the one that the migrations make."""
    made = {row[0]: row for row in tx.triggers_made()}
    for row in tx.all("house.triggers"):
        if made.pop(row[0], None) != row:
            differs(f"trigger {row[0]} on {row[1]}", "it is not one that this release makes")
    for name, table, _ in made.values():
        differs(f"trigger {name}", f"it is gone: {table} could be changed")
