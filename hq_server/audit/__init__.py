"""Everything derived again from the received bytes, and compared with what stands. Reads only, one state.

journals     every envelope's signature and every chain; events and facts as the bytes say
receipts     every fold, and where in the accounts it lies
balances     every member-day against the sum of its entries, then balances and totals

The first difference ends it.
"""

from __future__ import annotations

from hq_server.audit.balances import audit_balances
from hq_server.audit.comparing import Audited, Difference, Progress
from hq_server.audit.journals import audit_journals
from hq_server.audit.receipts import audit_receipts
from hq_server.house import load_house
from hq_server.store.connection import Transaction
from loyalty_core.errors import LoyaltyError

__all__ = ["Audited", "Difference", "Progress", "audit"]


def audit(tx: Transaction, progress: Progress) -> Audited:
    """Return what was compared, all of it equal.

    Raises:
        Difference: where the first difference is, and which.
        LoyaltyError: `days_pending`: a published programme is still being applied.
    """
    if tx.all("accounts.dirty_days", count=1):
        raise LoyaltyError(
            "days are still being derived again after a publication: let hq-server serve finish",
            code="days_pending",
        )
    house, done = load_house(tx), Audited()
    visiting = audit_journals(tx, done, progress)
    audit_receipts(tx, house, done, visiting, progress)
    audit_balances(tx, house, done, progress)
    return done
