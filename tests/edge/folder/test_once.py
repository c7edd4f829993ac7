"""A file is taken once it has settled, and each receipt once, over crashes and re-exports."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge_agent.books import Books
from edge_agent.pos_adapter import intake
from edge_agent.pos_adapter.intake import BUDGET_MS, CHUNK
from edge_agent.recorder import Intake, Outcome, Recorder
from edge_agent.store import files
from edge_agent.store.database import Connection, StoreError
from edge_agent.store.integrity import verify
from loyalty_core.units import EpochMs
from tests.edge.folder.shop import MakeShop, Shop, line
from tests.edge.made import HeldClock


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
