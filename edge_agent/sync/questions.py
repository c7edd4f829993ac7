"""Questions that want HQ now. They ride on the loop's next exchange, which is made at once for them.

There is one road to HQ: a question never opens another, and whoever asks waits beside it, never the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from loyalty_core.messages import ASKS_MAX, Answer, Ask, Reply

REFUSALS: Final = frozenset({"terminal_revoked"})
"""Errors by which HQ answers every question of this till: no. They stand until it takes something again."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """HQ's answer: it holds the points until so late on this machine's monotonic clock, or says why not."""

    granted: int = 0
    until_monotonic_ms: int = 0
    code: str = ""


class Question:
    """One question, and where its answer goes."""

    __slots__ = ("answer", "ask")

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.answer: asyncio.Future[Told | None] = asyncio.get_running_loop().create_future()


class Questions:
    """Those that wait for an answer; `new` is set while one of them waits for an exchange to begin.

    An exchange takes `ASKS_MAX` of them, the oldest first; the others wait for the next.
    """

    def __init__(self) -> None:
        self.new = asyncio.Event()
        self._waiting: list[Question] = []

    async def put(self, ask: Ask, wait_ms: int) -> Told | None:
        """Return HQ's answer, or None where it does not come in this time."""
        question = Question(ask)
        self._waiting.append(question)
        self.new.set()
        try:
            async with asyncio.timeout(wait_ms / 1000):
                return await question.answer
        except TimeoutError:
            return None
        finally:
            self._waiting.remove(question)

    def take(self) -> tuple[Question, ...]:
        """Return those that the exchange that begins now takes."""
        open_ones = [question for question in self._waiting if not question.answer.done()]
        if len(open_ones) <= ASKS_MAX:
            self.new.clear()
        return tuple(open_ones[:ASKS_MAX])


def settle(taken: tuple[Question, ...], told: Mapping[str, Told]) -> None:
    """Answer the questions of an exchange that is over; one that HQ left open is answered with None."""
    for question in taken:
        if not question.answer.done():
            question.answer.set_result(told.get(question.ask.redemption_id))


def refused_all(taken: tuple[Question, ...], code: str) -> dict[str, Told]:
    """Return one answer to all of these questions: no, for this reason."""
    return {one.ask.redemption_id: Told(code=code) for one in taken}


def told_by(reply: Reply, asked_monotonic_ms: int) -> dict[str, Told]:
    """Return the answers of a reply by redemption id.

    How long a hold lasts is read off HQ's clock alone, and counted from when it was asked for.
    """
    return {one.redemption_id: _told(one, reply.hq_time_ms, asked_monotonic_ms) for one in reply.answers}


def _told(answer: Answer, hq_time_ms: int, asked_monotonic_ms: int) -> Told:
    until_ms = asked_monotonic_ms + answer.until_ms - hq_time_ms
    return Told(granted=answer.granted, until_monotonic_ms=until_ms, code=answer.code)
