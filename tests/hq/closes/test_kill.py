"""A close whose process is killed at every statement of a bucket ends as one that was never cut off."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from hq_server.closes.closing import close_next
from hq_server.house import load_house
from hq_server.store.connection import Row, writing
from hq_server.store.database import opened
from tests.hq.closes.half_year import LAST, HalfYear
from tests.hq.conftest import Hq, copy_of

KILLS = 40
"""A bucket takes fewer statements than this, and a close many more."""
STANDS = (
    "SELECT bucket, member_id, assessment_no, kind, held, tier, from_day FROM assessments ORDER BY 1, 2",
    "SELECT bucket, period_id, entry_no, upgrades, downgrades, renewals FROM bucket_closes ORDER BY 1",
    "SELECT bucket, change_no FROM buckets ORDER BY 1",
    "SELECT bucket, member_id, audience, change_no FROM changes ORDER BY 1, 2, 3",
    "SELECT period_id, decision, closed_at_ms FROM closes",
)


@pytest.mark.sqlite("its trace of statements")
def test_a_close_that_is_killed_at_every_statement_goes_on_to_the_same_end(hq: Hq, tmp_path: Path) -> None:
    half = HalfYear(hq)
    hq.members("member_id\n" + "".join(f"M{number}\n" for number in range(8)))
    till = half.till()
    for number in range(8):
        half.sell(till, f"M{number}", 60 * number)
    half.desk.merge("M1", "M2")
    half.grant("M3", "GOLD", LAST)
    half.close_days(till, LAST - 1, LAST)
    half.begin()
    (tmp_path / "unhurt").mkdir()
    unhurt = HalfYear(copy_of(hq, tmp_path / "unhurt"))
    unhurt.finish()
    assert all(killed(hq, after) for after in range(1, KILLS))
    assert not killed(hq, 10**9)
    assert stands(hq) == stands(unhurt.hq)


def killed(hq: Hq, after: int) -> bool:
    """Go on with a close in a process that is killed at its n-th statement; tell whether it came to that."""
    child = os.fork()
    if child == 0:
        left = after

        def count(_: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            with opened(hq.config.database_path) as connection:
                connection.set_trace_callback(count)
                going = True
                while going:
                    with writing(connection) as tx:
                        going = close_next(tx, load_house(tx), hq.clock())
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def stands(hq: Hq) -> list[list[Row]]:
    return [hq.sql(text) for text in STANDS]
