"""What a till finds after the power went, and what of its answers is missing then."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_agent.store.integrity import verify
from edge_agent.store.migrations import open_database
from tests.e2e.power.replay import Cut, Day, recorded
from tests.edge.made import config_of, enrol_till

MEMORY: Final = Path("/dev/shm")
DAY: Final = "tests.e2e.power.day_at_a_till"


class Broken(Exception):
    """A till that is not whole after a cut."""


@dataclass(frozen=True)
class Found:
    """How many cuts were looked at, how many different disks they left, and which answers were missing."""

    cuts: int
    disks: int
    missing: list[str]


def recorded_day(folder: Path, receipts: int) -> Day:
    """Run a day at a till and return what it asked of the disk."""
    config = config_of(folder)
    enrol_till(config)
    return recorded(config.data_dir, DAY, folder, str(receipts))


@contextmanager
def scratch_disk() -> Iterator[Path]:
    """Lend a folder on which a sync takes no time, where there is one."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def after(made: Iterable[Cut]) -> Found:
    """Open each disk with the real till, have it check itself, and look for all that was answered.

    Raises:
        Broken: a till finds a fault.
    """
    known: dict[bytes, dict[str, int]] = {}
    count, missing = 0, []
    with scratch_disk() as disk:
        for cut in made:
            if cut.digest not in known:
                known[cut.digest] = _journal(disk, cut)
            count += 1
            answers = (line.split() for line in cut.answered)
            lost = [key for key, seq in answers if known[cut.digest].get(key) != int(seq)]
            missing += [f"{key} after step {cut.after}, {cut.fate}" for key in lost]
    return Found(count, len(known), missing)


def _journal(disk: Path, cut: Cut) -> dict[str, int]:
    """Return name -> seq of all that is recorded, each named as the day prints it."""
    cut.lay_out(disk)
    with closing(open_database(disk / "till.db")) as conn:
        fault = verify(conn)
        if fault is not None:
            raise Broken(f"{fault.sentence}, after step {cut.after}, {cut.fate}")
        rows = conn.execute("SELECT natural_key, seq FROM source").fetchall()
    return {f"{key.partition('/')[0]}/{key.rpartition('/')[2]}": seq for key, seq in rows}
