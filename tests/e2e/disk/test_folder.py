"""A file of receipts whose till's disk is full in the middle of it, or whose agent is killed there."""

from __future__ import annotations

import json
from pathlib import Path

from tests.e2e.disk.faults import small_disk
from tests.e2e.disk.selling import Shop, shop
from tests.edge.made import purchase, until

LINES = [{"number": n, "net_minor": 1, "sku": "A" * 40} for n in range(900)]
"""A receipt of 50 kB."""


def receipts(count: int) -> bytes:
    return b"".join(
        json.dumps(purchase(str(number), lines=LINES)).encode() + b"\n" for number in range(count)
    )


async def is_full(at: Shop) -> bool:
    return await at.health() == (507, "disk_full")


async def test_each_receipt_of_a_file_is_taken_once_when_the_disk_fills_in_its_middle_and_the_agent_is_killed(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", "4m") as disk:
        async with shop(disk) as at:
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(1_500_000))
            settings = at.till.config.read_text("utf-8")
            at.till.config.write_text(settings.replace("[folder]\n", '[folder]\nafter = "delete"\n'), "utf-8")
            await at.till.kill()
            await at.till.open()
            part = at.till.receipts / "a.part"
            part.write_bytes(receipts(30))
            part.rename(part.with_suffix(".jsonl"))
            await until(lambda: is_full(at))
            assert 0 <= len(at.kept()) < 30
            await at.till.kill()
            ballast.unlink()
            await at.till.open()
            await until(lambda: not part.with_suffix(".jsonl").exists())
            await at.till.kill()
            await at.check()
            assert sorted(at.kept(), key=int) == [str(number) for number in range(30)]
