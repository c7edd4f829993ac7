"""One business day, terminal by terminal: what the till's software, its journal and headquarters say.

Journal and headquarters count records as they were written: voided and repeated ones too. What the software
sold is therefore set against the receipts that stand at headquarters for its tills. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from hq_server.accept import Terminal
from hq_server.day_figures import closed_differs, declared_of, held_of
from hq_server.day_totals import Sold, sold_at, total_differs
from hq_server.exceptions import current_of
from hq_server.fleet_view import at_text
from hq_server.lineage import name_of
from hq_server.store.connection import Transaction
from loyalty_core.control import DayFigures
from loyalty_core.events import EVENT_CODES, PurchaseRecorded, ReturnRecorded
from loyalty_core.units import Day

_SIGNS = {EVENT_CODES[PurchaseRecorded]: 1, EVENT_CODES[ReturnRecorded]: -1}


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal holds of a day: records, the purchases and returns among them, purchases less returns.

    Points are those that the till answered.
    """

    records: int
    receipts: int
    net_minor: int
    redeemable: int
    qualifying: int


class TerminalDay(msgspec.Struct, frozen=True, kw_only=True):
    """What a terminal's day comes to; each branch of its journal is one more, and `branch` then its name.

    What a branch shares with the one that it left is in both.
    `software` is what its tills' own software told, and `standing` the receipts that stand here for these
    tills; both are None where it told nothing. `journal` is what the till declared, None while the day is not
    closed, and `held` what is here of the same records. `awards` counts, by cause, the points posted that are
    not those that the till answered. `differs` are the kinds of its exceptions that are not closed: a day to
    which something has come is compared when its till has declared it again, a total once it has settled.
    """

    store_id: str
    terminal_id: str
    branch: str | None
    closed_at: str | None
    software: Sold | None
    standing: Sold | None
    journal: Recorded | None
    held: Recorded
    awards: dict[str, int]
    differs: tuple[str, ...]


def terminal_days(tx: Transaction, day: Day) -> list[TerminalDay]:
    """Return the day of every terminal, by store."""
    found = []
    awards: dict[str, dict[str, int]] = {}
    for terminal_id, cause, count in tx.all("accounts.award_differences_on", business_day=day):
        awards.setdefault(terminal_id, {})[cause] = count
    for store_id, terminal_id, state, reason, key_id, epoch, *_ in tx.all("arrivals.terminals"):
        terminal = Terminal(store_id, terminal_id, state, reason, key_id, epoch)
        heads = tx.all("arrivals.heads", store_id=store_id, terminal_id=terminal_id)
        own = [(epoch, branch) for epoch, branch, *_ in heads if branch == 0]
        found.append(_terminal_day(tx, terminal, own, day, awards.get(terminal_id, {})))
        for epoch, branch, *_ in heads:
            if branch > 0:
                of_branch = _terminal_day(tx, terminal, [(epoch, branch)], day, {})
                found += [of_branch] if of_branch.held.records or of_branch.journal is not None else []
    return found


def _terminal_day(
    tx: Transaction, terminal: Terminal, journals: Sequence[tuple[int, int]], day: Day, awards: dict[str, int]
) -> TerminalDay:
    held: list[DayFigures] = []
    said: list[DayFigures] = []
    closed_at_ms = None
    branch = next((name_of(terminal.terminal_id, *one) for one in journals if one[1] > 0), None)
    for journal in journals:
        holds = held_of(tx, terminal, *journal, [day]).get(day, DayFigures(0, 0, ()))
        word = declared_of(tx, terminal, *journal, [day]).get(day)
        held.append(holds)
        if word is not None:
            said.append(word.figures)
            closed_at_ms = word.closed_at_ms
    told = (
        tx.all("arrivals.day_totals_of", store_id=terminal.store_id, business_day=day) if not branch else []
    )
    tills = {till: Sold(receipts, net) for till, receipts, net, by in told if by == terminal.terminal_id}
    standing = [sold_at(tx, terminal.store_id, day, till) for till in tills]
    names = [closed_differs(terminal, *journal, day) for journal in journals]
    names += [total_differs(terminal.store_id, till, day) for till in tills]
    return TerminalDay(
        store_id=terminal.store_id,
        terminal_id=terminal.terminal_id,
        branch=branch,
        closed_at=None if closed_at_ms is None else at_text(closed_at_ms),
        software=_sum(tills.values()) if tills else None,
        standing=_sum(standing) if tills else None,
        journal=_recorded(said) if said else None,
        held=_recorded(held),
        awards=awards,
        differs=tuple(sorted({kind for _, kind, _ in current_of(tx, names)})),
    )


def _sum(sold: Iterable[Sold]) -> Sold:
    every = list(sold)
    return Sold(sum(one.receipts for one in every), sum(one.net_minor for one in every))


def _recorded(days: Iterable[DayFigures]) -> Recorded:
    totals = [total for day in days for total in day.totals]
    sales = [(_SIGNS[total.code], total) for total in totals if total.code in _SIGNS]
    return Recorded(
        records=sum(total.count for total in totals),
        receipts=sum(total.count for _, total in sales),
        net_minor=sum(sign * total.net_minor for sign, total in sales),
        redeemable=sum(total.redeemable for total in totals),
        qualifying=sum(total.qualifying for total in totals),
    )
