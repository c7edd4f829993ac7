"""A plan in each way, each in a process of its own, and what stands after each."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from bench.year.plan import Plan, ms_of
from bench.year.run import ENDS, Ran, run_in_order, run_shuffled
from bench.year.stands import Stands, stands_at
from loyalty_core.envelope import public_of
from loyalty_core.units import EpochMs
from tests.postgresql import cluster

ON_POSTGRESQL: Final = "in order on PostgreSQL"
RUNS: Final = {"in order": run_in_order, "shuffled": run_shuffled, ON_POSTGRESQL: run_in_order}


def all_ways(plan: Plan, folder: Path) -> list[tuple[Ran, Stands]]:
    """Return how each run went and what stands after it, audited."""
    path = folder / "plan"
    path.write_bytes(msgspec.msgpack.encode(plan))
    with ProcessPoolExecutor(len(RUNS), multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_carried_out, RUNS, [path] * len(RUNS)))


def _carried_out(name: str, path: Path) -> tuple[Ran, Stands]:
    plan = msgspec.msgpack.decode(path.read_bytes(), type=Plan)
    folder = path.with_name(name.replace(" ", "-"))
    if name != ON_POSTGRESQL:
        return _ran_and_stands(plan, name, folder)
    with cluster() as made:
        return _ran_and_stands(plan, name, folder, made.url(made.database()))


def _ran_and_stands(plan: Plan, name: str, folder: Path, database: str = "") -> tuple[Ran, Stands]:
    ran = RUNS[name](plan, folder, database)
    key = public_of((folder / "hq" / "hq.key").read_bytes())
    return ran, stands_at(database or folder / "hq" / "hq.db", key, EpochMs(ms_of(ENDS)))
