"""The second person's word: approved, a proposal takes its effect in the same transaction."""

from __future__ import annotations

from hq_server.adjusting import adjust
from hq_server.config import HqConfig
from hq_server.decisions import Decision, give_verdict
from hq_server.desk.rulings import check_grant, drop_grant
from hq_server.erasing import erase
from hq_server.house import House
from hq_server.store.connection import Transaction
from loyalty_core.units import EpochMs


def approve(
    tx: Transaction, house: House, config: HqConfig, number: int, by: str, now_ms: EpochMs
) -> Decision:
    """Let a proposal take effect and return it; that of a grant is posted by `post_some`, after it.

    Raises:
        BadInput: `decision_not_found`, `no_proposal`, `decision_judged`, `same_person`, or what its kind
            refuses.
    """
    approved = give_verdict(tx, number, by, now_ms, approved=True)
    if approved.kind == "erasure":
        erase(tx, house, approved, now_ms)
    elif approved.kind == "grant":
        check_grant(tx, house, config.grants, approved, now_ms)
    else:
        adjust(tx, house, config.adjustments, approved, now_ms)
    return approved


def refuse(tx: Transaction, number: int, by: str, now_ms: EpochMs) -> Decision:
    """End a proposal without effect and return it.

    Raises:
        BadInput: `decision_not_found`, `no_proposal`, `decision_judged`, `same_person`.
    """
    refused = give_verdict(tx, number, by, now_ms, approved=False)
    if refused.kind == "grant":
        drop_grant(tx, refused)
    return refused
