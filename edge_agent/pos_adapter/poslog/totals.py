"""What a till's software says in its POSLog that it sold on a day: its end, or the settlement of the till.

A settlement of a session is of a shift, not of a day, and is passed over.
"""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element

from edge_agent.pos_adapter.handed_in import DayTotalIn, TillDay
from edge_agent.pos_adapter.poslog.cells import business_date, money, time_of
from edge_agent.pos_adapter.poslog.tree import attribute, children, text

CLOSES: Final = ("BusinessEOD", "StoreEOD", "TillEOD", "EndOfDay", "TillSettle")
_COUNTS: Final = ("TransactionCount", "RetailTransactionCount", "SalesTransactionCount")
_SALES: Final = ("TotalNetSalesAmount", "NetSalesAmount")
_RETURNS: Final = ("TotalNetReturnAmount", "TotalNetReturnsAmount", "NetReturnAmount")


def day_total(transaction: Element, store: str, till: str, currency: str | None) -> DayTotalIn | None:
    """Return what was sold on the day that a transaction closes, None where it closes none or has no figures.

    Raises:
        BadInput: as `money`; `amount_impossible`.
    """
    for close in transaction.iter():
        if close.tag not in CLOSES:
            continue
        count, sales, returns = (_first(close, names) for names in (_COUNTS, _SALES, _RETURNS))
        date = business_date(transaction)
        if not (count.isascii() and count.isdecimal() and len(count) <= 9 and sales and date):
            continue
        unit = money(transaction, close, currency)
        back = abs(unit.minor(returns, "returns")) if returns else 0
        return DayTotalIn(
            kind="day_total",
            receipt=TillDay(store=store, till=till, business_date=date),
            count=int(count),
            net_minor=unit.minor(sales, "sales") - back,
            currency=unit.currency,
            occurred_at=time_of(text(transaction, "EndDateTime")) or None,
        )
    return None


def _first(close: Element, names: tuple[str, ...]) -> str:
    for name in names:
        for one in (close, *close):
            if found := next(
                (text(each) for each in children(one, name) if not attribute(each, "TypeCode")), ""
            ):
                return found
    return ""
