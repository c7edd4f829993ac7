"""The watched folder: settled files, each receipt once over crashes and re-exports."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.books import Books
from edge_agent.config import EdgeConfig, Folder
from edge_agent.pos_adapter import folder as watched
from edge_agent.pos_adapter import intake
from edge_agent.pos_adapter.folder import WatchedFolder
from edge_agent.pos_adapter.intake import BUDGET_MS, CHUNK
from edge_agent.pos_adapter.rows import rows_of
from edge_agent.recorder import Intake, Outcome, Recorder
from edge_agent.store import files, journal, quarantine
from edge_agent.store.database import Connection, StoreError
from edge_agent.store.integrity import verify
from edge_agent.store.quarantine import Refused
from edge_agent.store.writer import Writer
from loyalty_core.units import EpochMs
from tests.edge.made import HeldClock, config_of, enrol_till, folder_of, purchase, returned, until

HEADER = (
    "kind,store,till,business_date,number,occurred_at,member,line,sku,category,quantity,net_minor,tender\n"
)


def line(number: str, **changed: Any) -> bytes:
    return json.dumps(purchase(number, **changed)).encode() + b"\n"


def csv_row(number: str, item: str = "1", net: str = "1000") -> str:
    when = "2026-11-20T10:31:00+09:00"
    return f"purchase,S012,T03,2026-11-20,{number},{when},M1,{item},A1,grocery,1,{net},card\n"


class Hasty:
    """A clock that moves on by itself whenever it is read."""

    def __init__(self, clock: HeldClock, step_ms: int) -> None:
        self.clock, self.step_ms = clock, step_ms

    def wall_ms(self) -> EpochMs:
        return self.clock.wall_ms()

    def monotonic_ms(self) -> int:
        self.clock.monotonic += self.step_ms
        return self.clock.monotonic

    def boot_id(self) -> str:
        return ""


class Shop:
    """A till with a watched folder, looked at when the test says so, at the time that the test says."""

    def __init__(self, config: EdgeConfig, clock: HeldClock) -> None:
        assert config.folder is not None
        self.config = config
        self.clock = clock
        self.path = config.folder.path
        self.writer = Writer(config.database)
        self.nudged = 0
        self.start_again()

    def start_again(self, folder: Folder | None = None) -> None:
        """Have the folder looked at by a new agent, which remembers what the store remembers."""
        settings = folder or self.config.folder
        assert settings is not None
        self.recorder = Recorder(self.config, self.clock)
        self.folder = WatchedFolder(
            self.config,
            settings,
            self.clock,
            self.writer,
            self.recorder,
            recorded=self._nudge,
        )

    def _nudge(self) -> None:
        self.nudged += 1

    def write(self, name: str, data: bytes | str) -> Path:
        path = self.path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    async def look(self, after_ms: int = 1000) -> bool:
        """Let time pass, look, and tell whether some files still settle."""
        self.clock.go_on(after_ms)
        return await self.folder.scan()

    async def settle(self) -> None:
        """Look until everything has settled."""
        while await self.look():
            pass

    async def count(self) -> int:
        return await self.writer.do(journal.count)

    async def refused(self) -> list[Refused]:
        return await self.writer.do(quarantine.open_rows)

    async def codes(self) -> list[str]:
        return [row.code for row in await self.refused()]


MakeShop = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def make_shop(tmp_path: Path) -> AsyncIterator[MakeShop]:
    shops: list[Shop] = []

    async def make(**changed: object) -> Shop:
        of_folder = {name: changed.pop(name) for name in Folder.__struct_fields__ if name in changed}
        (tmp_path / "in").mkdir()
        config = config_of(tmp_path, folder=folder_of(tmp_path / "in", **of_folder), **changed)
        enrol_till(config)
        shops.append(Shop(config, HeldClock()))
        return shops[-1]

    yield make
    for shop in shops:
        await asyncio.to_thread(shop.writer.close)


@pytest.fixture
async def shop(make_shop: MakeShop) -> Shop:
    return await make_shop()


async def test_a_file_is_taken_when_it_has_not_changed_for_a_while(shop: Shop) -> None:
    shop.write("a.jsonl", line("1"))
    assert await shop.look(0)
    assert await shop.look(999)
    assert await shop.count() == 0
    assert not await shop.look(1)
    assert (await shop.count(), shop.nudged) == (1, 1)


async def test_a_file_that_grows_starts_to_settle_anew(shop: Shop) -> None:
    path = shop.write("a.jsonl", line("1"))
    await shop.look()
    path.write_bytes(line("1") + line("2"))
    assert await shop.look()
    assert await shop.count() == 0
    assert not await shop.look()
    assert await shop.count() == 2


async def test_a_file_is_taken_once_in_each_state(shop: Shop) -> None:
    path = shop.write("a.jsonl", line("1"))
    await shop.settle()
    await shop.settle()
    assert shop.nudged == 1
    path.write_bytes(line("1") + line("2"))
    await shop.settle()
    assert (await shop.count(), shop.nudged) == (2, 2)
    shop.start_again()
    shop.folder._taken = await shop.writer.do(files.fingerprints)
    await shop.settle()
    assert shop.nudged == 2


async def test_overlapping_re_exports_record_each_receipt_once(shop: Shop) -> None:
    numbers = [str(n) for n in range(30)]
    for name, part in (("a", numbers[:20]), ("b", numbers[10:]), ("c", numbers)):
        shop.write(f"{name}.jsonl", b"".join(line(n) for n in part))
        await shop.settle()
    assert await shop.count() == 30
    taken = await shop.writer.do(lambda c: c.execute("SELECT recorded, repeated FROM file_taken").fetchall())
    assert sorted(taken) == [(0, 30), (10, 10), (20, 0)]


async def test_a_crash_between_a_chunk_and_the_note_of_the_file_records_each_receipt_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = 2 * CHUNK + 7
    shop.write("a.jsonl", b"".join(line(str(n), member=f"M{n}") for n in range(total)))
    take, chunks = intake.take, 0

    def cut(*args: Any, **named: Any) -> Any:
        nonlocal chunks
        chunks += 1
        if chunks == 2:
            raise StoreError("cut")
        return take(*args, **named)

    monkeypatch.setattr(intake, "take", cut)
    await shop.look(0)
    assert await shop.look(), "it is to be tried again"
    assert await shop.count() == CHUNK
    shop.start_again()
    await shop.settle()
    assert await shop.count() == total
    assert await shop.writer.do(verify) is None


async def test_a_half_written_last_line_waits_and_is_then_set_aside_and_mended_when_it_is_whole(
    shop: Shop,
) -> None:
    whole = line("2")
    path = shop.write("a.jsonl", line("1") + whole[:40])
    await shop.look(0)
    assert await shop.look(59_999)
    assert (await shop.count(), await shop.codes()) == (0, [])
    assert not await shop.look(1)
    assert (await shop.count(), await shop.codes()) == (1, ["json_invalid"])
    path.write_bytes(line("1") + whole)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])
    rows = await shop.writer.do(lambda c: c.execute("SELECT state, raw FROM quarantine").fetchall())
    assert rows == [("mended", b"")]


async def test_a_csv_receipt_that_was_cut_is_mended_when_all_its_rows_have_come(shop: Shop) -> None:
    path = shop.write("a.csv", HEADER + csv_row("1") + csv_row("2", "1")[:50])
    await shop.look(0)
    await shop.look(60_000)
    assert (await shop.count(), await shop.codes()) == (1, ["row_cut"])
    path.write_text(HEADER + csv_row("1") + csv_row("2", "1") + csv_row("2", "2"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])


async def test_bad_rows_are_set_aside_with_the_reason_while_the_good_ones_go_on(shop: Shop) -> None:
    shop.write("a.jsonl", line("1") + b"nonsense\n" + line("2", net_minor=-1) + line("3"))
    await shop.settle()
    assert await shop.count() == 2
    rows = await shop.refused()
    assert [(r.source, r.place, r.code) for r in rows] == [
        ("a.jsonl", "line 2", "json_invalid"),
        ("a.jsonl", "line 3", "amount_impossible"),
    ]
    assert rows[0].raw == b"nonsense"


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
async def test_a_return_of_less_than_nothing_is_set_aside(shop: Shop, kind: str) -> None:
    back = returned(lines=[{"number": 1, "net_minor": 1, "sku": "A1", "quantity": "-1"}])
    cells = csv_row("r1").replace("purchase,", "return,").replace(",1,1000,", ",-1,1000,")
    shop.write(f"a.{kind}", json.dumps(back).encode() + b"\n" if kind == "jsonl" else HEADER + cells)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (0, ["amount_impossible"])
    assert "write how much came back without a minus" in (await shop.refused())[0].sentence


async def test_what_the_recorder_refuses_is_set_aside_without_a_gap_in_the_journal(shop: Shop) -> None:
    shop.write("a.jsonl", line("1") + line("1", net_minor=5) + line("2"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, ["receipt_conflict"])
    assert await shop.writer.do(verify) is None


async def test_the_same_bad_row_again_counts_up_instead_of_standing_twice(shop: Shop) -> None:
    path = shop.write("a.jsonl", b"nonsense\n")
    await shop.settle()
    path.write_bytes(b"nonsense\n" + line("1"))
    await shop.settle()
    assert [r.times for r in await shop.refused()] == [2]


async def test_a_refused_file_is_closed_when_a_good_one_takes_its_place(shop: Shop) -> None:
    path = shop.write("a.csv", "no,columns\n")
    await shop.settle()
    assert await shop.codes() == ["columns_missing"]
    path.write_text(HEADER + csv_row("1"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, [])


async def test_after_the_settings_are_put_right_a_start_mends_what_was_set_aside(shop: Shop) -> None:
    text = HEADER + csv_row("1").replace("A1", "골프공") + csv_row("2")
    shop.write("a.csv", text.encode("cp949"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, ["encoding_wrong"])
    assert shop.config.folder is not None
    csv = msgspec.structs.replace(shop.config.folder.csv, encoding="cp949")
    shop.start_again(msgspec.structs.replace(shop.config.folder, csv=csv))
    await shop.writer.do(files.forget_refused)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])


async def test_only_regular_files_of_known_endings_are_looked_at(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "secret.jsonl"
    outside.write_bytes(line("9"))
    (shop.path / "link.jsonl").symlink_to(outside)
    (shop.path / "dir.jsonl").mkdir()
    os.mkfifo(shop.path / "pipe.jsonl")
    for name in (".hidden.jsonl", "~a.jsonl", "a.jsonl.tmp", "a.txt", "jsonl"):
        shop.write(name, line("8"))
    shop.write("A.JSONL", line("1"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, [])


@pytest.mark.parametrize("kind", ["link", "pipe"])
async def test_a_file_that_becomes_something_else_while_it_is_looked_at_is_not_followed(
    shop: Shop, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "secret.jsonl"
    outside.write_bytes(line("9"))
    path = shop.write("a.jsonl", line("1"))
    await shop.look(0)
    found = shop.folder._look()
    path.unlink()
    if kind == "link":
        path.symlink_to(outside)
    else:
        os.mkfifo(path)
    monkeypatch.setattr(shop.folder, "_look", lambda: found)
    async with asyncio.timeout(10):
        await shop.look()
    assert await shop.count() == 0


async def test_a_file_that_is_too_large_is_refused_unread(make_shop: MakeShop) -> None:
    shop = await make_shop(file_bytes_max=100)
    shop.write("a.jsonl", line("1") * 2)
    shop.write("b.jsonl", b" " * 99 + b"\n")
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (0, ["file_too_large"])


async def test_files_that_were_taken_leave_room_for_new_ones(make_shop: MakeShop) -> None:
    shop = await make_shop(files_max=3)
    for n in range(12):
        shop.write(f"{n}.jsonl", line(str(n)))
    for _ in range(10):
        await shop.look()
    assert await shop.count() == 12


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
async def test_files_that_tell_their_encoding_are_read_in_it(shop: Shop, name: str, encoding: str) -> None:
    text = HEADER + csv_row("1") if name.endswith("csv") else line("1").decode()
    shop.write(name, text.encode(encoding))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, [])


async def test_with_a_full_quarantine_good_rows_go_on_and_the_bad_ones_wait_in_their_file(
    make_shop: MakeShop,
) -> None:
    shop = await make_shop(quarantine_rows_max=1)
    shop.write("a.jsonl", b"bad\n" + line("1"))
    shop.write("b.jsonl", b"worse\n" + line("2"))
    for _ in range(3):
        await shop.look()
    assert (await shop.count(), len(await shop.refused())) == (2, 1)
    (row,) = await shop.refused()
    await shop.writer.do(lambda conn: quarantine.settle(conn, row.quarantine_id, "discarded", "a test"))
    await shop.settle()
    assert [r.raw for r in await shop.refused()] == [b"worse"]
    assert await shop.count() == 2


async def test_a_file_whose_name_is_no_text_is_taken_like_any_other(shop: Shop) -> None:
    name = os.fsdecode("매출.jsonl".encode("cp949"))
    shop.write(name, b"bad\n" + line("1"))
    shop.write("z.jsonl", line("2"))
    await shop.settle()
    assert await shop.count() == 2
    assert [r.source for r in await shop.refused()] == [r"\udcb8\udcc5\udcc3\udce2.jsonl"]


async def test_an_import_gives_the_writer_back_when_its_time_is_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    take = intake.take

    def slow(conn: Any, *rest: Any, clock: HeldClock, **named: Any) -> Any:
        result = take(conn, *rest, clock=Hasty(clock, BUDGET_MS // 2), **named)
        taken.append(len(result))
        return result

    monkeypatch.setattr(intake, "take", slow)
    shop.write("a.jsonl", b"".join(line(str(number)) for number in range(9)))
    await shop.settle()
    assert (await shop.count(), sum(taken)) == (9, 9)
    assert max(taken) < 9


async def test_a_full_quarantine_still_counts_what_stands_in_it_already(make_shop: MakeShop) -> None:
    shop = await make_shop(quarantine_rows_max=1)
    path = shop.write("a.jsonl", b"bad\n")
    await shop.settle()
    path.write_bytes(b"bad\n" + line("1"))
    for _ in range(3):
        await shop.look()
    assert (await shop.count(), [r.times for r in await shop.refused()]) == (1, [2])


async def test_a_file_that_breaks_the_reader_does_not_stop_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:

    def broken(adapter: str, data: bytes, csv: Any) -> Any:
        if data == b"poison\n":
            raise ZeroDivisionError
        return rows_of(adapter, data, csv)

    monkeypatch.setattr(watched, "rows_of", broken)
    shop.write("a.jsonl", b"poison\n")
    shop.write("b.jsonl", line("1"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, ["file_unreadable"])


async def test_a_folder_that_goes_away_and_comes_back_is_looked_at_again(shop: Shop) -> None:
    shop.path.rmdir()
    assert not await shop.look()
    shop.path.mkdir()
    shop.write("a.jsonl", line("1"))
    await shop.settle()
    assert await shop.count() == 1


@pytest.mark.parametrize("events", [True, False])
async def test_running_it_takes_files_with_and_without_file_events(
    make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch, events: bool
) -> None:
    shop = await make_shop(settle_ms=1, rescan_ms=3_600_000 if events else 10)
    if not events:
        monkeypatch.setattr(shop.folder, "_observe", lambda loop: None)
    task = asyncio.create_task(shop.folder.run())

    async def recorded() -> bool:
        shop.clock.go_on(1000)
        return await shop.count() == 1

    try:
        await until(lambda: not shop.folder.changed.is_set() and shop.folder._taken == {})
        part = shop.write("a.part", line("1"))
        part.rename(shop.path / "a.jsonl")
        await until(recorded)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_was_mended_and_comes_in_bad_again_is_open_again(shop: Shop) -> None:
    path = shop.write("a.jsonl", b"nonsense\n")
    await shop.settle()
    path.write_bytes(line("1"))
    await shop.settle()
    assert await shop.codes() == []
    path.write_bytes(b"nonsense\n" + line("1"))
    await shop.settle()
    assert await shop.codes() == ["json_invalid"]


async def test_what_comes_again_in_the_same_bytes_is_known_without_working_it_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write("a.jsonl", line("1") + line("2"))
    await shop.settle()
    nudged, worked_out = shop.nudged, []
    record = Recorder.record

    def watched(self: Recorder, conn: Connection, books: Books, intake: Intake) -> Outcome:
        worked_out.append(intake.natural_key)
        return record(self, conn, books, intake)

    monkeypatch.setattr(Recorder, "record", watched)
    shop.write("a.jsonl", line("1") + line("2"))
    shop.write("b.jsonl", line("2") + line("3") + line("1", net_minor=1))
    await shop.settle()
    assert [key.rsplit("/", 1)[1] for key in worked_out] == ["3", "1"]
    assert (await shop.count(), await shop.codes()) == (3, ["receipt_conflict"])
    counted = {dict(one.labels)["outcome"]: one.value for one in shop.recorder.taken.family().samples}
    assert counted == {"recorded": 3, "repeated": 3}
    assert shop.nudged == nudged + 1, "there is one thing to send"


async def test_a_member_who_can_be_read_now_is_named_by_what_comes_again_in_the_same_bytes(
    make_shop: MakeShop,
) -> None:
    shop = await make_shop(phone_region="US")
    shop.write("a.jsonl", line("1", member="(02) 1234-5678"))
    await shop.settle()
    shop.config = msgspec.structs.replace(shop.config, phone_region="KR")
    shop.start_again()
    shop.write("b.jsonl", line("1", member="(02) 1234-5678"))
    await shop.settle()
    named = await shop.writer.do(lambda conn: conn.execute("SELECT account FROM source").fetchall())
    assert (await shop.count(), len(named)) == (2, 1)
    assert named[0][0].startswith("h:")
