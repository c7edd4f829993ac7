"""What a person sees: sentences with the time, a bar on a terminal, plain lines elsewhere, tables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from demo import members
from demo.agreement import Agreement

WIDTH: Final = 100
PLAIN_EVERY_SECONDS: Final = 5
NEAREST_SHOWN: Final = 6
EXCEPTIONS_SHOWN: Final = 5
_STATES: Final = {"online": "green", "offline, selling": "yellow", "killed": "red", "starting": "dim"}


class TillState(msgspec.Struct, frozen=True, kw_only=True):
    """One till at this moment."""

    terminal_id: str
    how: str
    state: str
    recorded: int
    waiting: int


class Screen:
    """Says what happens. One at a time."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        if not self._console.is_terminal or self._console.width > WIDTH:
            self._console = Console(highlight=False, width=WIDTH)
        self._started = time.monotonic()
        self._said_at = self._started
        self._live: Live | None = None

    def title(self, sentences: Iterable[str]) -> None:
        """Begin."""
        self._console.print()
        self._console.print("  [bold]Dangol[/]  loyalty points that count while the line is down")
        self._console.print()
        for sentence in sentences:
            self._paragraph(sentence, style="dim")
        self._console.print()

    def say(self, sentence: str, style: str = "") -> None:
        """Say what has just happened, with the time."""
        seconds = time.monotonic() - self._started
        line = Table.grid(padding=(0, 2))
        line.add_column(width=6, justify="right", style="dim")
        line.add_column()
        line.add_row(f"{seconds:.0f} s", Text(sentence, style))
        self._console.print(line)

    @contextmanager
    def selling(self) -> Iterator[None]:
        """Keep a bar and the tills in view while the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, transient=True, auto_refresh=False) as self._live:
            yield
        self._live = None

    def show(self, tills: Sequence[TillState], played: int, baskets: int) -> None:
        """Show how far it is: on a terminal at once, elsewhere a line now and then."""
        if self._live is not None:
            self._live.update(Padding(_moment(tills, played, baskets), (1, 0, 0, 10)), refresh=True)
        elif not self._console.is_terminal and time.monotonic() - self._said_at > PLAIN_EVERY_SECONDS:
            self._said_at = time.monotonic()
            told = "; ".join(f"{t.terminal_id} {t.state}, {t.waiting:,} waiting" for t in tills)
            self.say(f"{played:,} of {baskets:,} baskets; {told}")

    def heading(self, text: str) -> None:
        """Begin a part of the result."""
        self._console.print()
        self._console.print(f"  [bold]{text}[/]")

    def note(self, sentence: str, style: str = "dim") -> None:
        """Add a sentence to the result."""
        self._paragraph(sentence, style=style)

    def lines(self, lines: Iterable[str]) -> None:
        """Show what a program said, as it said it."""
        for line in lines:
            self._console.print(
                Padding(Text(line, no_wrap=True, overflow="ellipsis"), (0, 2, 0, 4), expand=False)
            )

    def pairs(self, rows: Iterable[tuple[str, str]]) -> None:
        """Show names with what belongs to them."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(width=24)
        for name, value in rows:
            grid.add_row(Text(name, "dim"), Text(value))
        self._console.print(_indented(grid))

    def copyable(self, rows: Iterable[tuple[str, str]]) -> None:
        """Show names with what belongs to them, each on a line of its own however long, to be copied."""
        for name, value in rows:
            self._console.print(Text(f"    {name:<16}", "dim") + Text(value), soft_wrap=True)

    def verdict(self, agreed: bool) -> None:
        """Say how it ended."""
        told = "Everything agrees." if agreed else "NOT EVERYTHING AGREES: see what is red above."
        self._console.print()
        self._console.print(f"  {told}", style="bold green" if agreed else "bold red")

    def result(self, found: Agreement) -> None:
        """Show how journals and ledger agree."""
        self.heading("Tills and headquarters compared, record by record")
        self._console.print(_records(found))
        self._console.print()
        for sentence, style in _remarks(found):
            self.note(sentence, style)
        self.heading("Points: what the tills had claimed, what headquarters gave")
        self._console.print(_points(found))
        self._console.print()
        for reason, count in sorted(_reasons(found).items()):
            self.note(f"{count} differ: {reason}.")

    def tiers(self, found: Agreement) -> None:
        """Show the projected tiers, and who is near the next."""
        period = found.period
        self.heading(f"Tiers that {period.id} would give, if it ended now")
        self._console.print(_tiers(found))
        near = period.near_misses
        self.heading(f"Near the next tier, {period.near_miss_points} points or less: {len(near)} members")
        if near:
            self._console.print(_nearest(found))
            if len(near) > NEAREST_SHOWN:
                self.note(f"and {len(near) - NEAREST_SHOWN} more")

    def exceptions(self, found: Agreement) -> None:
        """Show what is open at headquarters."""
        if found.exceptions:
            self.heading(f"Exceptions open at headquarters: {len(found.exceptions)}")
            self.lines(
                f"{one.kind}  {one.subject}  {one.detail}" for one in found.exceptions[:EXCEPTIONS_SHOWN]
            )
        else:
            self.note("No exception is open at headquarters.")

    def _paragraph(self, sentence: str, style: str = "") -> None:
        self._console.print(Padding(Text(sentence, style), (0, 2, 0, 4), expand=False))


def _moment(tills: Sequence[TillState], played: int, baskets: int) -> Group:
    bar = Table.grid(padding=(0, 2))
    bar.add_row(ProgressBar(baskets, played, width=44), f"{played:,} of {baskets:,} baskets")
    table = Table.grid(padding=(0, 2))
    for justify in ("left", "left", "left", "right", "right"):
        table.add_column(justify=justify)
    for till in tills:
        waiting = Text(f"{till.waiting:,} waiting", "yellow" if till.waiting > 100 else "")
        state = Text(f"{till.state:<16}", _STATES[till.state])
        table.add_row(till.terminal_id, Text(till.how, "dim"), state, f"{till.recorded:,} recorded", waiting)
    return Group(bar, Text(), table)


def _table(*heads: str, left: int = 1) -> Table:
    """Return an empty table whose first columns are text and whose others are numbers."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place < left else "right")
    return table


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 4), expand=False)


def _good(count: int) -> Text:
    """Return a count that should be 0."""
    return Text(str(count), "green" if count == 0 else "bold red")


def _records(found: Agreement) -> Padding:
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
    return _indented(table)


def _remarks(found: Agreement) -> Iterator[tuple[str, str]]:
    receipts = sum(till.receipts for till in found.tills)
    told = f"{receipts:,} of the records are receipts and visits, the rest says when a till started. "
    yield told + "Applied: HQ holds it in the same bytes, and it stands in its member's account.", "dim"
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


def _points(found: Agreement) -> Padding:
    table = _table("till", "claimed", "given", "receipts that differ", "balances shown", "that differ")
    for till in found.tills:
        table.add_row(
            till.terminal_id,
            f"{till.claimed:,}",
            f"{till.posted:,}",
            f"{till.differs:,}",
            f"{till.members:,}",
            _good(till.balances_differ),
        )
    return _indented(table)


def _reasons(found: Agreement) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for till in found.tills:
        for reason, count in till.reasons.items():
            reasons[reason] = reasons.get(reason, 0) + count
    return reasons


def _tiers(found: Agreement) -> Padding:
    table = _table("tier", "from", "members", "points")
    table.add_column("")
    starts = [tier.starts_at for tier in found.period.tiers] + [max(found.totals.values(), default=0) + 1]
    most = max((tier.members for tier in found.period.tiers), default=0) or 1
    for tier, following in zip(found.period.tiers, starts[1:], strict=True):
        points = sum(
            total
            for total in found.totals.values()
            if (total >= tier.starts_at or tier.starts_at == 0) and total < following
        )
        bar = Text("▇" * round(24 * tier.members / most), "cyan")
        table.add_row(tier.tier, f"{tier.starts_at:,}", f"{tier.members:,}", f"{points:,}", bar)
    return _indented(table)


def _nearest(found: Agreement) -> Padding:
    table = _table("member", "name (invented)", "next tier", "points", "missing", left=3)
    for one in found.period.near_misses[:NEAREST_SHOWN]:
        name = members.name(members.household_of(one.member_id))
        table.add_row(one.member_id, name, one.tier, f"{one.qualifying:,}", Text(str(one.missing), "bold"))
    return _indented(table)
