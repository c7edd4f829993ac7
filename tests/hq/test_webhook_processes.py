"""Two real servers on one database: one delivers, and the other one takes over when it is killed."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path

from tests.hq.conftest import Hq
from tests.hq.receiver import HANGS
from tests.hq.test_serve import WAIT_S, start
from tests.hq.test_snapshots import rows
from tests.hq.test_webhook_commands import beside
from tests.hq.test_webhooks import add


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_when_the_server_that_delivers_is_killed_the_other_one_takes_over(hq: Hq, tmp_path: Path) -> None:
    hq.members(rows(3))
    with beside() as receiver, ExitStack() as servers:
        add(hq, receiver.url)
        receiver.answers = [HANGS]
        first = start(hq, tmp_path / "first")
        servers.callback(_ended, first)
        assert receiver.waited(1, WAIT_S), "the first server delivers"
        second = start(hq, tmp_path / "second")
        servers.callback(_ended, second)
        _ended(first)
        # What the first one would have had a minute for is over.
        hq.sql("UPDATE webhooks SET next_at_ms = 0")
        assert receiver.waited(2, WAIT_S), "the second server delivers"
    assert len(set(receiver.ids())) == 1
    assert receiver.came[0][1] == receiver.came[1][1]
    assert receiver.members()[1] == receiver.members()[0]
    assert receiver.everyone() == sorted(["M1", "M2", "M3"] * 2)
