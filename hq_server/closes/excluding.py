"""A named person leaves out a terminal that will not report a period: broken, stolen, gone.

What it still brings after the close counts beside the closed total, and for tiers only upward.
"""

from __future__ import annotations

from hq_server.closes.readiness import Exclusion, exclusions_of, left_out, reports
from hq_server.closes.states import closes
from hq_server.decisions import Said, keep_decision
from hq_server.fleet import find_terminal
from hq_server.house import House
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period, date_of
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs


def exclude(
    tx: Transaction, house: House, period: Period, terminal_id: str, by: Said, now_ms: EpochMs
) -> int:
    """Let a close of the period not wait for a terminal; return the decision's number.

    Whoever is excluded already stays so by the decision that stands.

    Raises:
        BadInput: `terminal_not_found`, `period_not_over`, `period_closed`, `nothing_to_exclude`.
    """
    terminal = find_terminal(tx, terminal_id)
    for stands in exclusions_of(tx, period.id):
        if left_out(stands) == terminal_id:
            return stands.number
    decided = closes(tx).get(period.id)
    if decided is not None:
        raise BadInput(
            f"{period.id} is {decided.state} already: what {terminal_id} still brings counts beside it",
            code="period_closed",
        )
    if house.today(now_ms) <= period.last:
        raise BadInput(
            f"{period.id} runs until {date_of(period.last)}: leave out who is missing once it is over",
            code="period_not_over",
        )
    report = next((one for one in reports(tx, house, period) if one.terminal_id == terminal_id), None)
    if report is None or not report.is_missing(period):
        raise BadInput(
            f"nothing of {terminal_id} is missing for {period.id}: there is nothing to leave out",
            code="nothing_to_exclude",
        )
    detail = Exclusion(terminal_id, terminal.store_id, report.watermark)
    return keep_decision(tx, "exclusion", period.id, detail, by, now_ms)
