"""The technician's tools: a verification, the file for support, and the stick through the browser."""

from __future__ import annotations

import errno
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from edge_agent.app_keys import VERIFYING, WRITER
from edge_agent.recorder import Recorder
from edge_agent.store import journal, outbox
from edge_agent.store.database import transaction
from loyalty_core.envelope import peek, seal
from loyalty_core.messages import Acknowledgement, Exchange, Reply
from loyalty_core.stick import close_file, open_file, parse_file
from loyalty_core.wire import pack, unpack
from tests.edge.log_in.gate import Gate
from tests.edge.made import HQ_KEY, LIFE, STORE_KEY, TERMINAL, purchase, quiet_sync, recorded
from tests.edge.technician.bench import Bench, words
from tests.edge.technician.bench import opened as bench_of

TOOLS = "/admin/tools"


async def download(bench: Bench, path: str) -> tuple[str, bytes]:
    """Send a form of the page whose answer is a file; return its name and bytes."""
    answer = await bench.browser.send(path, {"csrf": bench.csrf})
    assert answer.status == 200, await answer.text()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.headers["Content-Disposition"], await answer.read()


async def upload(bench: Bench, *files: tuple[str, bytes]) -> str:
    """Bring files; return what can be read then."""
    form = FormData()
    form.add_field("csrf", bench.csrf)
    for name, data in files:
        form.add_field("files", data, filename=name, content_type="application/octet-stream")
    origin = {"Origin": bench.browser.origin}
    async with bench.browser.client.post(f"{TOOLS}/import", data=form, headers=origin) as answer:
        page = await answer.text()
        assert answer.status == 200, page
    return words(page)


def sell(bench: Bench) -> None:
    with transaction(bench.gate.conn):
        recorded(Recorder(bench.gate.config, bench.gate.clock), bench.gate.conn, purchase("1"))


def left(bench: Bench) -> list[str]:
    """Return what was left of what lay there for a moment."""
    return [path.name for path in Path(bench.gate.config.data_dir).glob("stick-*")]


def reply_to(bench: Bench, data: bytes) -> bytes:
    """Return the file by which headquarters answers one of the till's."""
    request = unpack(peek(open_file(parse_file(data), STORE_KEY), "dangol/exchange/1")[1], Exchange)
    head_hash = journal.hash_at(bench.gate.conn, 1, request.head) or b""
    held = Acknowledgement(TERMINAL, 1, 0, request.head, head_hash, LIFE)
    said: dict[str, Any] = dict.fromkeys(("refusals", "pages", "programmes", "answers", "directives"), ())
    reply = Reply(
        nonce=request.nonce,
        incarnation=LIFE,
        hq_time_ms=bench.gate.clock.wall,
        receipts=(seal("dangol/receipt/1", pack(held), HQ_KEY),),
        next_in_ms=1000,
        **said,
    )
    return close_file(seal("dangol/reply/1", pack(reply), HQ_KEY), TERMINAL, STORE_KEY, b"s" * 32)


async def verified(bench: Bench) -> None:
    """Wait until the verification that is under way has ended."""
    assert bench.browser.client.app is not None
    task = bench.browser.client.app[VERIFYING]._task
    assert task is not None
    await task


async def opened(bench: Bench) -> Bench:
    await bench.log_in()
    await bench.page(TOOLS)
    return bench


async def test_a_verification_ends_with_what_it_found_and_is_noted(bench: Bench) -> None:
    await opened(bench)
    assert "Not verified here yet." in words(await bench.page(TOOLS))
    await bench.press(f"{TOOLS}/verify")
    await verified(bench)
    seen = words(await bench.page(TOOLS))
    assert "whole" in seen
    assert ("Han", "verify", "ok") in bench.actions()
    assert "2 records" in words(await bench.page(TOOLS))


async def test_a_damaged_record_is_named_with_what_to_do(bench: Bench) -> None:
    sell(bench)
    conn = bench.gate.conn
    for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        conn.execute(f"DROP TRIGGER {name}")
    conn.execute("UPDATE journal SET record = x'00' WHERE seq = 1")
    await opened(bench)
    await bench.press(f"{TOOLS}/verify")
    await verified(bench)
    seen = words(await bench.page(TOOLS))
    assert "not whole" in seen
    assert "First at record 1 of epoch 1" in seen


async def test_the_file_for_support_is_a_download(bench: Bench) -> None:
    await opened(bench)
    name, data = await download(bench, f"{TOOLS}/diagnostics")
    assert name == 'attachment; filename="diagnostics.zip"'
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert json.loads(archive.read("diagnostics.json"))["software"]
    assert ("Han", "diagnostics", "ok") in bench.actions()


async def test_settings_are_shown_without_secrets(bench: Bench) -> None:
    await opened(bench)
    page = await bench.page(TOOLS)
    assert "counter.undo_ms" in page
    token = (bench.gate.config.data_dir / "http.token").read_text().strip()
    assert token not in page


async def test_what_waits_goes_out_by_browser_and_comes_back_as_held(bench: Bench) -> None:
    sell(bench)
    await opened(bench)
    name, data = await download(bench, f"{TOOLS}/export")
    assert name.startswith(f'attachment; filename="dangol_{TERMINAL}')
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (file,) = archive.namelist()
        reply = reply_to(bench, archive.read(file))
    held = outbox.acknowledged(bench.gate.conn, 1)
    seen = await upload(bench, ("whatever it is called.TO-TILL", reply))
    assert "installed" in seen
    assert outbox.acknowledged(bench.gate.conn, 1) > held
    assert "nothing new" in await upload(bench, ("again.to-till", reply))
    assert [one[1] for one in bench.actions()] == ["export", "import", "import"]
    assert left(bench) == []


async def test_an_archive_of_replies_is_taken_too(bench: Bench) -> None:
    sell(bench)
    await opened(bench)
    _, data = await download(bench, f"{TOOLS}/export")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        reply = reply_to(bench, archive.read(archive.namelist()[0]))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as one:
        one.writestr("a.to-till", reply)
        one.writestr("../b.to-till", reply)
    assert "installed" in await upload(bench, ("replies.zip", made.getvalue()))


async def test_files_that_headquarters_did_not_write_are_refused_each_with_its_reason(bench: Bench) -> None:
    await opened(bench)
    seen = await upload(bench, ("a.to-till", b"nonsense"), ("b.zip", b"nonsense"))
    assert seen.count("refused") >= 2
    assert "archive_damaged" in seen
    assert "refused b.zip" in await upload(bench, ("b.zip", b"nonsense"))
    assert "othing to import" in await upload(bench, ("c.txt", b"x"))
    assert left(bench) == []


async def test_an_observer_sees_and_may_do_nothing(bench: Bench) -> None:
    await bench.log_in("observer")
    page = await bench.page(TOOLS)
    assert "counter.undo_ms" in page
    assert "<form" not in page.partition("<main")[2]


async def test_a_file_is_told_of_by_its_own_name_and_replaced_by_none_of_an_archive(bench: Bench) -> None:
    sell(bench)
    await opened(bench)
    _, data = await download(bench, f"{TOOLS}/export")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        reply = reply_to(bench, archive.read(archive.namelist()[0]))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as one:
        one.writestr("001.to-till", b"nonsense")
        one.writestr("_001.to-till", b"nonsense")
    seen = await upload(bench, ("from-HQ.to-till", reply), ("more.zip", made.getvalue()))
    assert "installed from-HQ.to-till" in seen
    assert "refused 001.to-till" in seen
    seen = await upload(bench, ("again.to-till", reply), ("broken.zip", b"nonsense"))
    assert "refused broken.zip" in seen


async def test_a_full_disk_is_told_in_a_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await opened(bench)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edge_agent.sync.usb_browser.export", full)
    assert await bench.code(f"{TOOLS}/export", {"csrf": bench.csrf}) == (507, "disk_full")
    assert left(bench) == []


async def test_the_file_for_support_is_given_by_a_till_that_can_write_nothing(bench: Bench) -> None:
    await opened(bench)
    assert bench.browser.client.app is not None
    bench.browser.client.app[WRITER]._conn.execute("PRAGMA query_only = 1")
    _, data = await download(bench, f"{TOOLS}/diagnostics")
    assert zipfile.is_zipfile(io.BytesIO(data))


async def test_what_an_agent_that_was_killed_left_is_removed(tmp_path: Path) -> None:
    gate = Gate(tmp_path, sync=quiet_sync())
    left = gate.config.data_dir / "stick-x"
    left.mkdir()
    (left / "archive").write_bytes(b"x")
    async with bench_of(gate):
        assert not left.exists()
    gate.conn.close()
