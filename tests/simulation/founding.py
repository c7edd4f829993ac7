"""The first day of a chain, lived once a process: every simulation begins with a copy of it."""

from __future__ import annotations

import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Final

from hq_server.config import load_config
from hq_server.enrolments import found_sealing_key
from hq_server.setup import found_house
from hq_server.store.connection import writing
from hq_server.store.database import create
from loyalty_shell.credentials import write_secret
from tests.edge import made
from tests.hq.conftest import Hq, StillClock
from tests.hq.real_till import RealTill
from tests.simulation.rules import programme_text
from tests.simulation.virtual import chance_of

START: Final = "2026-11-20 15:00"
STORES: Final = ("S012", "S012", "S013")
"""Where each till stands."""
CARDS: Final = {"M1": "2000123456782", "M2": "2000123456799", "M3": "2000123456805"}
STRAY: Final = "2999123456787"
"""A card that nobody has until headquarters attaches it."""
MEMBERS: Final = (
    "member_id,lookups,name,home_store,birthday\n"
    f"M1,{CARDS['M1']},가,S012,1990-11-20\nM2,{CARDS['M2']},나,S012,2000-02-29\nM3,{CARDS['M3']},다,S013,\n"
)
SEALING_KEY: Final = bytes([9]) * 32
HQ_KEY: Final = bytes(range(32))


def founded(folder: Path, months: int) -> Hq:
    """Put a chain whose periods are so long into a folder: headquarters in `hq`, tills in `till0` and on."""
    first_day = _first_day(months)
    for part in ("hq", *[f"till{place}" for place in range(len(STORES))]):
        shutil.copytree(first_day / part, folder / part)
    return _headquarters(folder)


@lru_cache(maxsize=2)
def _first_day(months: int) -> Path:
    folder = Path(_kept_until_the_end().name) / str(months)
    (folder / "hq").mkdir(parents=True)
    (folder / "hq" / "hq.toml").write_text('data_dir = "data"\n', "utf-8")
    with chance_of(months) as luck:
        hq = _headquarters(folder)
        Path(hq.config.data_dir).mkdir()
        write_secret(hq.config.key_path, HQ_KEY)
        connection = create(hq.config.database_path)
        with writing(connection) as tx:
            found_house(tx, random=luck.randbytes(8), now_ms=hq.clock())
            found_sealing_key(tx, SEALING_KEY, hq.clock())
        connection.close()
        hq.publish(programme_text(1, "2026-01-01", (), months=months))
        hq.members(MEMBERS)
        for place, store_id in enumerate(STORES):
            data = folder / f"till{place}" / "data"
            data.mkdir(parents=True)
            write_secret(data / "terminal.key", luck.randbytes(32))
            RealTill(folder / f"till{place}", hq, store_id, START).close()
    return folder


@lru_cache(maxsize=1)
def _kept_until_the_end() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="dangol-first-day-")


def _headquarters(folder: Path) -> Hq:
    path = folder / "hq" / "hq.toml"
    clock = StillClock()
    clock.now = int(made.at(START))
    return Hq(load_config(path), path, HQ_KEY, "", clock)
