"""A till that never has a line hands its sales in on a stick, as a technician does; then the line comes."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import closing
from pathlib import Path
from typing import Any

from demo.processes import Program
from hq_server.store.sqlite.connection import connect
from tests.e2e.processes import Founded, House, house
from tests.e2e.test_restore import balances_at_till
from tests.e2e.test_two_processes import MEMBERS, check, sales, sell


async def each_file(of: Program, command: str, stick: Path) -> list[dict[str, Any]]:
    """Run a till's command on a stick; return what became of each file."""
    status, out, err = await of.run(command, stick, "--json")
    assert (status, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


async def carried(at: House, stick: Path) -> int:
    """Carry a stick to headquarters and back; return how many records were new there."""
    await each_file(at.till, "export", stick)
    found = await at.hq.told("import", stick)
    await each_file(at.till, "import", stick)
    return int(found["new"])


def stands(at: House) -> dict[str, int]:
    """Return every member's balance at headquarters."""
    with closing(connect(at.hq.database, read_only=True)) as conn:
        rows = conn.execute("SELECT member_id, sum(redeemable) FROM totals GROUP BY member_id").fetchall()
    return dict.fromkeys(MEMBERS, 0) | dict(rows)


async def test_a_till_without_a_line_hands_in_by_stick_and_a_line_that_comes_doubles_nothing(
    tmp_path: Path, founded: Founded
) -> None:
    chance = random.Random(17)
    first, second, third = (sales(chance, 1000 * turn, 40) for turn in range(3))
    stick = tmp_path / "stick"
    stick.mkdir()
    async with house(tmp_path, founded) as at:
        at.line.cut()
        await at.till.open()
        await sell(at, first)
        assert await carried(at, stick) >= len(first)
        assert at.acknowledged == at.head_at_hq >= len(first)
        assert await balances_at_till(at) == stands(at)
        selling = asyncio.create_task(sell(at, second))
        await each_file(at.till, "export", stick)
        await selling
        await at.till.kill()
        await at.till.open()
        await carried(at, stick)
        assert at.acknowledged == at.head_at_hq
        assert await balances_at_till(at) == stands(at)
        await sell(at, third)
        await each_file(at.till, "export", stick)
        at.line.mend()
        await at.settled(len(first + second + third))
        late = await at.hq.told("import", stick)
        assert (late["new"], late["refused"]) == (0, 0)
        assert not any(told["refusals"] for told in await each_file(at.till, "import", stick))
        await at.settled(len(first + second + third))
        await check(at, first + second + third)
        exceptions = await at.hq.told("exceptions", "list")
        assert [one for one in exceptions if one["owner"] == "technician"] == []
