"""A till on a disk that is full, that can only be read, or that does not keep what it is given.

What cannot be made durable is refused in one sentence, and nothing that was answered is lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.disk.faults import calls, faulty_disk, find_fault, injected, small_disk
from tests.e2e.disk.selling import Shop, shop

LINES = [{"number": n, "net_minor": 1, "sku": "A" * 40} for n in range(900)]
"""A receipt of 50 kB."""


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Shop]:
    """A till that has sold once."""
    async with shop(tmp_path / "shop") as made:
        assert await made.sell("1") == (200, "")
        yield made


async def refused(at: Shop, number: str) -> bool:
    """Tell whether a sale is refused since the disk failed: by an answer, or as nobody answers any more."""
    try:
        return await at.sell(number) == (503, "disk_failed")
    except aiohttp.ClientError:
        return True


@pytest.mark.parametrize("fault", ["fdatasync,fsync:error=EIO:when=1", "pwrite64:error=EIO:when=1"])
async def test_a_till_whose_disk_does_not_keep_a_sale_asks_it_nothing_twice_and_begins_anew(
    tmp_path: Path, at: Shop, fault: str
) -> None:
    pid = at.till.pid
    assert pid is not None
    async with injected(pid, tmp_path / "calls", fault, at.database, at.wal):
        assert await refused(at, "2")
        assert await refused(at, "3")
        assert await at.ended() == 1
    made = calls(tmp_path / "calls")
    failed = next(n for n, (_, _, came) in enumerate(made) if "INJECTED" in came)
    assert made[failed + 1 :] == [], "it writes nothing more, and does not ask the disk again"
    assert "error (disk_failed): the disk did not keep" in at.till.log.read_text()
    await at.till.open()
    assert await at.health() == (200, "ok")
    for number in ("1", "2", "3"):
        assert await at.sell(number) == (200, "")
    await at.check()


async def test_a_till_whose_disk_does_not_keep_what_is_written_back_begins_anew(
    tmp_path: Path, at: Shop
) -> None:
    """What SQLite writes back when nobody sells fails, before the second sale or after it."""
    pid = at.till.pid
    assert pid is not None
    async with injected(pid, tmp_path / "calls", "fdatasync,fsync:error=EIO:when=1", at.database):
        with suppress(aiohttp.ClientError):
            await at.sell("2")
        assert await at.ended() == 1
    await at.till.open()
    for number in ("2", "3"):
        assert await at.sell(number) == (200, "")
    await at.check()


async def test_a_till_refuses_sales_while_there_is_no_room_and_goes_on_by_itself(
    tmp_path: Path, at: Shop
) -> None:
    pid = at.till.pid
    assert pid is not None
    async with injected(pid, tmp_path / "calls", "pwrite64:error=ENOSPC", at.database, at.wal):
        for number in ("2", "3"):
            assert await at.sell(number) == (507, "disk_full")
        assert await at.health() == (507, "disk_full")
        assert await at.finds() == 404, "nobody holds this card: what is only read is answered"
    assert await at.sell("2") == (200, "")
    assert await at.health() == (200, "ok")
    assert at.till.pid == pid
    await at.check()


async def test_a_till_sells_until_its_disk_is_full_to_the_last_byte_and_again_when_there_is_room(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        async with shop(disk) as at:
            ballast, number = disk / "ballast", 0
            ballast.write_bytes(bytes(200_000))
            said = (200, "")
            while said == (200, ""):
                number += 1
                assert number < 100, "the disk does not fill"
                said = await at.sell(str(number), lines=LINES)
            assert said == (507, "disk_full")
            while await at.health() != (507, "disk_full"):  # something small has found room since
                assert await at.sell(str(number), lines=LINES) == (507, "disk_full")
            ballast.unlink()
            assert await at.sell(str(number), lines=LINES) == (200, "")
            assert await at.health() == (200, "ok")
            await at.till.kill()
            await at.check()
            assert len(at.kept()) == number


async def test_a_till_whose_disk_the_system_makes_read_only_refuses_sales_and_answers_the_rest(
    tmp_path: Path,
) -> None:
    with faulty_disk(tmp_path / "disk") as disk:
        async with shop(disk) as at:
            assert await at.sell("1") == (200, "")
            find_fault(disk)
            for number in ("2", "3"):
                assert await at.sell(number) == (507, "disk_read_only")
            assert await at.health() == (507, "disk_read_only")
            assert await at.finds() == 404
            assert at.till.is_running
