"""The technician's tools: verify, what support needs, the settings, and the stick through the browser."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import web

from edge_agent.acting import Actor
from edge_agent.admin.actions import note
from edge_agent.app_keys import CLOCK, CONFIG, READER, VERIFYING
from edge_agent.diagnostics import diagnostics
from edge_agent.pages.door import Door
from edge_agent.pages.visit import Visit
from edge_agent.settings_told import settings_told
from edge_agent.store import outbox
from edge_agent.store.verified import Verified
from edge_agent.sync.usb_browser import UPLOAD_BYTES_MAX, exported, forget_left, imported
from edge_agent.sync.usb_replies import Imported
from loyalty_core.errors import LoyaltyError
from loyalty_shell.pages.headers import PAGE

HOME: Final = "/admin/tools"
CHUNK: Final = 256 * 1024


class ToolPages:
    """The handlers."""

    def __init__(self, app: web.Application) -> None:
        self._app = app

    def install(self, door: Door[Actor]) -> None:
        """Make the addresses."""
        self._app.on_startup.append(self._forget_left)
        door.get("/tools", self.get_tools)
        door.live("/tools-live", self.live)
        door.post("/tools/verify", self.post_verify)
        door.post("/tools/verify/cancel", self.post_cancel)
        door.post("/tools/diagnostics", self.post_diagnostics)
        door.post("/tools/export", self.post_export)
        door.post("/tools/import", self.post_import, bytes_max=UPLOAD_BYTES_MAX)

    async def _forget_left(self, _: web.Application) -> None:
        await asyncio.to_thread(forget_left, self._app[CONFIG])

    async def get_tools(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Show all tools."""
        return await self._page(visit, None)

    async def live(self, visit: Visit[Actor]) -> Mapping[str, str]:
        """Return how far the verification has come."""
        return {"verify": visit.part("admin/tools_verify.html", **await self._verification())}

    async def post_verify(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Begin to verify; how far it has come appears on the page."""
        try:
            _ = self._app[VERIFYING].start(visit.who)
        except LoyaltyError as error:
            visit.say("warn", visit.explain(error))
        return visit.to(HOME)

    async def post_cancel(self, visit: Visit[Actor]) -> web.StreamResponse:
        """End a verification that is under way."""
        self._app[VERIFYING].cancel()
        return visit.to(HOME)

    async def post_diagnostics(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Give the file that support needs."""
        config, clock = self._app[CONFIG], self._app[CLOCK]
        data = await asyncio.to_thread(diagnostics, config, clock)
        with suppress(LoyaltyError):  # what is damaged, or takes nothing, is what support asks about
            await note(self._app, visit.who, "diagnostics")
        return web.Response(body=data, content_type="application/zip", headers=_download("diagnostics.zip"))

    async def post_export(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Give one archive of what waits for headquarters."""
        making = exported(self._app[CONFIG], self._app[CLOCK])
        archive = await asyncio.to_thread(making.__enter__)
        try:
            records = sum(one.records for one in archive.files)
            await note(self._app, visit.who, "export", archive.name, f"{records} records")
            response = web.StreamResponse(
                headers={**_download(archive.name), "Content-Type": "application/zip"}
            )
            response.content_length = archive.path.stat().st_size
            await response.prepare(visit.request)
            with archive.path.open("rb") as file, suppress(ConnectionError):
                while chunk := await asyncio.to_thread(file.read, CHUNK):
                    await response.write(chunk)
            return response
        finally:
            await asyncio.to_thread(making.__exit__, None, None, None)

    async def post_import(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Install what headquarters wrote, and say what became of each file."""
        uploads = [(one.name, one.file) for one in visit.form.files("files")]
        try:
            became = await asyncio.to_thread(imported, self._app[CONFIG], uploads)
        except LoyaltyError as error:
            await note(self._app, visit.who, "import", f"{len(uploads)} files", error.code)
            visit.say("bad", visit.explain(error))
            return await self._page(visit, None)
        refused = sum(one.became == "refused" for one in became)
        await note(self._app, visit.who, "import", f"{len(became)} files", f"{refused} refused")
        return await self._page(visit, became)

    async def _page(self, visit: Visit[Actor], became: list[Imported] | None) -> web.StreamResponse:
        waiting, *_ = await self._app[READER].do(outbox.waiting)
        return visit.page(
            "admin/tools.html",
            **await self._verification(),
            settings=settings_told(self._app[CONFIG]),
            meaning=visit.gettext,
            waiting=waiting,
            became=became,
        )

    async def _verification(self) -> dict[str, Any]:
        verifying = self._app[VERIFYING]
        last: Verified | None = await verifying.last()
        return {"progress": verifying.progress, "last": last}


def _download(name: str) -> dict[str, str]:
    return {**PAGE, "Content-Disposition": f'attachment; filename="{name}"'}
