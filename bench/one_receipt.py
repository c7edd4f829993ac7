"""One receipt over HTTP, HQ absent: latency for one client, receipts a second for sixty-four."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from bench.client import Driven, Load, drive
from bench.code import Code
from bench.databases import connect, transaction
from bench.figures import FLOOR, NOW, Figure, Goal, figure
from bench.programs import EDGE, Running, process, running, set_up
from bench.sales import receipts
from bench.turns import in_turns

EACH: Final = 100
CLIENTS: Final = 64
WARM: Final = 200


class Turn(msgspec.Struct, frozen=True):
    """What one turn of the sixty-four clients came to."""

    a_second: float
    cpu_us: float
    client_share: float


class Service:
    """Something that takes receipts over HTTP: the agent, or the floor."""

    def __init__(
        self, folder: Path, served: Running, url: str, headers: Mapping[str, str], *, first: int = 0
    ) -> None:
        self._folder, self._served, self._url, self._headers = folder, served, url, headers
        self._taken = first

    def post(self, count: int, clients: int) -> Driven:
        """Post receipts that were not posted yet."""
        bodies = receipts(count, first=self._taken)
        self._taken += count
        return drive(self._folder, Load(url=self._url, headers=self._headers, clients=clients, bodies=bodies))

    def median_us(self) -> float:
        """Return the median of a client that posts one after the other, in microseconds."""
        return statistics.median(self.post(EACH, 1).each_us)

    def speed(self, count: int) -> Turn:
        """Return how many a second are taken from many clients, and at what cost."""
        before = self._served.cpu_seconds()
        driven = self.post(count, CLIENTS)
        cpu = self._served.cpu_seconds() - before
        return Turn(count / driven.seconds, cpu / count * 1e6, 100 * driven.cpu_seconds / driven.seconds)


def measure(codes: Sequence[Code], folder: Path, *, many: int, rounds: int) -> list[Figure]:
    """Return the figures; `many` receipts are sent by the sixty-four clients in each round."""
    folder.mkdir()
    tills = {code.name: set_up(code, folder / code.name)[1] for code in codes}
    with ExitStack() as stack:
        words = [sys.executable, "-m", "bench.trivial", str(folder / "address")]
        trivial = stack.enter_context(process(words, folder / "address"))
        services = {FLOOR: Service(folder, trivial, trivial.url, {})}
        for code in codes:
            agent = stack.enter_context(running(code, EDGE, tills[code.name]))
            token = (tills[code.name].parent / "data" / "http.token").read_text().strip()
            headers = {"Authorization": f"Bearer {token}"}
            services[code.name] = Service(folder, agent, f"{agent.url}/v1/receipts", headers)
        for service in services.values():
            service.post(WARM, 1)
        commits = Commits(folder / "floor.db")
        alone = in_turns(2 * rounds, _alone(services, commits))
        together = in_turns(rounds, {name: _speed(one, many) for name, one in services.items()})
    speeds = {name: [turn.a_second for turn in turns] for name, turns in together.items()}
    cpu = {name: [turn.cpu_us for turn in turns] for name, turns in together.items()}
    shares = [turn.client_share for turn in together[NOW]]
    return [
        figure(
            "POST /v1/receipts, one client, p50",
            "us",
            alone,
            floor_what="trivial aiohttp POST + one FULL commit",
            goal=Goal(limit=3, of="ratio"),
        ),
        figure(
            f"receipts over HTTP, {CLIENTS} clients, {many:,} a turn",
            "/s",
            speeds,
            floor_what="trivial aiohttp POST, the same clients",
            goal=Goal(limit=6000, least=True),
        ),
        figure("the same: processor time of the agent each", "us", cpu, floor_what="of the trivial server"),
        Figure(what="the same: the load's own share of one core", unit="%", values=tuple(shares)),
    ]


def _alone(services: Mapping[str, Service], commits: Commits) -> dict[str, Callable[[int], float]]:
    runs = {name: _median(one) for name, one in services.items()}
    trivial = runs[FLOOR]
    runs[FLOOR] = lambda turn: trivial(turn) + commits.median_us()
    return runs


def _median(service: Service) -> Callable[[int], float]:
    return lambda _: service.median_us()


def _speed(service: Service, many: int) -> Callable[[int], Turn]:
    return lambda _: service.speed(many)


class Commits:
    """One-row FULL commits on the same disk."""

    def __init__(self, path: Path) -> None:
        self._conn = connect(path)
        self._conn.execute("CREATE TABLE t (a INTEGER, b BLOB)")

    def median_us(self) -> float:
        """Return the median of some, in microseconds."""
        taken = []
        for number in range(EACH):
            start = time.perf_counter()
            with transaction(self._conn):
                self._conn.execute("INSERT INTO t VALUES (?, ?)", (number, b"x" * 90))
            taken.append((time.perf_counter() - start) * 1e6)
        return statistics.median(taken)
