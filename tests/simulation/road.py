"""The road between a till and headquarters: it loses, repeats, delays, reorders and cuts what it carries.

A `Line` is what a till's loop takes for its HTTP session. What it carries arrives though who sent it has
given up, perhaps after what was sent later. On a calm road everything arrives, once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import aiohttp

TIMEOUT_S: Final = 30.0
KEPT: Final = 4
"""Answers, and requests, that a line keeps to bring them once more."""


class Answered(NamedTuple):
    """What an HTTP server says."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Unreachable(Exception):
    """Nobody answers there."""


Request = tuple[str, bytes]
Serve = Callable[[str, bytes], Awaitable[Answered]]
FATES: Final = {
    "arrived": 12,
    "no_road": 2,
    "request_lost": 2,
    "request_cut": 1,
    "request_repeated": 2,
    "request_late": 2,
    "old_request": 1,
    "answer_lost": 3,
    "answer_cut": 1,
    "answer_broken": 1,
    "answer_late": 2,
    "old_answer": 1,
    "portal": 1,
    "busy": 1,
}
"""What becomes of an exchange on a rough road, and how often."""


class Line:
    """One till's road. `calm` ends all faults."""

    def __init__(self, serve: Serve, luck: Random, seen: Counter[str]) -> None:
        self.calm = True
        self.down = False
        self.carried = 0
        self._serve, self._luck, self._seen = serve, luck, seen
        self._requests: list[Request] = []
        self._answers: list[Answered] = []
        self._under_way: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def post(
        self, url: str, *, data: bytes, headers: object, allow_redirects: bool
    ) -> AsyncIterator[Any]:
        """Carry a request, and what is answered."""
        self.carried += 1
        fate = "arrived" if self.calm else self._luck.choices(list(FATES), list(FATES.values()))[0]
        if self.down and not self.calm:
            fate = "no_road"
        self._seen[f"road: {fate}"] += 1
        answered = await self._carried((urlsplit(url).path, data), fate)
        self._answers = [*self._answers[1 - KEPT :], answered]
        body = (
            answered.body[: self._luck.randrange(len(answered.body))]
            if fate == "answer_cut"
            else answered.body
        )

        async def read() -> AsyncIterator[bytes]:
            if fate == "answer_broken":
                yield body[: len(body) // 2]
                raise aiohttp.ClientPayloadError
            yield body

        yield SimpleNamespace(
            status=answered.status, headers=answered.headers, content=SimpleNamespace(iter_any=read)
        )

    async def _carried(self, data: Request, fate: str) -> Answered:
        """Return what is answered.

        Raises:
            TimeoutError, aiohttp.ClientError: nothing is.
        """
        luck = self._luck
        old = luck.choice(self._requests) if fate == "old_request" and self._requests else None
        self._requests = [*self._requests[1 - KEPT :], data]
        await asyncio.sleep(0.05 if self.calm else luck.choice((0.02, 0.3, 1.0, 5.0)))
        match fate:
            case "no_road":
                raise aiohttp.ClientConnectionError
            case "request_lost":
                await asyncio.sleep(TIMEOUT_S)
                raise TimeoutError
            case "request_cut":
                data = data[0], data[1][: luck.randrange(len(data[1]))]
            case "request_repeated":
                _ = self._send(data, luck.choice((0.0, 1.0, 40.0, 7200.0)))
            case "old_request" if old is not None:
                _ = self._send(old, 0.0)
            case "request_late":
                _ = self._send(data, luck.choice((31.0, 90.0, 4000.0)))
                await asyncio.sleep(TIMEOUT_S)
                raise TimeoutError
            case "old_answer" if self._answers:
                await self._send(data, 0.0)
                return luck.choice(self._answers)
            case "portal":
                return Answered(200 + luck.choice((0, 102, 302)), {}, b"<html>sign in to the network")
            case "busy":
                return Answered(
                    503, {"Retry-After": luck.choice(("2", "600"))}, b'{"code": "server_busy", "detail": "-"}'
                )
        answered = await self._send(data, 0.0)
        if fate == "answer_lost":
            await asyncio.sleep(TIMEOUT_S)
            raise TimeoutError
        if fate == "answer_late":
            await asyncio.sleep(luck.choice((1.5, 3.0, 20.0)))
        if answered is None:
            raise aiohttp.ServerDisconnectedError
        return answered

    def _send(self, data: Request, after_s: float) -> asyncio.Task[Answered | None]:
        """Let a request arrive, whether or not anybody waits for the answer."""

        async def arrive() -> Answered | None:
            await asyncio.sleep(after_s)
            try:
                return await self._serve(*data)
            except Unreachable:
                return None

        task = asyncio.get_running_loop().create_task(arrive())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task
