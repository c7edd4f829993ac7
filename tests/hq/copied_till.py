"""A real till beside a real headquarters, whose data folder is copied and set back as disks are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edge_agent.recorder import Intake, Recorder
from edge_agent.store import outbox, terminal
from edge_agent.store.database import transaction
from edge_agent.store.integrity import verify
from edge_agent.store.migrations import open_database
from edge_agent.sync.install import Installed, install, open_reply
from loyalty_core.calendar import business_day
from loyalty_core.events import EventId, VisitVoided
from loyalty_core.messages import Ask, Reply
from loyalty_core.units import EpochMs
from tests.edge.made import config_of, purchase
from tests.hq.real_till import RealTill

TALKS_MAX = 40
"""A till and headquarters that have not agreed after so many talks never will."""


class CopiedTill(RealTill):
    """A till whose disk can be copied; `talk` is one talk, in which headquarters may refuse."""

    def image(self, folder: Path) -> Path:
        """Copy the data folder as it lies on the disk, while the till is there; return where."""
        shutil.copytree(self.config.data_dir, folder / "data")
        return folder

    @classmethod
    def of_image(cls, folder: Path, of: CopiedTill) -> CopiedTill:
        """Return the till that begins from such a copy, on a machine with the same clock."""
        till = cls.__new__(cls)
        till.hq, till.key, till.clock, till.terminal_id = of.hq, of.key, of.clock, of.terminal_id
        till.config = config_of(folder)
        till.conn = open_database(till.config.database)
        till.recorder = Recorder(till.config, till.clock)
        return till

    def clone(self, folder: Path) -> CopiedTill:
        """Return a second till with a copy of this one's disk."""
        return CopiedTill.of_image(self.image(folder), self)

    def set_back(self, image: Path, folder: Path) -> CopiedTill:
        """Return this till as it is after an older image was written over its disk."""
        self.close()
        shutil.copytree(image / "data", folder / "data")
        return CopiedTill.of_image(folder, self)

    @property
    def epoch(self) -> int:
        return terminal.read(self.conn).epoch

    @property
    def waiting(self) -> int:
        return outbox.waiting(self.conn)[0]

    def sell(self, *numbers: int) -> None:
        """Record purchases of 12 points each, which are known by their number."""
        for number in numbers:
            self.record(purchase(str(number)))

    def undo(self, visit: EventId) -> None:
        """Void a visit, as the local HTTP face does."""
        now = EpochMs(self.clock.wall)
        event = VisitVoided(
            None, now, business_day(now, self.books().terminal.place), visit.epoch, visit.seq, None
        )
        undo = Intake(
            event=event,
            natural_key=f"visit-void/{visit.epoch}/{visit.seq}",
            content=b"",
            voids=visit,
            adapter="http",
            raw_sha256=b"",
        )
        with transaction(self.conn):
            self.recorder.record(self.conn, self.books(), undo)

    def talk(self, *, lose: str = "", asks: tuple[Ask, ...] = ()) -> tuple[Reply, Installed] | None:
        """Talk once; `lose` the request or the reply."""
        nonce, identity = os.urandom(16), terminal.read(self.conn)
        body, _ = self.request(nonce, asks)
        if lose == "request":
            return None
        answer = self.say(body)
        if lose == "reply":
            return None
        reply = open_reply(answer, identity, nonce)
        with transaction(self.conn):
            installed = install(self.conn, reply)
        return reply, installed

    def settle(self) -> list[str]:
        """Talk until headquarters and this till have nothing more to say; return the codes of refusals."""
        codes: list[str] = []
        for _ in range(TALKS_MAX):
            talked = self.talk()
            assert talked is not None
            reply, installed = talked
            codes += [one.code for one in reply.refusals]
            if not (reply.refusals or installed.moved or self.waiting):
                assert verify(self.conn) is None
                return codes
        raise AssertionError(f"after {TALKS_MAX} talks there is still something to say: {codes}")
