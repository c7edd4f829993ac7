"""What the process between till and printer adds to each byte's way, beside a connection without it.

The till and the printer are this process, which sends on one side and waits on the other: there is one clock.
Both ways are taken in turn, first while the agent does nothing, then while it records sales without a pause.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from bench.client import Load, drive
from bench.code import Code
from bench.figures import FLOOR, NOW, Figure, Goal, figure
from bench.programs import EDGE, line, process, running, set_up
from bench.sales import receipts
from edge_agent.printer.endpoints import Tcp, endpoint
from edge_agent.printer.state import State

RECEIPT: Final = b"\x1b@" + b"Americano              2     9,000\n" * 28 + b"\x1dV\x00"
STATE: Final = b"\x16"
PAUSE_S: Final = 0.02
"""Between receipts, so that everything sleeps as it does at a till, where minutes bring so many.

With 2 ms the agent, which takes each copy, never comes to rest: then it is measured who waits for a core.
"""
WARM: Final = 50
LIMIT_US: Final = 1000


class Way:
    """A till's connection and what the printer sees of it."""

    def __init__(self, printer: socket.socket, where: tuple[str, int]) -> None:
        self._till = socket.create_connection(where)
        self._printer, _ = printer.accept()
        for one in (self._till, self._printer):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Hang up."""
        self._till.close()
        self._printer.close()

    def take(self) -> tuple[float, float]:
        """Return the microseconds of a receipt to the printer, and of its state back."""
        return _passed(self._till, self._printer, RECEIPT), _passed(self._printer, self._till, STATE)


def measure(code: Code, folder: Path, *, count: int, rounds: int) -> list[Figure]:
    """Return the figures; `count` receipts are printed in each round, each way."""
    folder.mkdir()
    with ExitStack() as stack:
        printer = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        where = f"tcp://127.0.0.1:{printer.getsockname()[1]}"
        settings = f'[[printer]]\nname = "front"\nlisten = "tcp://127.0.0.1:0"\nprinter = "{where}"\n'
        settings += "silence_ms = 1\n"  # So that it writes a copy while the next receipt comes.
        _, till = set_up(code, folder / "till", settings)
        words = line(EDGE, till, "printer")
        told = stack.enter_context(process(words, till.parent / "data" / "printed" / "front.state", code))
        listen = endpoint(msgspec.json.decode(told.url, type=State).listen)
        assert isinstance(listen, Tcp)
        agent = stack.enter_context(running(code, EDGE, till))
        ways = {FLOOR: Way(printer, printer.getsockname()), NOW: Way(printer, (listen.host, listen.port))}
        for way in ways.values():
            stack.callback(way.close)
        _turn(ways, lambda taken: taken < WARM)
        quiet = [_turn(ways, lambda taken: taken < count) for _ in range(rounds)]
        token = (till.parent / "data" / "http.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        busy = []
        for turn in range(rounds):
            bodies = receipts(count, first=turn * count)
            load = Load(url=f"{agent.url}/v1/receipts", headers=headers, clients=1, bodies=bodies)
            busy.append(_while_selling(ways, partial(drive, folder, load)))
        memory = told.memory_mb()
    return [
        *_figures(quiet, "the agent idle"),
        *_figures(busy, "the agent selling"),
        figure("the process between till and printer: memory", "MB", {NOW: [memory]}),
    ]


Turn = Mapping[str, Sequence[tuple[float, float]]]


def _turn(ways: Mapping[str, Way], goes_on: Callable[[int], bool]) -> Turn:
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    names = list(ways)
    while goes_on(len(taken[NOW])):
        for name in names:
            time.sleep(PAUSE_S)
            taken[name].append(ways[name].take())
        names.reverse()
    return taken


def _while_selling(ways: Mapping[str, Way], sell: Callable[[], object]) -> Turn:
    with ThreadPoolExecutor(1) as pool:
        sales = pool.submit(sell)
        turn = _turn(ways, lambda taken: not (sales.done() and taken))
        sales.result()
    return turn


def _passed(sender: socket.socket, receiver: socket.socket, data: bytes) -> float:
    start, left = time.perf_counter(), len(data)
    sender.sendall(data)
    while left:
        left -= len(receiver.recv(left))
    return (time.perf_counter() - start) * 1e6


def _figures(turns: Sequence[Turn], when: str) -> Iterator[Figure]:
    for side, what in enumerate(("till to printer, a receipt", "printer to till, its state")):
        for percent in (50, 99):
            yield figure(
                f"{what}, {when}, p{percent}",
                "us",
                {
                    name: [_percentile([one[side] for one in turn[name]], percent) for turn in turns]
                    for name in (NOW, FLOOR)
                },
                floor_what="without it",
                goal=Goal(limit=LIMIT_US, of="excess") if percent == 99 else None,
            )


def _percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]
