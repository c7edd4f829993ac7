"""A till that is killed in the middle of recording, again and again, loses nothing that it has answered."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from edge_agent.store.database import connect
from edge_agent.store.integrity import verify
from tests.edge.made import config_of, enrol_till

ROOT = Path(__file__).parents[2]
KILLS = 10


def test_everything_that_was_answered_is_there_after_every_kill(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    enrol_till(config)
    chance = random.Random(20261120)
    answered: dict[str, int] = {}
    for kill in range(KILLS):
        answered |= _record_until_killed(tmp_path, kill * 1_000_000, chance.randrange(1, 120))
        conn = connect(config.database)
        assert verify(conn) is None
        kept = dict(conn.execute("SELECT natural_key, seq FROM source"))
        (records,) = conn.execute("SELECT count(*) FROM journal").fetchone()
        conn.close()
        assert {number: kept.get(number) for number in answered} == answered
        assert len(kept) == records, "what was recorded and not answered is whole too"
    assert len(answered) >= KILLS


def _record_until_killed(folder: Path, first: int, after: int) -> dict[str, int]:
    """Return natural key -> seq of what a process answered before it was killed."""
    command = [sys.executable, "-m", "tests.edge.recording_process", str(folder), str(first)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    process.kill()
    # What it printed between the last line read and its end was answered too.
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait(timeout=30)
    pairs = [line.split() for line in lines if line.endswith("\n")]
    assert len(pairs) >= after, "it recorded until it was killed"
    return {f"purchase/S012/T03/20777/{number}": int(seq) for number, seq in pairs}
