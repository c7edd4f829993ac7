"""What a till's software says in its POSLog that it sold on a day: its end, or the settlement of the till.

A settlement of a session is of a shift, not of a day, and is passed over.
"""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element

from edge_agent.pos_adapter.handed_in import DayTotalIn, TillDay
from edge_agent.pos_adapter.poslog.cells import business_date, money, time_of
from edge_agent.pos_adapter.poslog.tree import attribute, children, text

CLOSES: Final = ("BusinessEOD", "StoreEOD", "TillEOD", "EndOfDay", "TillSettle")
_COUNTS: Final = ("TransactionCount", "RetailTransactionCount", "SalesTransactionCount")
_COUNT: Final = re.compile("[0-9]{1,9}")
_SALES: Final = ("TotalNetSalesAmount", "NetSalesAmount")
_RETURNS: Final = ("TotalNetReturnAmount", "TotalNetReturnsAmount", "NetReturnAmount")


def day_total(transaction: Element, store: str, till: str, currency: str | None) -> DayTotalIn | None:
    """Return what was sold on the day that a transaction closes; None where it closes none or has no figures.

    The figures are its own, or else the sum of those of its parts.

    Raises:
        BadInput: as `money`; `amount_impossible`.
    """
    for close in transaction.iter():
        if close.tag not in CLOSES:
            continue
        date = business_date(transaction)
        parts = [close] if _first(close, _SALES) else [one for one in close if _first(one, _SALES)]
        counts = [_first(one, _COUNTS) for one in parts]
        if not (parts and date and all(_COUNT.fullmatch(count) for count in counts)):
            continue
        unit = money(transaction, close, currency)
        sold = sum(unit.minor(_first(one, _SALES), "sales") for one in parts)
        back = sum(abs(unit.minor(_first(one, _RETURNS) or "0", "returns")) for one in parts)
        return DayTotalIn(
            kind="day_total",
            receipt=TillDay(store=store, till=till, business_date=date),
            count=sum(int(count) for count in counts),
            net_minor=sold - back,
            currency=unit.currency,
            occurred_at=time_of(text(transaction, "EndDateTime")) or None,
        )
    return None


def _first(element: Element, names: tuple[str, ...]) -> str:
    """Return the first figure of these names right below an element, "" where there is none."""
    found = (text(one) for name in names for one in children(element, name) if not attribute(one, "TypeCode"))
    return next((one for one in found if one), "")
