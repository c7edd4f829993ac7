"""The floor of an HTTP answer: an aiohttp server that reads a body and answers, and does nothing else."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web


async def serve(address: str) -> None:
    """Serve until killed; write the address when ready."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b'{"ok": true}', content_type="application/json")

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await asyncio.to_thread(Path(address).write_text, f"http://127.0.0.1:{runner.addresses[0][1]}/")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
