"""A case as staff and other systems read it: where it stands now, and all that was known when. Reads only."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from hq_server.decisions import DecisionView, decision_view
from hq_server.desk.cases import Case, case_of, decisions_on, evidence_on, moot, period_of_case, tier_of_case
from hq_server.desk.evidence import Evidence
from hq_server.desk.moot import Why
from hq_server.desk.standing import total_of
from hq_server.fleet_view import at_text
from hq_server.house import House
from hq_server.merges import groups_of, head_of
from hq_server.store.connection import Transaction
from hq_server.tiers.held import rows_of
from loyalty_core.calendar import date_of
from loyalty_core.units import EpochMs

State = Literal["open", "proposed", "moot", "granted", "refused", "withdrawn"]


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A case as staff and other systems read it.

    `missing` is the gap at the opening, `missing_now` that of now. `counts_as` is who stands for the member
    if not they themselves. `moot` says why there is nothing left to rule. `decisions` are all on this case.
    """

    number: int
    member_id: str
    counts_as: str | None
    period: str
    tier: str
    missing: int
    missing_now: int
    home_store: str
    words: str
    opened_by: str
    opened_at: str
    state: State
    moot: Why | None
    decisions: tuple[DecisionView, ...]


class EvidenceView(msgspec.Struct, frozen=True, kw_only=True):
    """What was known when a case was opened (`decision` null), or when a decision on it was made."""

    decision: int | None
    evidence: dict[str, Any]


class CaseFile(msgspec.Struct, frozen=True, kw_only=True):
    """A case with its evidence, the oldest first, and with what is known now where it is not settled.

    `outcomes` tells of each grant what became of those whom it covers, counted: by the decision's number.
    `granted_from` and `granted_until` are the first and last day of what the member was granted.
    """

    case: CaseView
    granted_from: str | None
    granted_until: str | None
    outcomes: dict[int, dict[str, int]]
    gathered: tuple[EvidenceView, ...]
    now: Evidence | None


def case_view(tx: Transaction, house: House, case: Case, now_ms: EpochMs) -> CaseView:
    """Return a case in the shape that people and programs read."""
    head = head_of(tx, house.bucket_count, case.member_id)
    on_it = decisions_on(tx, case)
    why = moot(tx, house, case, now_ms) if case.state == "open" else None
    state: State = case.state
    if case.state == "open":
        waits = any(one.state == "waiting" for one in on_it)
        state = "proposed" if waits else "moot" if why is not None else "open"
    missing = tier_of_case(tx, house, case).start - total_of(tx, house, head, period_of_case(house, case))
    return CaseView(
        number=case.number,
        member_id=case.member_id,
        counts_as=None if head == case.member_id else head,
        period=case.period_id,
        tier=case.tier,
        missing=case.missing,
        missing_now=max(0, missing),
        home_store=case.home_store,
        words=case.words,
        opened_by=case.opened_by,
        opened_at=at_text(case.opened_at_ms),
        state=state,
        moot=why,
        decisions=tuple([decision_view(one) for one in on_it]),
    )


def case_file(tx: Transaction, house: House, number: int, now_ms: EpochMs) -> CaseFile:
    """Return everything on a case.

    Raises:
        BadInput: `case_not_found`.
    """
    case = case_of(tx, number)
    gathered = [
        EvidenceView(decision=made or None, evidence=msgspec.json.decode(text))
        for made, text, _ in tx.all("house.evidence_of", number=number)
    ]
    now = evidence_on(tx, house, number, now_ms) if case.state == "open" else None
    view = case_view(tx, house, case, now_ms)
    grants = [one.number for one in view.decisions if one.kind == "grant"]
    found = rows_of(tx, house.bucket_count, groups_of(tx, house.bucket_count, [case.member_id]))
    given = [one for each in found.values() for rows in each for one in rows.grants if one.decision in grants]
    return CaseFile(
        case=view,
        granted_from=date_of(min(one.from_day for one in given)).isoformat() if given else None,
        granted_until=date_of(max(one.until_day for one in given)).isoformat() if given else None,
        outcomes={each: dict(tx.all("accounts.covered_outcomes", decision=each)) for each in grants},
        gathered=tuple(gathered),
        now=now,
    )


def known(file: CaseFile) -> Evidence:
    """Return the evidence of now or, of a settled case, the last that was gathered."""
    if file.now is not None:
        return file.now
    return msgspec.convert(file.gathered[-1].evidence, Evidence)
