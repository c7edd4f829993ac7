"""One member's business day as this till knows it: what its own events give, and what a new one changes.

A correction of an earlier event is booked under the new event. What HQ has posted is in the balance that
HQ sent, whatever this till had thought it gave: booked is then only what the new event changes. What the
rules over a period move is booked under the new event too, as of no event, so that it lapses with it when the
stamp passes; the claim in the record is the day's own award, which HQ compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from edge_agent import own_facts
from edge_agent.books import Books
from edge_agent.counting import Counting, DayView, Moves, total
from edge_agent.growing import GrowingDays
from edge_agent.own_facts import Keep, OfDay, OwnFacts
from edge_agent.store import entries, members
from edge_agent.store.database import Connection
from edge_agent.store.entries import Award
from edge_agent.tiers import tier_held
from loyalty_core.account import account_entries
from loyalty_core.accrual import counted_items, derive_day
from loyalty_core.calendar import Period, period_of
from loyalty_core.day_rules import DayRules, rules_of_day
from loyalty_core.entries import NO_EVENT, PointEntry, Step, paired_steps
from loyalty_core.events import (
    Claim,
    EventId,
    Fact,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReturnRecorded,
    VisitRecorded,
)
from loyalty_core.messages import MemberRow, Stamp
from loyalty_core.receipts import Receipt, fold_receipt
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

RULES_KEPT: Final = 1024


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What a new event gives, and what the till claims it gave (None without a programme).

    `taken_back`: of the purchase something was voided or returned before. `earning` is what earns on its day,
    itself included; None where that was not looked at.
    """

    redeemable: int = 0
    qualifying: int = 0
    steps: tuple[Step, ...] = ()
    claim: Claim | None = None
    taken_back: bool = False
    earning: Sequence[Resolved] | None = None


class MemberDays:
    """Derives member-days; holds nothing but rules, and folds of long days, that it has worked out."""

    def __init__(self) -> None:
        self._rules: dict[tuple[int, Day, str], DayRules] = {}
        self._growing = GrowingDays()

    def stands(self, conn: Connection, books: Books, account: str, day: Day, event: EventId) -> Posted:
        """Return what an event gives as the till's own events of the member-day stand now."""
        row = books.row(conn, account)
        own = _read(conn, books, account, day, row)
        if event not in own.stood(day):
            return Posted()
        rules, fact = self._rules_on(books, row, day), own.facts[event]
        of_day = own.of_day(day)
        posted = _derive(books, rules, of_day).posted(fact, rules, of_day.earning)
        counting = self._counting(books, row, own, day)
        return posted if counting is None else _with(posted, counting.because_of(event, day))

    def resolved(self, conn: Connection, books: Books, account: str, day: Day) -> list[Resolved]:
        """Return the receipts and visits of a member-day that this till has recorded itself."""
        return own_facts.read(conn, books, account, day).of_day(day).earning

    def let_through(self, conn: Connection, books: Books, account: str, period: Period) -> dict[str, int]:
        """Return how many qualifying points each cap over a period has let through, as far as is known."""
        if not books.published.counts:
            return {}
        row = books.row(conn, account)
        own = _read(conn, books, account, period.first, row)
        counting = self._counting(books, row, own, period.first)
        return {} if counting is None else counting.through()

    def post(self, conn: Connection, books: Books, account: str, day: Day, new: Fact) -> Posted:
        """Book what a new fact gives and changes of the day's others; return what it gives."""
        row = books.row(conn, account)
        rules, stamp = self._rules_on(books, row, day), _stamp(row)
        added = self._added(conn, books, account, day, new, rules, stamp)
        if added is not None:
            entries.add(conn, account, new.id, day, Award(new.id, added.redeemable, added.qualifying))
            return added
        own = _read(conn, books, account, day, row, new)
        posted = _post_beside(conn, books, account, day, new, own, rules, stamp)
        if rules is not None and posted.earning is not None and not books.published.counts:
            self._growing.keep(conn, books, account, new, rules, stamp, posted.earning)
        counting = self._counting(books, row, own, day)
        if counting is None:
            return posted
        moved = Award(NO_EVENT, *total(counting.moves))
        _book_change(conn, account, day, new.id, _of_no_event(own, stamp, counting.period), moved)
        return _with(posted, counting.because_of(new.id, day))

    def _added(
        self,
        conn: Connection,
        books: Books,
        account: str,
        day: Day,
        new: Fact,
        rules: DayRules | None,
        stamp: Stamp,
    ) -> Posted | None:
        """Return what a new visit or purchase gives that changes nothing of its day; None where it may."""
        if books.published.counts or not isinstance(new.event, PurchaseRecorded | VisitRecorded):
            return None
        day_known, receipt_known = entries.any_known(conn, account, day, own_facts.receipt_of(new))
        if receipt_known:
            return None
        if not day_known:
            return _only(rules, fold_receipt([new], own_facts.rules_of(books)))
        grown = None if rules is None else self._growing.grow(conn, books, account, new, rules, stamp)
        return None if rules is None or grown is None else _earned(rules, *grown)

    def _counting(self, books: Books, row: MemberRow | None, own: OwnFacts, day: Day) -> Counting | None:
        """Return the rules over the period of a day; None where there are none."""
        if not books.published.counts:
            return None
        stamp = _stamp(row)

        def view(of: Day, keep: Keep | None) -> DayView:
            rules = self._rules_on(books, row, of)
            earning = own.of_day(of, keep).earning
            return DayView(of, earning, counted_items(rules, earning) if rules else ())

        return Counting(
            books,
            row,
            period_of(day, books.period_months),
            own.days,
            view,
            lambda event: _is_posted(event, stamp),
            lambda programme, on: tier_held(row, programme, on),
        )

    def _rules_on(self, books: Books, row: MemberRow | None, day: Day) -> DayRules | None:
        """Return the rules of a member-day, None without a programme."""
        programme = books.programme_on(day)
        if programme is None:
            return None
        tier = tier_held(row, programme, day)
        rules = self._rules.get((programme.version, day, tier))
        if rules is None:
            if len(self._rules) >= RULES_KEPT:
                self._rules.clear()
            rules = self._rules[programme.version, day, tier] = rules_of_day(programme, day, tier)
        return rules


def _only(rules: DayRules | None, receipt: Receipt) -> Posted:
    """Return what the one receipt or visit of a day gives."""
    earning = [] if receipt.resolved is None else [receipt.resolved]
    if rules is None:
        return Posted(earning=earning)
    (entry,) = derive_day(rules, earning)
    return _earned(rules, entry, earning)


def _earned(rules: DayRules, entry: PointEntry, earning: Sequence[Resolved]) -> Posted:
    """Return what an entry gives of which all is told."""
    return Posted(
        redeemable=entry.redeemable,
        qualifying=entry.qualifying,
        steps=entry.steps,
        claim=Claim(rules.version, rules.tier, entry.redeemable, entry.qualifying),
        earning=earning,
    )


def _post_beside(
    conn: Connection,
    books: Books,
    account: str,
    day: Day,
    new: Fact,
    own: OwnFacts,
    rules: DayRules | None,
    stamp: Stamp,
) -> Posted:
    """Book a new fact of a day of which more is known; return what it gives."""
    of_day = own.of_day(day)
    derived = _derive(books, rules, of_day)
    awards, stood = derived.awards(), own.stood(day)
    before: dict[EventId, Award] = {}
    if any(_is_posted(event, stamp) for event in stood):
        before = _derive(books, rules, own.of_day(day, lambda event: event != new.id)).awards()
    for event in {**stood, **awards}:
        if event == new.id:
            continue
        nothing = Award(event, 0, 0)
        was = before.get(event, nothing) if _is_posted(event, stamp) else stood.get(event, nothing)
        _book_change(conn, account, day, new.id, was, awards.get(event, nothing))
    entries.add(conn, account, new.id, day, awards.get(new.id, Award(new.id, 0, 0)))
    return derived.posted(new, rules, of_day.earning)


def _stamp(row: MemberRow | None) -> Stamp:
    return row.stamp if row is not None and row.stamp is not None else members.NEVER


def _read(
    conn: Connection, books: Books, account: str, day: Day, row: MemberRow | None, new: Fact | None = None
) -> OwnFacts:
    """Return what is known of a day, and of all that the rules over a period have to look at."""
    above = _stamp(row) if books.published.counts else own_facts.EVER
    return own_facts.read(conn, books, account, day, above=above, new=new)


class _Derived(msgspec.Struct, frozen=True):
    """What stands for an account's day, and the facts of each receipt that it was derived from."""

    entries: tuple[PointEntry, ...]
    receipts: dict[str, dict[EventId, Fact]]

    def awards(self) -> dict[EventId, Award]:
        """Return the points of each event."""
        found: dict[EventId, Award] = {}
        for entry in self.entries:
            before = found.get(entry.event, Award(entry.event, 0, 0))
            redeemable = before.redeemable + entry.redeemable
            found[entry.event] = Award(entry.event, redeemable, before.qualifying + entry.qualifying)
        return found

    def posted(self, fact: Fact, rules: DayRules | None, earning: Sequence[Resolved]) -> Posted:
        """Return what is answered for a fact: a purchase, and a claim of it, less what came back before.

        What it was paid with is told by its own commit, and given back by the takeback that leaves nothing;
        by the purchase itself where that had to wait for it.
        """
        told, claimed, waited, taken_back = {fact.id}, {fact.id}, {fact.id}, False
        if isinstance(fact.event, ReceiptClaimed | PurchaseRecorded):
            of_receipt = self.receipts[own_facts.receipt_of(fact)].values()
            told = {one.id for one in of_receipt}
            claimed = {one.id for one in of_receipt if isinstance(one.event, PurchaseRecorded)}
            waited = {one.id for one in of_receipt if one.id < fact.id == min(claimed)}
            taken_back = any(isinstance(one.event, PurchaseVoided | ReturnRecorded) for one in of_receipt)
        entries = [
            entry
            for entry in self.entries
            if entry.event in (waited if entry.kind == "redeem_rollback" else told)
            and (entry.kind != "redemption" or entry.event == fact.id)
        ]
        answered = [one for one in entries if one.event in claimed and one.kind in ("earn", "clawback")]
        claim = None
        if rules is not None:
            redeemable = sum(entry.redeemable for entry in answered)
            qualifying = sum(entry.qualifying for entry in answered)
            claim = Claim(rules.version, rules.tier, redeemable, qualifying)
        return Posted(
            redeemable=sum(entry.redeemable for entry in entries),
            qualifying=sum(entry.qualifying for entry in entries),
            steps=tuple([step for entry in entries for step in entry.steps]),
            claim=claim,
            taken_back=taken_back,
            earning=earning,
        )


def _derive(books: Books, rules: DayRules | None, of_day: OfDay) -> _Derived:
    spent = account_entries(of_day.spending, books.version_on, books.period_months)
    earned = derive_day(rules, of_day.earning) if rules else ()
    return _Derived((*earned, *spent), of_day.receipts)


def _with(posted: Posted, moves: Moves) -> Posted:
    """Return what is given together with what the rules over a period give, or cut, because of it."""
    points, steps = (posted.redeemable, posted.qualifying), list(posted.steps)
    for rule, move in moves.items():
        after = (points[0] + move.points[0], points[1] + move.points[1])
        steps += paired_steps(rule, move.kind, move.saw, points, after)
        points = after
    return msgspec.structs.replace(posted, redeemable=points[0], qualifying=points[1], steps=tuple(steps))


def _of_no_event(own: OwnFacts, stamp: Stamp, period: Period) -> Award:
    """Return what is booked above the stamp for the rules over a period."""
    found = Award(NO_EVENT, 0, 0)
    for day, moves in own.movements.items():
        if period.first <= day <= period.last:
            for move in moves:
                if move.record is None and not _is_posted(move.cause, stamp):
                    found = found.plus(move.of)
    return found


def _is_posted(event: EventId, stamp: Stamp) -> bool:
    return (event.epoch, event.branch, event.seq) <= (stamp.epoch, stamp.branch, stamp.seq)


def _book_change(
    conn: Connection, account: str, day: Day, cause: EventId, stood: Award, stands: Award
) -> None:
    redeemable = stands.redeemable - stood.redeemable
    qualifying = stands.qualifying - stood.qualifying
    if redeemable or qualifying:
        entries.add(conn, account, cause, day, Award(stands.event, redeemable, qualifying))
