"""What a person sees: sentences with the time, a bar on a terminal, plain lines elsewhere, tables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

WIDTH: Final = 100
PLAIN_EVERY_SECONDS: Final = 5
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

    def table(self, table: Table) -> None:
        """Show a table of the result."""
        self._console.print(_indented(table))

    def remarks(self, remarks: Iterable[tuple[str, str]]) -> None:
        """Add sentences, each in its style, below a table."""
        self._console.print()
        for sentence, style in remarks:
            self.note(sentence, style)

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


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 4), expand=False)
