"""A case that ends without a grant: refused by one person with a reason, or withdrawn.

Whoever stands like one who was granted the tier is refused only under a reason code that says why they are
unlike, and it is counted.
"""

from __future__ import annotations

import msgspec

from hq_server.config import Grants
from hq_server.decisions import Said, keep_decision
from hq_server.desk.cases import (
    Case,
    check_code,
    check_evidence,
    keep_evidence,
    still_open,
    unlike_code,
    unsettled,
)
from hq_server.desk.evidence import Evidence
from hq_server.house import House
from hq_server.store.connection import Transaction
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a refusal. `unlike`: one with the same or a larger gap was granted the tier."""

    case: int
    period: str
    tier: str
    missing: int
    reason_code: str
    unlike: bool


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a withdrawal: the member asks no more, or there is nothing left to ask for."""

    case: int
    period: str
    tier: str


def refuse_case(
    tx: Transaction,
    house: House,
    limits: Grants,
    number: int,
    reason_code: str,
    evidence: Evidence,
    by: Said,
    now_ms: EpochMs,
    natural_key: str | None = None,
) -> int:
    """Refuse a case and return the decision's number.

    Raises:
        BadInput: `case_settled`, `ruling_waits`, `case_moot`, `reason_code_unknown`, `unlike_needs_code`,
            `evidence_old`.
    """
    case = unsettled(tx, house, number, now_ms)
    check_code(limits, reason_code)
    check_evidence(tx, house, case, evidence)
    unlike = _granted_gap(tx, case) >= evidence.missing
    if unlike and reason_code not in limits.unlike_codes:
        raise BadInput(
            f"members who lacked as much or more were granted {case.tier} for {case.period_id}: to refuse "
            f"this one takes {unlike_code(limits)}",
            code="unlike_needs_code",
        )
    detail = Refusal(
        case=number,
        period=case.period_id,
        tier=case.tier,
        missing=evidence.missing,
        reason_code=reason_code,
        unlike=unlike,
    )
    made = keep_decision(tx, "refusal", case.member_id, detail, by, now_ms, natural_key=natural_key)
    keep_evidence(tx, number, made, evidence, now_ms)
    tx.run("house.settle_case", number=number, state="refused", decision=made)
    return made


def withdraw_case(
    tx: Transaction, number: int, by: Said, now_ms: EpochMs, natural_key: str | None = None
) -> int:
    """End a case without a ruling, moot or not, and return the decision's number.

    Raises:
        BadInput: `case_settled`, `ruling_waits`.
    """
    case = still_open(tx, number)
    detail = Withdrawal(case=number, period=case.period_id, tier=case.tier)
    made = keep_decision(tx, "withdrawal", case.member_id, detail, by, now_ms, natural_key=natural_key)
    tx.run("house.settle_case", number=number, state="withdrawn", decision=made)
    return made


def _granted_gap(tx: Transaction, case: Case) -> int:
    """Return the largest gap of those who were granted a case's tier for its period; 0 where nobody was."""
    row = tx.one("accounts.granted_gap", period_id=case.period_id, tier=case.tier)
    return row[0] if row and row[0] is not None else 0
