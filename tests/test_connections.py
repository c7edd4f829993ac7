"""How both programs keep connections: nothing that is sent to them is decompressed."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from edge_agent import service
from hq_server import app as headquarters


@pytest.mark.parametrize("connections", [service.CONNECTIONS, headquarters.CONNECTIONS], ids=["till", "hq"])
async def test_nothing_that_somebody_sends_is_decompressed(connections: Mapping[str, Any]) -> None:
    async def told(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app, bomb = web.Application(), gzip.compress(bytes(1_000_000))
    app.add_routes([web.post("/", told)])
    server = TestServer(app)
    await server.start_server(**connections)
    async with TestClient(server) as client:
        answer = await client.post("/", data=bomb, headers={"Content-Encoding": "gzip"})
        assert await answer.read() == bomb
