"""Copies of the printer process are taken by the agent, each paper once, and go when they are taken."""

from __future__ import annotations

from pathlib import Path

from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.app_keys import WRITER
from edge_agent.config import EdgeConfig, Printer
from edge_agent.printer.endpoints import endpoint
from edge_agent.printer.spool import Spool
from edge_agent.store import quarantine
from tests.edge.escpos.made import RECEIPT, printed
from tests.edge.made import HeldClock, at, config_of, enrol_till, programme, quiet_sync, until

NOW_MS = at("2026-11-20T11:00:00")


def with_printer(folder: Path) -> EdgeConfig:
    front = Printer(
        name="front", listen=endpoint("tcp://127.0.0.1:0"), printer=endpoint("tcp://127.0.0.1:1"), till="T03"
    )
    config = config_of(folder, sync=quiet_sync(), printer=(front,))
    enrol_till(config, programme())
    return config


async def test_what_was_printed_is_recorded_once_and_its_copy_goes(tmp_path: Path) -> None:
    config = with_printer(tmp_path)
    spool = Spool(config.data_dir / "printed", "front", files_max=10, bytes_max=10**6)
    spool.write(printed(RECEIPT.replace("  POS:03", "")), NOW_MS, is_whole=True)
    clock = HeldClock()
    app = build_app(config, clock)
    async with TestClient(TestServer(app)):

        async def gone() -> bool:
            clock.go_on(1000)
            return not list((config.data_dir / "printed").glob("*.escpos"))

        async def events() -> int:
            found = await app[WRITER].do(
                lambda conn: conn.execute("SELECT count(*) FROM source").fetchone(), urgent=False
            )
            return int(found[0])

        await until(gone)
        assert await events() == 1
        spool.write(printed("** 재출력 **\n" + RECEIPT.replace("  POS:03", "")), NOW_MS, is_whole=True)
        spool.write(printed(RECEIPT.replace("  POS:03", ""))[:-3], NOW_MS, is_whole=False)
        await until(gone)
        assert await events() == 1
        (refused,) = await app[WRITER].do(quarantine.open_rows, urgent=False)
        assert (refused.adapter, refused.code) == ("escpos", "print_cut_short")
