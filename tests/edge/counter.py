"""The till's own software, for the tests of the local HTTP face."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from edge_agent.app_keys import WRITER
from edge_agent.store import members, programmes, quarantine
from edge_agent.store.quarantine import Refused
from loyalty_core.messages import MemberRow
from tests.edge.made import HeldClock, member

BODY_MAX = 64 * 1024


class Counter:
    """The till's own software, talking to a running agent."""

    def __init__(
        self, client: TestClient[web.Request, web.Application], token: str, clock: HeldClock
    ) -> None:
        self.client = client
        self.clock = clock
        self.headers = {"Authorization": f"Bearer {token}"}

    @property
    def app(self) -> web.Application:
        assert self.client.app is not None
        return self.client.app

    async def post(
        self, path: str, body: object = b"", key: str | None = None, **headers: str
    ) -> ClientResponse:
        named = self.headers | ({"Idempotency-Key": key} if key else {}) | headers
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(path, data=data, headers=named)

    async def ok(self, path: str, body: object = b"", key: str | None = None) -> dict[str, Any]:
        """Return the answer to what is taken."""
        response = await self.post(path, body, key)
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer

    async def get(self, path: str) -> ClientResponse:
        return await self.client.get(path, headers=self.headers)

    async def do(self, job: Any) -> Any:
        return await self.app[WRITER].do(job)

    async def refused(self) -> list[Refused]:
        """Return what was set aside."""
        rows: list[Refused] = await self.do(quarantine.open_rows)
        return rows

    async def publish(self, version: int, envelope: bytes) -> None:
        """Let a programme version be here."""
        await self.do(partial(programmes.put, version=version, envelope=envelope))

    async def know(self, *cards: str) -> None:
        """Let headquarters' word stand on the members M1, M2, ... of these cards."""
        for place, card in enumerate(cards, start=1):
            await self.know_row(member(f"M{place}", card))

    async def know_row(self, row: MemberRow) -> None:
        """Let this word of headquarters' on a member stand."""
        await self.do(partial(members.put, rows=[row]))


async def problem(response: ClientResponse) -> tuple[int, str]:
    """Return status and code of a problem document, having checked its shape."""
    assert response.content_type == "application/problem+json"
    said = await response.json(content_type=None)
    assert said.keys() == {"type", "title", "status", "detail", "code"}
    assert said["type"] == f"urn:dangol:problem:{said['code']}"
    assert said["status"] == response.status
    assert said["title"]
    assert "\n" not in said["detail"]
    return response.status, said["code"]
