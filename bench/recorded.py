"""Requests of a real till to HQ, kept as they went over the wire, to be posted again to a copy of that HQ.

So HQ is measured by its face alone: the till has done its work before, and HQ answers as it did.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from bench.code import Code
from bench.databases import Journal
from bench.programs import EDGE, HQ, meet, running, set_up_hq, set_up_till

EXCHANGE: Final = "/v1/exchange"
BODY_BYTES_MAX: Final = 64 * 1024 * 1024


class Relay:
    """Stands between a till and its HQ, which may change, and keeps what the till sends."""

    def __init__(self) -> None:
        self.hq_url = ""
        self.url = ""
        self.kept: list[bytes] = []
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()

    def run(self) -> None:
        """Relay until told to stop; runs in a thread of its own."""
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def wait(self) -> None:
        """Return once it answers."""
        self._ready.wait()

    def stop(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        async with aiohttp.ClientSession(auto_decompress=False) as session:

            async def pass_on(request: web.Request) -> web.Response:
                body = await request.read()
                try:
                    async with session.post(self.hq_url + request.path, data=body) as response:
                        answer = await response.read()
                except aiohttp.ClientError:
                    return web.Response(status=503)
                if request.path == EXCHANGE and response.status == 200:
                    self.kept.append(body)
                return web.Response(status=response.status, body=answer)

            app.router.add_post("/{path:.*}", pass_on)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self._ready.set()
            await self._stop.wait()
            await runner.cleanup()


@contextmanager
def relay() -> Iterator[Relay]:
    """Run a relay until the block ends."""
    one = Relay()
    thread = threading.Thread(target=one.run, daemon=True)
    thread.start()
    one.wait()
    try:
        yield one
    finally:
        one.stop()
        thread.join()


def joined(
    code: Code, folder: Path, between: Relay, extra: str = "", database: str = ""
) -> tuple[Path, Path]:
    """Make an HQ and a till that has joined it through the relay; return both settings files."""
    hq = set_up_hq(code, folder / "hq", database)
    with running(code, HQ, hq) as served:
        between.hq_url = served.url
        till = set_up_till(code, folder / "till", hq, between.url, extra)
    meet(code, hq, till)
    return hq, till


def send(code: Code, hq: Path, till: Path, between: Relay) -> Sequence[bytes]:
    """Let the till send HQ all that waits; return the requests that it took."""
    between.kept = []
    with closing(Journal(till.parent / "data")) as journal, running(code, HQ, hq) as served:
        between.hq_url = served.url
        with running(code, EDGE, till):
            journal.wait_until_sent()
    return between.kept
