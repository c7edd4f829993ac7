"""Everything derived again from the received bytes, and compared with what stands. Reads only, one state.

triggers     those that forbid changing the past, as the migrations make them
keys         those of HQ, as its present one vouches for them
programmes   every version's text as it was signed
members      every name in both directions
journals     every envelope's signature and every chain; events and facts as the bytes say
decisions    that each has its effect and a second person where it needs one, and that nothing else has any
rulings      on cases: whom each grant covers, and each grant
receipts     every fold, and where in the accounts it lies
stamps       how far each terminal's events have been posted for each member
balances     every account against its entries, their steps, dates and versions; then sums, lots, awards that
             differ from their till's answer, and that points are conserved
tiers        every assessment, from the points and tiers of its time
benefits     every close by its decision, and what tiers gave by the tiers that members have had

The first difference ends it.
"""

from __future__ import annotations

from hq_server.audit.balances import audit_balances
from hq_server.audit.benefits import audit_benefits, audit_closes
from hq_server.audit.comparing import Audited, Difference, Progress, differs
from hq_server.audit.decisions import audit_decisions, kin_of_merges
from hq_server.audit.journals import audit_journals
from hq_server.audit.keys import audit_keys
from hq_server.audit.members import audit_members
from hq_server.audit.programmes import audit_programmes
from hq_server.audit.receipts import audit_receipts
from hq_server.audit.rulings import audit_rulings
from hq_server.audit.stamps import Stamps
from hq_server.audit.tiers import audit_tiers
from hq_server.audit.triggers import audit_triggers
from hq_server.house import load_house
from hq_server.store.connection import Transaction
from loyalty_core.errors import LoyaltyError

__all__ = ["Audited", "Difference", "Progress", "audit"]


def audit(tx: Transaction, public_key: bytes, progress: Progress) -> Audited:
    """Return what was compared, all of it equal. `public_key` is the one that HQ signs with.

    Raises:
        Difference: where the first difference is, and which.
        LoyaltyError: `days_pending`: a published programme is still being applied, or lots have ended.
            `grants_pending`: an approved grant is still being posted.
            `records_pending`: records that this release can read are not taken yet.
    """
    if tx.all("accounts.dirty_days", count=1):
        raise LoyaltyError(
            "days are still to be derived again, which a server does: audit again while hq-server serve runs",
            code="days_pending",
        )
    audit_triggers(tx)
    house, done = load_house(tx), Audited()
    keys = audit_keys(tx, public_key)
    audit_programmes(tx, keys.programme)
    audit_members(tx, house, progress)
    kin = kin_of_merges(tx)
    stamps = Stamps(tx, house, kin)
    visiting = audit_journals(tx, done, stamps, progress)  # None where not all of them were seen
    decided = audit_decisions(tx, house, keys.server, progress)
    audit_rulings(tx, house, kin)
    facts = None if visiting is None else visiting + decided.facts
    audit_receipts(tx, house, done, facts, stamps, progress, decided.adjustments)
    if not done.unseen:
        stamps.check()
    audit_balances(tx, house, done, kin.keys(), progress)
    audit_tiers(tx, house, kin.keys())
    audit_closes(tx, house)
    audit_benefits(tx, house, keys.server)
    left = sum(done.flows.values())
    if left != done.outstanding:
        differs("points", f"{left} were issued and not used, {done.outstanding} are outstanding")
    return done
