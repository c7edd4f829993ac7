"""A restore that is practised: it proves a backup or says what is wrong, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import pytest

from hq_server import drills
from hq_server.backups import back_up
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase
from tests.hq.test_cli import Shell, shell

__all__ = ["shell"]


@pytest.fixture
def backup(hq: Hq, tmp_path: Path) -> Path:
    """A backup of a headquarters that knows a member."""
    hq.members("member_id,lookups,home_store\nM1,2000123456782,S012\n")
    file = tmp_path / "backup.db"
    back_up(hq.config, file, hq.clock())
    return file


def files(hq: Hq) -> set[str]:
    return {path.name for path in Path(hq.config.data_dir).iterdir()} - {"hq.db-wal", "hq.db-shm"}


async def test_a_drill_says_what_can_be_restored_and_leaves_nothing_behind(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path
) -> None:
    hq.members("member_id,lookups\nM1,2000123456782\n")
    till = await tills.join()
    till.record(purchase())
    await tills.send(till)
    file = tmp_path / "backup.db"
    back_up(hq.config, file, hq.clock())
    till.record(purchase("2"))
    await tills.send(till)
    before, stood, bytes_before = files(hq), hq.all("house.house"), file.read_bytes()
    found = await asyncio.to_thread(shell.json, "drill", str(file))
    assert (found["members"], found["decisions"], found["audited"]["events"]) == (1, 0, 1)
    assert (found["audited"]["outstanding"], found["made_at_ms"]) == (12, hq.clock())
    assert (files(hq), hq.all("house.house"), file.read_bytes()) == (before, stood, bytes_before)
    status, out, _ = await asyncio.to_thread(shell.run, "drill", str(file))
    assert (status, out.splitlines()[0]) == (
        0,
        f"Headquarters can be restored from {file}, as of 2026-11-21T02:31:00Z.",
    )


def test_what_a_restored_headquarters_would_still_do_is_done_in_the_drill(
    hq: Hq, shell: Shell, tmp_path: Path
) -> None:
    hq.members("member_id\nM1\n")
    hq.sql(
        "INSERT INTO dirty_days (bucket, member_id, business_day) SELECT bucket, member_id, 9999 FROM members"
    )
    file = tmp_path / "backup.db"
    back_up(hq.config, file, hq.clock())
    assert shell.refused("audit") == "days_pending"
    assert shell.json("drill", str(file))["members"] == 1
    assert len(hq.all("accounts.dirty_days", count=9)) == 1, "the drill did it to headquarters"


async def test_a_backup_that_says_something_else_than_its_bytes_is_found(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path
) -> None:
    hq.members("member_id\nM1\n")
    till = await tills.join()
    till.record(purchase())
    await tills.send(till)
    hq.tamper("UPDATE totals SET redeemable = redeemable + 1")
    file = tmp_path / "backup.db"
    back_up(hq.config, file, hq.clock())
    before = files(hq)
    assert await asyncio.to_thread(shell.refused, "drill", str(file)) == "audit_difference"
    assert files(hq) == before


def test_a_file_that_is_cut_is_found(shell: Shell, hq: Hq, backup: Path) -> None:
    backup.write_bytes(backup.read_bytes()[:-5000])
    before = files(hq)
    assert shell.refused("drill", str(backup)) in ("backup_damaged", "backup_unusable")
    assert files(hq) == before


def test_where_there_is_no_room_the_disk_of_headquarters_is_not_filled(
    shell: Shell, hq: Hq, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = backup.stat().st_size
    monkeypatch.setattr(drills, "free_bytes", lambda _: drills.ROOM * size - 1)
    assert shell.refused("drill", str(backup)) == "disk_full"
    assert "drill" not in files(hq)
    monkeypatch.setattr(drills, "free_bytes", lambda _: drills.ROOM * size)
    (tmp_path / "big").mkdir()
    shell.json("drill", str(backup), "--in", str(tmp_path / "big"))
    assert list((tmp_path / "big").iterdir()) == []


def test_what_a_drill_left_that_was_cut_off_is_taken_away_and_one_that_is_held_is_not(
    shell: Shell, hq: Hq, backup: Path
) -> None:
    left = Path(hq.config.data_dir) / "drill" / "hq"
    left.mkdir(parents=True)
    (left / "hq.db").write_bytes(b"half")
    held = os.open(left.parent, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert shell.refused("drill", str(backup)) == "drill_running"
    assert (left / "hq.db").read_bytes() == b"half"
    os.close(held)
    shell.json("drill", str(backup))
    assert not left.parent.exists()


def test_a_programme_that_the_key_did_not_sign_is_found(hq: Hq, shell: Shell, tmp_path: Path) -> None:
    hq.tamper("UPDATE programmes SET text = replace(text, 'points = 10', 'points = 20')")
    file = tmp_path / "backup.db"
    back_up(hq.config, file, hq.clock())
    assert shell.refused("drill", str(file)) == "audit_difference"
