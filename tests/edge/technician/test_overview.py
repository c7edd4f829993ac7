"""The technician's first page in every state of the till, and what can be done about it there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent import status
from edge_agent.app_keys import VERIFYING, WRITER
from edge_agent.config import Printer
from edge_agent.printer import state as tallies
from edge_agent.printer.endpoints import endpoint
from edge_agent.printer.state import FOLDER
from edge_agent.store import files, outbox
from edge_agent.store.database import StoreError, connect, transaction
from edge_agent.store.files import Taken, Tally
from loyalty_core.events import TechnicianAction
from loyalty_core.journal import unpack_record
from tests.edge.fake_hq import FakeHq
from tests.edge.log_in.gate import HOUR_MS, Gate, listed
from tests.edge.made import quiet_sync, until
from tests.edge.technician.bench import HOME, Bench, opened, words

REFUSED = {"error_code": "terminal_revoked", "error": "HQ has shut this till out"}
AWAY = {"error_code": "hq_unreachable", "error": "no connection"}
NEVER = {"answered_at_ms": None, "hq_time_ms": None, "since_ms": None}
SINCE = "2026-12-05 12:00:00"
TEST = "/admin/connection"

STATES = [
    ({}, "en", "ok", f"Online since {SINCE}. Sales are safe."),
    ({}, "ko", "ok", f"{SINCE}부터 온라인입니다. 판매 기록은 안전합니다."),
    (AWAY, "en", "warn", f"Offline since {SINCE}. Sales are safe."),
    (AWAY, "ko", "warn", f"{SINCE}부터 오프라인입니다. 판매 기록은 안전합니다."),
    (NEVER, "en", "warn", "Headquarters has not answered yet. Sales are safe."),
    (NEVER, "ko", "warn", "본사가 아직 응답하지 않았습니다. 판매 기록은 안전합니다."),
    (REFUSED, "en", "bad", "Headquarters has shut this till out."),
    (REFUSED, "ko", "bad", "본사가 이 포스를 차단했습니다."),
]


def part(page: str, name: str) -> str:
    """Return the HTML of a part of the page that changes by itself."""
    return page.partition(f'data-part="{name}">')[2].partition("data-part=")[0]


def headline(page: str) -> tuple[str, str]:
    """Return tone and words of the first sentence."""
    html = part(page, "headline")
    return html.partition('data-tone="')[2].partition('"')[0], words(html)


async def seen(bench: Bench, language: str) -> str:
    bench.speaks(language)
    return await bench.page()


@pytest.mark.parametrize(("told", "language", "tone", "says"), STATES)
async def test_the_first_sentence_is_the_state_of_the_line(
    bench: Bench, told: dict[str, object], language: str, tone: str, says: str
) -> None:
    await bench.log_in()
    bench.link(**told)
    shown, sentence = headline(await seen(bench, language))
    assert shown == tone
    assert says in sentence


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "The disk is full, so nothing was recorded. Call a technician."),
        ("ko", "디스크가 가득 차서 기록하지 못했습니다. 기술자를 불러 주세요."),
    ],
)
async def test_a_disk_that_takes_nothing_comes_before_everything(
    bench: Bench, language: str, says: str
) -> None:
    bench.link(**AWAY)
    await bench.log_in()
    app = bench.browser.client.app
    assert app is not None
    app[WRITER].trouble = StoreError("full", code="disk_full")
    tone, sentence = headline(await seen(bench, language))
    assert (tone, sentence.startswith(f"■ {says}")) == ("bad", True), sentence


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "The disk is nearly full: free some space."),
        ("ko", "디스크가 거의 찼습니다. 공간을 비워 주세요."),
    ],
)
async def test_a_disk_that_is_nearly_full_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, language: str, says: str
) -> None:
    await bench.log_in()
    bench.link()
    monkeypatch.setattr(status, "free_bytes", lambda _: bench.gate.config.disk_free_bytes_min - 1)
    page = await seen(bench, language)
    assert headline(page)[0] == "warn"
    assert says in headline(page)[1]


@pytest.mark.parametrize(
    ("language", "says"), [("en", "the clock is not believed"), ("ko", "시계를 믿을 수 없음")]
)
async def test_a_clock_that_is_not_believed_is_told(bench: Bench, language: str, says: str) -> None:
    await bench.log_in()
    bench.link(hq_time_ms=bench.gate.clock.wall + 1000 * HOUR_MS)
    page = await seen(bench, language)
    assert headline(page)[0] == "warn"
    assert says in words(part(page, "tiles"))


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", "some are damaged: headquarters is asked again"),
        ("ko", "일부가 손상되어 본사에 다시 요청합니다"),
    ],
)
async def test_members_that_are_damaged_are_told(bench: Bench, language: str, says: str) -> None:
    await bench.log_in()
    bench.link()
    with transaction(bench.gate.conn):
        bench.gate.conn.execute("UPDATE link SET members_damaged = 1")
    assert says in words(part(await seen(bench, language), "facts"))


@pytest.mark.parametrize(
    ("language", "says"),
    [
        (
            "en",
            [
                "day.csv csv 2026-12-05 12:00:00 1 set aside 3 recorded, 2 passed over",
                "no.xml",
                "nothing in it",
            ],
        ),
        ("ko", ["day.csv csv 2026-12-05 12:00:00 1건 보류 3 기록됨, 2 넘어감", "내용 없음"]),
    ],
)
async def test_what_became_of_the_last_file_of_each_kind_is_told(
    bench: Bench, language: str, says: list[str]
) -> None:
    await bench.log_in()
    bench.link()
    became = {"day.csv": Tally(recorded=3, refused=1, passed=2), "no.xml": Tally()}
    with transaction(bench.gate.conn):
        for path, tally in became.items():
            files.put(bench.gate.conn, taken(path, tally, bench.gate.clock.wall))
    told = words(part(await seen(bench, language), "intake"))
    assert [one for one in says if one not in told] == [], told


async def test_before_the_first_file_that_is_said(bench: Bench) -> None:
    await bench.log_in()
    assert "No file was taken yet." in words(part(await bench.page(), "intake"))


@pytest.mark.parametrize(
    ("language", "stopped", "lost", "first"),
    [
        ("en", "✗ not running Printer front", "2 copies are lost", "A printer needs looking after."),
        ("ko", "✗ 실행되지 않음 프린터 front", "사본 2건과 그 안의 영수증이", "프린터를 확인해 주세요."),
    ],
)
async def test_a_printer_that_is_not_served_or_loses_copies_is_told_first(
    tmp_path: Path, language: str, stopped: str, lost: str, first: str
) -> None:
    listen, printer = endpoint("tcp://127.0.0.1:9100"), endpoint("tcp://192.0.2.50:9100")
    gate = Gate(tmp_path, sync=quiet_sync(), printer=(Printer(name="front", listen=listen, printer=printer),))
    gate.hears(listed())
    folder = gate.config.data_dir / FOLDER
    folder.mkdir(exist_ok=True)
    async with opened(gate) as bench:
        await bench.log_in()
        bench.link()
        page = await seen(bench, language)
        assert (headline(page)[0], first in headline(page)[1]) == ("warn", True)
        assert stopped in words(part(page, "intake"))
        tally, file = tallies.Tally(), tallies.StateFile(folder, "front")
        tally.kept()
        file.write(tally.told(name="front", version="1", listen="", printer=""))
        page = await seen(bench, language)
        assert headline(page)[0] == "ok"
        assert "✓" in words(part(page, "intake"))
        for _ in range(2):
            tally.lost("disk_slow")
        file.write(tally.told(name="front", version="1", listen="", printer=""))
        page = await seen(bench, language)
        assert (headline(page)[0], first in headline(page)[1]) == ("warn", True)
        assert lost in words(part(page, "intake"))
        file.close()
    gate.conn.close()


def taken(path: str, tally: Tally, at_ms: int) -> Taken:
    """Return a file as it was taken."""
    adapter = path.rpartition(".")[2]
    return Taken(adapter=adapter, path=path, size=1, mtime_ns=1, tally=tally, stays=False, taken_at_ms=at_ms)


async def test_to_try_now_asks_at_once_on_a_good_line_too_and_says_what_came_of_it(
    heard: Bench, hq: FakeHq
) -> None:
    await heard.log_in()
    heard.link(**AWAY)
    async with asyncio.timeout(20):
        assert "Headquarters has answered." in words(await heard.press("/admin/try"))
    assert headline(await heard.page())[0] == "ok"
    hq.spoil = "html"
    await until(lambda: ("Han", "try_now", "ok") in reached(hq))
    assert "What answers at headquarters' address is not" in words(await heard.press("/admin/try"))
    assert heard.actions() == [("Han", "try_now", "ok"), ("Han", "try_now", "hq_nonsense")]


def reached(hq: FakeHq) -> list[tuple[str, str, str]]:
    """Return what technicians did, as far as HQ has heard of it."""
    events = [unpack_record(record).event for record in hq.journal().records]
    return [(one.person, one.action, one.outcome) for one in events if isinstance(one, TechnicianAction)]


async def test_a_connection_test_runs_once_and_its_outcome_is_journaled(heard: Bench, hq: FakeHq) -> None:
    await heard.log_in()
    hq.may_answer.clear()
    assert "Testing…" in words(await heard.press(TEST))
    asked = len(hq.asked)
    other = heard.beside()
    await other.log_in()
    assert "Testing…" in words(await other.press(TEST))
    hq.may_answer.set()
    await until(lambda: heard.actions() != [])
    assert heard.actions() == [("Han", "connection_test", "ok")]
    page = words(part(await heard.page(), "connection"))
    assert page.count("✓ good") == 6
    assert "fails here" not in page
    assert "Tested at" in page
    await until(lambda: ("Han", "connection_test", "ok") in reached(hq))
    assert len(hq.asked) > asked


async def test_a_connection_test_names_the_step_that_fails(bench: Bench) -> None:
    await bench.log_in()
    await bench.press(TEST)
    await until(lambda: bench.actions() == [("Han", "connection_test", "tcp: hq_unreachable")])
    html = part(await bench.page(), "connection")
    states = [one.partition('"')[0] for one in html.split('data-state="')[1:]]
    assert states == ["ok", "failed", *["skipped"] * 5]
    assert "Headquarters cannot be reached." in words(html)


async def test_an_agent_that_stops_ends_a_test_that_is_under_way(heard: Bench, hq: FakeHq) -> None:
    await heard.log_in()
    hq.may_answer.clear()
    await heard.press(TEST)
    async with asyncio.timeout(20):
        await heard.browser.client.server.close()
    hq.may_answer.set()
    assert heard.actions() == []


async def test_the_page_is_not_kept_by_a_browser(bench: Bench) -> None:
    await bench.log_in()
    assert (await bench.browser.get(HOME)).headers["Cache-Control"] == "no-store"


async def test_a_timeline_that_is_damaged_is_said_and_stops_nothing(tmp_path: Path) -> None:
    gate = Gate(tmp_path, sync=quiet_sync())
    gate.hears(listed())
    (root,) = gate.conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'link_span'").fetchone()
    gate.conn.close()
    with gate.config.database.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(bytes([255]) * 4096)
    gate.conn = connect(gate.config.database)
    async with opened(gate) as bench:
        await bench.log_in()
        assert "What is kept of the line is damaged. Verify the till" in words(await bench.page())
        assert outbox.link(gate.conn).error_code == "hq_unreachable"
        await bench.press("/admin/tools/verify")
        assert bench.browser.client.app is not None
        task = bench.browser.client.app[VERIFYING]._task
        assert task is not None
        assert (await task).outcome == "database_damaged"
    gate.conn.close()
