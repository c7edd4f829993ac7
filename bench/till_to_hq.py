"""A queue of sales from a till to HQ, by real processes: signed, derived, posted, durable on both sides."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.code import Code
from bench.databases import LOOK_SECONDS, Journal, received
from bench.figures import FLOOR, NOW, Figure, Goal, figure
from bench.peers import BARE_ROAD, Peer, bare_road, carry
from bench.programs import EDGE, HQ, command, running, set_up
from bench.sales import receipts
from bench.turns import in_turns

LINES_IN_A_BASKET: Final = 9


class Turn(msgspec.Struct, frozen=True):
    """What one queue came to."""

    a_second: float
    till_us: float
    hq_us: float
    bytes_each: float


class Queue:
    """A till with a queue and the HQ that it belongs to, at rest: every turn begins with a copy of both."""

    def __init__(self, code: Code, folder: Path, sales: Path) -> None:
        self.code, self.folder = code, folder
        self.hq, self.till = set_up(code, folder / "queued")
        command(code, EDGE, self.till, "take", str(sales))
        self._audited = False

    def send(self, turn: int) -> Turn:
        """Run both until HQ has acknowledged the whole queue; the first time HQ is audited as well."""
        own = self.folder / f"turn{turn}"
        shutil.copytree(self.folder / "queued", own)
        hq, till = own / "hq" / self.hq.name, own / "till" / self.till.name
        journal = Journal(till.parent / "data")
        queue = journal.head()
        with running(self.code, HQ, hq) as server, running(self.code, EDGE, till) as agent:
            at_hand, start = journal.acknowledged(), time.perf_counter()
            while journal.acknowledged() < queue:
                time.sleep(LOOK_SECONDS)
            seconds = time.perf_counter() - start
            till_us, hq_us = (one.cpu_seconds() / queue * 1e6 for one in (agent, server))
        journal.close()
        events, size = received(hq.parent / "data")
        self._audit(hq)
        shutil.rmtree(own)
        return Turn((queue - at_hand) / seconds, till_us, hq_us, size / events)

    def _audit(self, hq: Path) -> None:
        if not self._audited:
            told = command(self.code, HQ, hq, "audit")
            if "no difference" not in told.lower():
                raise RuntimeError(f"the audit does not agree: {told}")
        self._audited = True


def measure(
    codes: Sequence[Code],
    folder: Path,
    *,
    count: int,
    lines: int,
    rounds: int,
    peers: Callable[[], Sequence[Peer]] = list,
) -> list[Figure]:
    """Return events a second from both being up to the last acknowledgement, and bytes an event."""
    folder.mkdir()
    sales = folder / "sales.jsonl"
    sales.write_bytes(b"\n".join(receipts(count, lines=lines)) + b"\n")
    queues = {code.name: Queue(code, folder / code.name, sales) for code in codes}
    roads = Roads(sales, folder, count)
    others = peers()
    taken = in_turns(
        rounds,
        {
            FLOOR: roads.take(bare_road()),
            **{name: queue.send for name, queue in queues.items()},
            **{peer.name: roads.take(peer) for peer in others if not peer.missing},
        },
    )
    name = f"{count:,} purchases" + (f" of {lines} lines" if lines else " without lines")
    goal, bytes_goal = (6000, 30 + 12 * lines) if lines else (15_000, 30)
    return [
        figure(
            f"{name}, till to HQ",
            "/s",
            {side: [turn.a_second for turn in turns] for side, turns in taken.items()},
            floor_what=BARE_ROAD,
            goal=Goal(limit=goal, least=True),
        ),
        figure(
            f"{name}: processor time of the till each, with its start",
            "us",
            {side: [turn.till_us for turn in turns] for side, turns in taken.items() if side != FLOOR},
        ),
        figure(
            f"{name}: processor time of HQ each, with its start",
            "us",
            {side: [turn.hq_us for turn in turns] for side, turns in taken.items() if side != FLOOR},
        ),
        figure(
            f"{name}: bytes on the wire each",
            "B",
            {side: [turn.bytes_each for turn in turns] for side, turns in taken.items()},
            floor_what="the bare road",
            goal=Goal(limit=bytes_goal),
        ),
        *(figure_ for peer in others for figure_ in _beside(peer, name, taken)),
    ]


class Roads:
    """The same sales by other roads."""

    def __init__(self, sales: Path, folder: Path, count: int) -> None:
        self._sales, self._folder, self._count = sales, folder, count

    def take(self, peer: Peer) -> Callable[[int], Turn]:
        """Return what carries them."""

        def run(_: int) -> Turn:
            carried = carry(peer, self._sales, self._folder / "peer")
            size = carried.wire_bytes / self._count
            return Turn(self._count / carried.seconds, 0, 0, size)

        return run


def _beside(peer: Peer, name: str, taken: Mapping[str, Sequence[Turn]]) -> list[Figure]:
    """Return a peer's figures; where others have their floor stands Dangol in the same turns."""
    speed, size = f"{name}, {peer.name}", f"{name}, {peer.name}: bytes on the wire each"
    if peer.missing:
        return [Figure(what=speed, unit="/s", missing=peer.missing)]
    theirs, ours = taken[peer.name], taken[NOW]
    return [
        figure(
            speed,
            "/s",
            {NOW: [turn.a_second for turn in theirs], FLOOR: [turn.a_second for turn in ours]},
            floor_what="Dangol in the same turns",
        ),
        figure(
            size,
            "B",
            {NOW: [turn.bytes_each for turn in theirs], FLOOR: [turn.bytes_each for turn in ours]},
            floor_what="Dangol in the same turns",
        ),
    ]
