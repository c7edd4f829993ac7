"""A chain of stores with many tills that have joined HQ, and one real till among them that sells."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from bench.code import ROOT, Code
from bench.herd.tills import Came, Herd, Joined
from bench.programs import HQ, command, running, set_up_hq, set_up_till
from bench.sales import card
from hq_server import enrol, fleet
from hq_server.store.connection import writing
from hq_server.store.database import create
from loyalty_core.envelope import public_of, seal
from loyalty_core.invite import read_code
from loyalty_core.messages import Enrol
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack

TILLS_OF_A_STORE, MEMBERS_OF_A_STORE = 10, 50
AT_ONCE_AT_FIRST: Final = 8
"""How many tills at once get to know their members, before the line goes down."""
DAY_S: Final = 86_400
LONGEST_S: Final = 1800
"""A herd that is not heard by then fails the run."""


class Chain:
    """HQ's settings in `hq`, those of the till that sells in `till`; the others are in memory."""

    def __init__(self, code: Code, folder: Path, *, tills: int, sales: int) -> None:
        folder.mkdir(parents=True)
        self.code, self._folder, self._sales = code, folder, sales
        self.hq = set_up_hq(code, folder / "hq")
        stores = [f"S{number:03}" for number in range(-(-tills // TILLS_OF_A_STORE))]
        self._members = {store: [f"M{store}-{n}" for n in range(MEMBERS_OF_A_STORE)] for store in stores}
        self._import_members()
        self._tills = self._join(stores, tills)
        with running(code, HQ, self.hq) as served:
            self.till = set_up_till(code, folder / "till", self.hq, served.url)

    def meet(self, url: str) -> None:
        """Let every till get to know its members."""
        told = self._run(url, sales=0, at_once=AT_ONCE_AT_FIRST).cursors
        self._tills = [msgspec.structs.replace(till, cursors=told[till.terminal_id]) for till in self._tills]

    def return_all(self, url: str) -> Came:
        """Let all tills return at one instant, and return what came of it once all of them were heard."""
        return self._run(url, sales=self._sales, at_once=len(self._tills))

    def _run(self, url: str, *, sales: int, at_once: int) -> Came:
        now_s = int(datetime.now(UTC).timestamp())
        yesterday = now_s // DAY_S - 1
        herd = Herd(
            url=url,
            tills=self._tills,
            sales=sales,
            day=yesterday,
            at_ms=yesterday * DAY_S * 1000,
            programme_id="bench",
            at_once=at_once,
        )
        path = self._folder / "herd"
        path.write_bytes(msgspec.msgpack.encode(herd))
        words = [sys.executable, "-m", "bench.herd.tills", str(path)]
        done = subprocess.run(words, capture_output=True, cwd=ROOT, check=False, timeout=LONGEST_S)
        if done.returncode:
            raise RuntimeError(f"the herd failed: {done.stderr.decode(errors='replace').strip()[-500:]}")
        return msgspec.msgpack.decode(done.stdout, type=Came)

    def _import_members(self) -> None:
        rows = [
            f"{member},{card(number)},Kim {number},,2026-01-01,{store},"
            for store, members in self._members.items()
            for number, member in enumerate(members, start=1000 * int(store[1:]))
        ]
        heading = "member_id,lookups,name,phone,joined_on,home_store,birthday"
        path = self._folder / "members.csv"
        path.write_text("\n".join([heading, *rows, ""]))
        command(self.code, HQ, self.hq, "member", "import", str(path))

    def _join(self, stores: list[str], count: int) -> list[Joined]:
        """Let tills join by HQ's own functions: a command for each would take half an hour."""
        now_ms = EpochMs(int(datetime.now(UTC).timestamp() * 1000))
        joined = []
        with closing(create(self.hq.parent / "data" / "hq.db")) as connection, writing(connection) as tx:
            for number in range(count):
                store, key = stores[number % len(stores)], os.urandom(32)
                code = fleet.invite(
                    tx,
                    store,
                    till=None,
                    preapproved=True,
                    hours=1,
                    secret=secrets.token_bytes(8),
                    look_up_key=secrets.token_bytes(32),
                    hq_public_key=bytes(32),
                    now_ms=now_ms,
                ).code
                asked = Enrol(bytes(16), read_code(code)[0], public_of(key), "bench")
                request = enrol.open_enrol(seal("dangol/enrol/1", pack(asked), key))
                terminal = enrol.apply(tx, request, now_ms)
                joined.append(Joined(terminal.terminal_id, store, key, self._members[store], {}))
        return joined
