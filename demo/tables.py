"""What journals and ledger say, as tables and sentences. Every figure is one of `agreement`'s."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from demo import members
from demo.agreement import UNEXPLAINED, Agreement
from loyalty_core.calendar import date_of

NEAREST_SHOWN: Final = 6
EXCEPTIONS_SHOWN: Final = 5
_CAUSES: Final = {
    "nothing_claimed": "the till did not know the purchase, or whose it was",
    "programme_version": "the till went by another version of the programme",
    "tier": "the till knew another tier",
    "other_tills": "what another till recorded that day counts too",
    "later_events": "what the till recorded later counts before it that day",
    "other_names": "the till did not know that several names of that day are one member",
    "day_too_long": "too much of one day differs to look for why",
    UNEXPLAINED: "headquarters has no cause for it",
}
Remark = tuple[str, str]
"""A sentence and its style."""


def records(found: Agreement) -> Table:
    """Return how many records each till has, and what became of them."""
    table = _table("till", "recorded", "synced", "applied at HQ", "lost", "doubled")
    for till in found.tills:
        counts = (f"{count:,}" for count in (till.recorded, till.synced, till.applied))
        table.add_row(till.terminal_id, *counts, _good(till.lost), _good(till.doubled))
    totals = [sum(getattr(till, name) for till in found.tills) for name in ("recorded", "synced", "applied")]
    table.add_section()
    table.add_row(
        "together",
        *(f"{total:,}" for total in totals),
        _good(sum(till.lost for till in found.tills)),
        _good(sum(till.doubled for till in found.tills)),
    )
    return table


def record_remarks(found: Agreement) -> Iterator[Remark]:
    """Yield what is to be said of the records."""
    yield (
        "Applied: HQ holds it in the same bytes, and what moves points stands in its member's account.",
        "dim",
    )
    if found.missing:
        kind, name = found.missing[0]
        yield (
            f"{len(found.missing)} things handed in are in no journal, the first: {kind} {name}.",
            "bold red",
        )
    else:
        yield "Everything that the shops' software handed in is in a journal.", "dim"
    for one in found.refused:
        yield f"Set aside at a till, {one.source} {one.place}: {one.sentence} ({one.code}).", "dim"


def happenings(found: Agreement) -> Table:
    """Return what each till recorded, by kind, and which points it moved in HQ's ledger."""
    table = _table("", *(till.terminal_id for till in found.tills), "points at HQ")
    rows = (
        ("visits and purchases", "sales", ("earn",)),
        ("goods returned", "returns", ("clawback",)),
        ("purchases claimed later", "claims", ()),
        ("paid with points", "redemptions", ("redemption", "redeem_rollback")),
        ("business days closed", "closed", ()),
    )
    for name, field, kinds in rows:
        moved = sum(found.flows.get(kind, 0) for kind in kinds)
        counts = (f"{getattr(till, field):,}" for till in found.tills)
        table.add_row(name, *counts, f"{moved:+,}" if kinds else "")
    table.add_section()
    table.add_row("outstanding", *("" for _ in found.tills), f"{found.outstanding:,}")
    return table


def happening_remarks(found: Agreement) -> Iterator[Remark]:
    """Yield what is to be said of what happened."""
    elsewhere = sum(till.elsewhere for till in found.tills)
    told = [f"{elsewhere} returns were of what another store had sold."] if elsewhere else []
    if found.waited:
        told.append(f"{found.waited} times something came to HQ before its purchase, and waited for it.")
    unasked = sum(till.unasked for till in found.tills)
    if unasked:
        told.append(f"{unasked} points were spent without HQ, within what it had allowed.")
    if told:
        yield " ".join(told), "dim"
    if found.astray:
        first, one = found.astray[0]
        day = f"{one.terminal_id} on {date_of(first).isoformat()}"
        yield f"{len(found.astray)} business days do not agree, the first: {day}.", "bold red"
    else:
        days = "On every business day the shops' software sold what the tills declare and HQ holds."
        yield days, "dim"


def points(found: Agreement) -> Table:
    """Return the points that tills answered and those that HQ gave."""
    table = _table("till", "claimed", "given", "differ", "balances shown", "differ")
    for till in found.tills:
        table.add_row(
            till.terminal_id,
            f"{till.claimed:,}",
            f"{till.posted:,}",
            f"{till.differs:,}",
            f"{till.members:,}",
            _good(till.balances_differ),
        )
    return table


def point_remarks(found: Agreement) -> Iterator[Remark]:
    """Yield why points differ, and what is open at headquarters."""
    causes: Counter[str] = Counter()
    for till in found.tills:
        causes.update(till.causes)
    for cause, count in causes.most_common():
        yield f"{count} differ: {_CAUSES[cause]}.", "bold red" if cause == UNEXPLAINED else "dim"
    if found.exceptions:
        yield f"{len(found.exceptions)} exceptions are open at headquarters, the first:", "yellow"
        for one in found.exceptions[:EXCEPTIONS_SHOWN]:
            yield f"{one.kind}  {one.subject}  {one.detail}", "yellow"
    else:
        yield "No exception is open at headquarters.", "dim"


def tiers(found: Agreement) -> Table:
    """Return how many members each tier would have."""
    table = _table("tier", "from", "members", "points")
    table.add_column("")
    starts = [tier.starts_at for tier in found.period.tiers] + [max(found.totals.values(), default=0) + 1]
    most = max((tier.members for tier in found.period.tiers), default=0) or 1
    for tier, following in zip(found.period.tiers, starts[1:], strict=True):
        earned = sum(
            total
            for total in found.totals.values()
            if (total >= tier.starts_at or tier.starts_at == 0) and total < following
        )
        bar = Text("▇" * round(24 * tier.members / most), "cyan")
        table.add_row(tier.tier, f"{tier.starts_at:,}", f"{tier.members:,}", f"{earned:,}", bar)
    return table


def nearest(found: Agreement) -> Table:
    """Return who misses the next tier by the least."""
    table = _table("member", "name (invented)", "next tier", "points", "missing", left=3)
    for one in found.period.near_misses[:NEAREST_SHOWN]:
        name = members.name(members.household_of(one.member_id))
        table.add_row(one.member_id, name, one.tier, f"{one.qualifying:,}", Text(str(one.missing), "bold"))
    return table


def _table(*heads: str, left: int = 1) -> Table:
    """Return an empty table whose first columns are text and whose others are numbers."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place < left else "right")
    return table


def _good(count: int) -> Text:
    """Return a count that should be 0."""
    return Text(str(count), "green" if count == 0 else "bold red")
