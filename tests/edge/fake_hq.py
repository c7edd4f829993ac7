"""A small headquarters for the tests of a till: a real server that verifies, keeps and acknowledges.

It keeps the law of the protocol (a contiguous, verified prefix of each journal) and no ledger. A test tells
it to be slow, to lie, or to lose its answer; `absent` is a server that was closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from edge_agent.config import EdgeConfig
from edge_agent.sync import keys
from loyalty_core.envelope import key_id, open_sealed, public_of, seal
from loyalty_core.invite import make_code
from loyalty_core.journal import chain, first_hash, place_run
from loyalty_core.messages import (
    Acknowledgement,
    Answer,
    Ask,
    Batch,
    Enrol,
    Exchange,
    Page,
    Refusal,
    Reply,
    Wanted,
    unpack_records,
)
from loyalty_core.units import Seq
from loyalty_core.wire import pack, unpack
from tests.edge.made import HQ_KEY, LIFE, enrol_till, enrolled

OTHER_KEY = bytes(reversed(range(32)))
SECRET = b"\x01\x02\x03\x04\x05\x06\x07\x00"
HQ_TIME_MS = 1_796_400_000_000

Spoil = Literal[
    "lose answer",  # the connection breaks after all was kept
    "lose request",  # the connection breaks before anything is kept
    "nonsense",
    "html",
    "deep",
    "half",
    "other key",
    "other key on receipts",
    "stale nonce",
    "huge",
    "redirect",
    "not found",
]


class Journal:
    """What is kept of one epoch of one terminal."""

    def __init__(self, terminal_id: str, epoch: int) -> None:
        self.records: list[bytes] = []
        self.hashes = [first_hash(terminal_id, epoch)]

    @property
    def head(self) -> Seq:
        return Seq(len(self.records))


class FakeHq:
    """What the till's sync sees of headquarters. Set the public attributes to change how it behaves."""

    def __init__(self) -> None:
        self.key = HQ_KEY
        self.life = LIFE
        self.till_keys: dict[bytes, bytes] = {}
        self.journals: dict[tuple[str, int], Journal] = {}
        self.asked: list[Exchange] = []
        self.kept_batches = 0
        self.batches: list[bytes] = []
        self.pages: list[Page] = []
        self.programmes: list[bytes] = []
        self.next_in_ms = 60_000
        self.spoil: Spoil | None = None
        self.problem: tuple[int, dict[str, str], dict[str, str]] | None = None
        self.silent = False
        self.refuse: Refusal | None = None
        self.answer: Callable[[Ask], Answer | None] = lambda ask: None
        self.change_reply: Callable[[Reply], Reply] = lambda reply: reply
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.used_by: bytes | None = None
        self.change_enrolled: dict[str, object] = {}
        self.url = ""

    def enrol(self, config: EdgeConfig) -> None:
        """Make the store of a till that has joined here, and accept what it signs."""
        enrol_till(config, hq_url=self.url)
        public = public_of(keys.private_key(config.data_dir))
        self.till_keys[key_id(public)] = public

    def journal(self, terminal_id: str = "S012-T03", epoch: int = 1) -> Journal:
        return self.journals.setdefault((terminal_id, epoch), Journal(terminal_id, epoch))

    @property
    def code(self) -> str:
        """The invite code."""
        return make_code(SECRET, public_of(self.key))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeHq]:
        """Serve on a free port of this machine."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes([web.post("/v1/exchange", self._exchange), web.post("/v1/enrol", self._enrol)])
        server = TestServer(app)
        async with server:
            self.url = f"http://127.0.0.1:{server.port}"
            yield self
            self.may_answer.set()

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.spoil == "lose request":
            return _hang_up(request)
        said = unpack(open_sealed(body, "dangol/exchange/1", self.till_keys), Exchange)
        self.asked.append(said)
        await self.may_answer.wait()
        if self.problem is not None:
            status, document, headers = self.problem
            return web.json_response(
                document, status=status, headers=headers, content_type="application/problem+json"
            )
        refusals = [r for data in said.batches if (r := self._keep(data)) is not None]
        if self.refuse is not None:
            refusals, self.refuse = [self.refuse], None
        reply = Reply(
            nonce=said.nonce if self.spoil != "stale nonce" else b"\x00" * 16,
            incarnation=self.life,
            hq_time_ms=HQ_TIME_MS,
            receipts=() if self.silent else tuple(self._receipts()),
            refusals=tuple(refusals),
            pages=tuple(self.pages),
            programmes=tuple(self.programmes),
            answers=tuple([answer for ask in said.asks if (answer := self.answer(ask)) is not None]),
            directives=(),
            next_in_ms=self.next_in_ms,
            returned=tuple(self._returned(said.wants)) if said.wants else (),
        )
        key = OTHER_KEY if self.spoil == "other key" else self.key
        return self._spoiled(request, seal("dangol/reply/1", pack(self.change_reply(reply)), key))

    def _spoiled(self, request: web.Request, data: bytes) -> web.StreamResponse:
        match self.spoil:
            case "lose answer":
                return _hang_up(request)
            case "nonsense":
                return web.Response(body=b"\x93nonsense")
            case "half":
                return web.Response(body=data[: len(data) // 2])
            case "deep":
                return web.Response(status=503, body=b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}")
            case "html":
                return web.Response(text="<html>Please log in to the network", content_type="text/html")
            case "huge":
                return web.Response(body=bytes(17 * 1024 * 1024))
            case "redirect":
                return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})
            case "not found":
                return web.Response(status=404, text="nginx")
        return web.Response(body=data)

    def _keep(self, data: bytes) -> Refusal | None:
        batch = unpack(open_sealed(data, "dangol/batch/1", self.till_keys), Batch)
        records = unpack_records(batch.packed)
        journal = self.journal(batch.terminal_id, batch.epoch)
        hashes = chain(batch.before, records)
        known = dict(enumerate(journal.hashes))
        verdict = place_run(journal.head, Seq(batch.first_seq), batch.before, hashes, known)
        if verdict.kind == "gap":
            return Refusal(batch.epoch, batch.first_seq, "gap", "a run is missing", verdict.seq)
        assert verdict.kind != "fork", "this till has told two stories"
        if verdict.kind == "next":
            new = verdict.seq - batch.first_seq
            journal.records += records[new:]
            journal.hashes += hashes[new:]
            self.kept_batches += 1
            self.batches.append(data)
        return None

    def _returned(self, wants: Wanted) -> Iterator[bytes]:
        for data in self.batches:
            batch = unpack(open_sealed(data, "dangol/batch/1", self.till_keys), Batch)
            end = batch.first_seq + len(unpack_records(batch.packed)) - 1
            if batch.epoch == wants.epoch and batch.first_seq <= wants.last_seq and end >= wants.first_seq:
                yield data

    def _receipts(self) -> list[bytes]:
        key = OTHER_KEY if self.spoil == "other key on receipts" else self.key
        return [
            seal(
                "dangol/receipt/1",
                pack(Acknowledgement(terminal_id, epoch, 0, journal.head, journal.hashes[-1], self.life)),
                key,
            )
            for (terminal_id, epoch), journal in self.journals.items()
            if journal.head
        ]

    async def _enrol(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        said = unpack(_payload(body), Enrol)
        open_sealed(body, "dangol/enrol/1", {key_id(said.public_key): said.public_key})
        if said.secret != SECRET or self.used_by not in {None, said.public_key}:
            code = "invite_unknown" if said.secret != SECRET else "invite_used"
            document = {"code": code, "detail": f"this invite cannot be used: {code}"}
            return web.json_response(document, status=409, content_type="application/problem+json")
        self.used_by = said.public_key
        self.till_keys[key_id(said.public_key)] = said.public_key
        answer = msgspec.structs.replace(
            enrolled(programmes=tuple(self.programmes)),
            **{"nonce": said.nonce, "hq_public_key": public_of(self.key)} | self.change_enrolled,
        )
        key = OTHER_KEY if self.spoil == "other key" else self.key
        return self._spoiled(request, seal("dangol/enrolled/1", pack(answer), key))


def _payload(body: bytes) -> bytes:
    from loyalty_core.envelope import peek

    return peek(body, "dangol/enrol/1")[1]


def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
