"""Real tills whose disks are copied or set back, and a headquarters killed around its commit: points once."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

from demo.processes import Till, until
from edge_agent.store import outbox, terminal
from edge_agent.store.database import connect
from hq_server.store.sqlite.connection import connect as connect_hq
from tests.e2e.disk.faults import injected
from tests.e2e.processes import STORE, Founded, House, house
from tests.e2e.test_restore import balances_at_till
from tests.e2e.test_two_processes import MEMBERS, Sale, expected, sales, sell

SETTLE_SECONDS = 60


def copy_of(till: Till, folder: Path) -> Till:
    """Return a machine with a copy of a till's disk, which is off."""
    made = Till(folder, STORE)
    shutil.copytree(till.database.parent, folder / "data")
    made.terminal_id = till.terminal_id
    return made


async def set_back(till: Till, image: Path) -> None:
    """Write an image over a till's disk, and turn it on."""
    await till.kill()
    shutil.rmtree(till.database.parent)
    shutil.copytree(image, till.database.parent)
    await till.open()


def epoch_of(till: Till) -> int:
    with closing(connect(till.database, read_only=True)) as conn:
        return terminal.read(conn).epoch


def has_sent_all(till: Till) -> bool:
    with closing(connect(till.database, read_only=True)) as conn:
        link = outbox.link(conn)
        return outbox.waiting(conn)[0] == 0 and link.error_code is None


async def agree(all_sales: Sequence[Sale], *shops: House) -> None:
    """Every sale counts once; headquarters and all tills agree on that."""
    points: dict[str, int] = dict.fromkeys(MEMBERS, 0)
    worth = expected(all_sales)
    for sale in all_sales:
        points[sale.member] += worth[sale.name]
    said: dict[int, dict[str, int]] = {}
    for _ in range(SETTLE_SECONDS * 10):
        if all(has_sent_all(at.till) for at in shops):
            said = {place: await balances_at_till(at) for place, at in enumerate(shops)}
            if all(stands == points for stands in said.values()):
                break
        await asyncio.sleep(0.1)
    assert said == dict.fromkeys(said, points)
    with closing(connect_hq(shops[0].hq.database, read_only=True)) as connection:
        rows = connection.execute("SELECT member_id, sum(redeemable) FROM totals GROUP BY member_id")
        assert dict.fromkeys(MEMBERS, 0) | dict(rows) == points


async def find_nothing(*shops: House) -> None:
    """Have the programs check themselves and find nothing."""
    for status, *said in await asyncio.gather(
        shops[0].hq.run("audit"), *[at.till.run("verify") for at in shops]
    ):
        assert status == 0, said


async def first_line(till: Till) -> str:
    """Return what `edge-agent status` says of the journal."""
    _, out, _ = await till.run("status")
    return next(line for line in out.splitlines() if line.startswith("  journal"))


async def exceptions(at: House) -> list[str]:
    return sorted({one["kind"] for one in await at.hq.told("exceptions", "list")})


async def test_a_disk_is_copied_to_two_tills_which_both_sell_on_and_then_headquarters_is_set_back(
    tmp_path: Path, founded: Founded
) -> None:
    """The backup from which headquarters comes back is older than the copy."""
    chance = random.Random(5)
    parts = [sales(chance, 1000 * turn, 10) for turn in range(7)]
    async with house(tmp_path, founded) as at:
        await at.till.open()
        await sell(at, parts[0])
        await agree(parts[0], at)
        backup = tmp_path / "backup.db"
        await at.hq.told("backup", backup)
        await at.till.kill()
        copy = copy_of(at.till, tmp_path / "copy")
        other = House(at.hq, copy, at.line)
        try:
            at.line.cut()
            await asyncio.gather(at.till.open(), copy.open())
            await asyncio.gather(sell(at, parts[1]), sell(other, parts[2]))
            at.line.mend()
            await agree(list(chain(*parts[:3])), at, other)
            epochs = epoch_of(at.till), epoch_of(copy)
            assert sorted(epochs) == [1, 2]
            await asyncio.gather(sell(at, parts[3]), sell(other, parts[4]))
            await agree(list(chain(*parts[:5])), other, at)
            assert (epoch_of(at.till), epoch_of(copy)) == epochs
            told = [await first_line(till) for till in (at.till, copy)]
            assert sum(f"let one machine only run as {copy.terminal_id}" in line for line in told) == 1
            assert await exceptions(at) == ["fork"]
            await at.hq.kill()
            await asyncio.gather(sell(at, parts[5]), sell(other, parts[6]))
            await at.hq.told("restore", backup, "--replace")
            await at.hq.serve()
            await agree(list(chain(*parts)), at, other)
            assert epoch_of(at.till) != epoch_of(copy)
            await find_nothing(at, other)
        finally:
            await copy.stop()


async def test_a_till_that_is_set_back_twice_to_one_image_loses_and_doubles_nothing_that_it_handed_in(
    tmp_path: Path, founded: Founded
) -> None:
    chance = random.Random(6)
    all_sales = sales(chance, 0, 15)
    async with house(tmp_path, founded) as at:
        await at.till.open()
        await sell(at, all_sales)
        await at.till.kill()
        image = tmp_path / "image"
        shutil.copytree(at.till.database.parent, image)
        await at.till.open()
        for turn in (1, 2):
            some = sales(chance, 1000 * turn, 10)
            await sell(at, some)
            await agree([*all_sales, *some], at)
            all_sales += some
            await set_back(at.till, image)
            at.answers.clear()
            await sell(at, some[5:])  # its software hands the last ones in again
            await agree(all_sales, at)
            assert epoch_of(at.till) == 1 + turn
        await find_nothing(at)


async def test_a_headquarters_killed_before_its_commit_and_after_it_has_each_sale_once(
    tmp_path: Path, founded: Founded
) -> None:
    """It is killed as it begins to write its log, then when that is written and nobody has been told."""
    chance = random.Random(9)
    all_sales = sales(chance, 0, 10)
    async with house(tmp_path, founded, next_in_ms=60_000) as at:
        await at.till.open()
        await sell(at, all_sales)
        wal = at.hq.database.with_name("hq.db-wal")
        for turn, (call, commits) in enumerate([("pwrite64", False), ("fdatasync,fsync", True)], 1):
            await until(lambda: at.acknowledged == at.head, "the till was not heard")
            pid, held = at.hq.pid, at.head_at_hq
            assert pid is not None
            async with injected(pid, tmp_path / f"calls{turn}", f"{call}:signal=KILL:when=1", wal):
                some = sales(chance, 1000 * turn, 10)
                await sell(at, some)
                await until(lambda: not at.hq.is_running, "headquarters was not killed")
            all_sales += some
            assert (at.head_at_hq > held) == commits
            assert at.acknowledged == held
            await at.hq.serve()
            await agree(all_sales, at)
        await find_nothing(at)
