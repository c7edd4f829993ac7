"""Pages of a test's own, served from this machine, to show that what judges pages can find fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

GOOD = """<!doctype html>
<html lang="en"><head><meta name="viewport" content="width=device-width"><title>Shop</title><style>
body { margin: 16px; font: 16px sans-serif; color: #222; background: #fff }
a, button, input { display: inline-block; box-sizing: border-box; min-height: 44px; min-width: 44px }
p a { display: inline; min-height: 0 }
</style></head><body>
<h1>Counter</h1>
<p>What is <a href="#why">kept here</a> stays here.</p>
<label>Card <input name="card"></label>
<button>Visit</button> <button>Redeem</button>
</body></html>"""


@asynccontextmanager
async def site(pages: Mapping[str, str], policy: str = "default-src 'self'") -> AsyncIterator[str]:
    """Serve pages by path, under a content security policy; return the address of all.

    What ends in `.css` or `.js` is that; `/live` is an event stream that says one thing and stays open.
    """

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": policy}
        if request.path == "/live":
            stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await stream.prepare(request)
            await stream.write(b"data: " + b"x" * 500 + b"\n\n")
            await gone.wait()
            return stream
        if request.path == "/favicon.ico":
            return web.Response(status=204)
        if request.path not in pages:
            raise web.HTTPNotFound
        kind = {"css": "text/css", "js": "text/javascript"}.get(request.path.rpartition(".")[2], "text/html")
        return web.Response(text=pages[request.path], content_type=kind, headers=headers)

    gone = asyncio.Event()
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        gone.set()
        await runner.cleanup()
