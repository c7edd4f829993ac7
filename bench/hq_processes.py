"""One, two and four `hq-server serve` on one PostgreSQL, with tills of as many stores spread over them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Final

from bench.client import Driven, Load, drive
from bench.code import Code
from bench.figures import FLOOR, NOW, Figure, figure
from bench.hq_ingest import Turn
from bench.hq_on_postgresql import EVENTS, backends_seconds
from bench.programs import (
    EDGE,
    HQ,
    Running,
    command,
    give_port,
    import_members,
    running,
    set_up_hq,
    set_up_till,
)
from bench.recorded import EXCHANGE, Relay, relay, send
from bench.sales import receipts
from bench.turns import in_turns
from tests.postgresql import Cluster, Session, cluster

PROCESSES: Final = (1, 2, 4)
STORES: Final = ("S001", "S002", "S003", "S004")


def measure(
    code: Code, folder: Path, *, count: int, rounds: int, processes: Sequence[int] = PROCESSES
) -> list[Figure]:
    """Return events a second by how many processes take them, each beside what one of them takes."""
    folder.mkdir()
    with cluster(durable=True) as made:
        chain = Chain(code, folder, count // len(STORES), made)
        runs: dict[str, Callable[[int], Turn]] = {str(many): partial(chain.post, many) for many in processes}
        taken = in_turns(rounds, runs)
    alone = taken[str(processes[0])]
    figures = []
    for many in processes:
        turns = {NOW: taken[str(many)], **({FLOOR: alone} if many > 1 else {})}
        what = f"HQ on one PostgreSQL, {many} serve, {len(STORES)} tills of as many stores"
        beside = "one serve" if many > 1 else ""
        figures += [
            figure(
                what,
                "/s",
                {side: [one.a_second for one in all_] for side, all_ in turns.items()},
                floor_what=beside,
            ),
            figure(
                f"{what}: processor time with PostgreSQL's side",
                "us",
                {side: [one.cpu_us for one in all_] for side, all_ in turns.items()},
                floor_what=beside,
            ),
        ]
    return figures


class Chain:
    """An HQ before its tills' first sales, and the requests with which each hands in its own."""

    def __init__(self, code: Code, folder: Path, each: int, made: Cluster) -> None:
        self._code, self._folder, self._cluster = code, folder, made
        self._events = each * len(STORES)
        filled = made.database()
        self._hq = set_up_hq(code, folder / "hq", made.url(filled))
        import_members(code, self._hq)
        with relay() as between:
            tills = [self._till(store, each, between) for store in STORES]
            shutil.copytree(self._hq.parent, folder / "before")
            self._before = made.database(filled)
            for store, till in zip(STORES, tills, strict=True):
                command(code, EDGE, till, "take", str(folder / f"{store}.jsonl"))
            self._requests = [send(code, self._hq, till, between) for till in tills]

    def post(self, many: int, turn: int) -> Turn:
        """Post all tills' requests at once to so many processes on a copy of the database before."""
        own = self._folder / f"turn{turn}-{many}"
        name = self._cluster.database(self._before)
        url = self._cluster.url(name)
        with ExitStack() as stack:
            served = [self._serve(stack, own / str(place), url) for place in range(many)]
            session = stack.enter_context(closing(Session(url)))
            before, cpu = _kept(session), _cpu_seconds(served, session)
            driven = self._drive(own, [one.url for one in served])
            cpu, events = _cpu_seconds(served, session) - cpu, _kept(session) - before
        if events < self._events:
            raise RuntimeError(f"HQ kept {events} of {self._events} events")
        self._cluster.drop(name)
        shutil.rmtree(own)
        return Turn(events / max(one.seconds for one in driven), cpu / events * 1e6)

    def _till(self, store: str, each: int, between: Relay) -> Path:
        """Return the settings of a till that has joined, and leave its sales beside it."""
        sales = receipts(each, seed=int(store[1:]), store=store)
        (self._folder / f"{store}.jsonl").write_bytes(b"\n".join(sales) + b"\n")
        with running(self._code, HQ, self._hq) as served:
            between.hq_url = served.url
            till = set_up_till(self._code, self._folder / store, self._hq, between.url, store=store)
        send(self._code, self._hq, till, between)
        return till

    def _serve(self, stack: ExitStack, own: Path, url: str) -> Running:
        shutil.copytree(self._folder / "before", own)
        give_port(own / self._hq.name, url)
        return stack.enter_context(running(self._code, HQ, own / self._hq.name))

    def _drive(self, own: Path, urls: Sequence[str]) -> list[Driven]:
        def one(place: int) -> Driven:
            bodies = self._requests[place]
            to = own / f"till{place}"
            to.mkdir()
            url = urls[place % len(urls)] + EXCHANGE
            return drive(to, Load(url=url, headers={}, clients=1, bodies=bodies))

        with ThreadPoolExecutor(len(STORES)) as pool:
            return list(pool.map(one, range(len(STORES))))


def _kept(session: Session) -> int:
    return int(session.run(EVENTS)[0][0])


def _cpu_seconds(served: Sequence[Running], session: Session) -> float:
    return sum(one.cpu_seconds() for one in served) + backends_seconds(session)
