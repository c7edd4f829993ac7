"""Headquarters, the tills with their lines and the shops' own software, and how they are at this moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from demo.journals import Handed
from demo.line import Line
from demo.processes import Hq, Program, Till
from demo.receipts import STORES, Played, store_id
from demo.screen import Screen, TillState
from demo.tills import CsvFiles, JsonLines, OverHttp, Software
from edge_agent.store import journal, outbox, terminal
from edge_agent.store.database import connect
from edge_agent.store.outbox import Link
from loyalty_core.programme_toml import read_programme

PROGRAMME: Final = Path(__file__).with_name("programme.toml")
CUT: Final = 2
"""How many tills are cut off; the last goes on online."""


class Shops:
    """Headquarters, the tills with their lines and software, and what is played."""

    def __init__(self, folder: Path, played: Played, screen: Screen) -> None:
        self.folder, self.played, self.screen = folder, played, screen
        self.programme = read_programme(PROGRAMME.read_text("utf-8"), str(PROGRAMME))
        self.hq = Hq(folder / "hq")
        self.tills = [Till(folder / name, name) for name in map(store_id, STORES)]
        self.lines = [Line(lambda: self.hq.address) for _ in self.tills]
        http, json_lines, csv_files = self.tills
        self.desk = OverHttp(http)
        self.software: list[Software] = [self.desk, JsonLines(json_lines), CsvFiles(csv_files)]
        self.killed = 0
        self._one_kill_at_a_time = asyncio.Lock()

    @property
    def cut_off(self) -> list[Till]:
        """The tills whose line is cut for a while."""
        return self.tills[:CUT]

    @property
    def offline_points(self) -> int:
        """How many points of a member each till may spend without headquarters."""
        redeem = self.programme.redeem
        return 0 if redeem is None else redeem.offline_points

    def states(self) -> list[TillState]:
        """Return how the tills are, as their own stores say."""
        return [_state(till, software.how) for till, software in zip(self.tills, self.software, strict=True)]

    async def kill_and_start(self, program: Program, dead: Callable[[], None] = lambda: None) -> None:
        """Kill a process where it stands, tell that it is dead, and start it again."""
        async with self._one_kill_at_a_time:
            await program.kill()
            self.killed += 1
            dead()
            await (program.serve() if isinstance(program, Hq) else program.start("run"))

    @property
    def handed(self) -> list[set[Handed]]:
        """What the shops' software has got rid of, till by till."""
        return [software.handed for software in self.software]

    @property
    def sold(self) -> int:
        """How many baskets are among that."""
        return sum(kind == "purchase" for own in self.handed for kind, _ in own)


def is_offline(till: Till) -> bool:
    """Tell whether a till sells without headquarters, and knows it."""
    return _state(till, "").state == "offline, selling"


def _state(till: Till, how: str) -> TillState:
    with closing(connect(till.database, read_only=True)) as conn:
        waiting, *_ = outbox.waiting(conn)
        recorded = journal.head(conn, terminal.read(conn)).seq
        link = outbox.link(conn)
    return TillState(
        terminal_id=till.terminal_id,
        how=how,
        state=_word(till, link),
        recorded=recorded,
        waiting=waiting,
    )


def _word(till: Till, link: Link) -> str:
    if not till.is_running:
        return "killed"
    if till.address is None:
        return "starting"
    return "online" if link.error_code is None else "offline, selling"
