"""The connection test: step by step to HQ, and which step fails. The last steps are a real exchange."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from edge_agent.clock import Clock
from edge_agent.config import Sync
from edge_agent.store import outbox, terminal
from edge_agent.store.database import Connection
from edge_agent.store.writer import Reader
from edge_agent.sync.exchange import LinkError, trusted
from edge_agent.sync.loop import SyncLoop

T = TypeVar("T")
STEP_SECONDS: Final = 8.0
"""The longest that name, TCP and TLS may take each."""
CLOCK_TOLERANCE_MS: Final = 5 * 60_000
"""A clock that is off by more is said to be wrong; HQ has a tolerance of its own."""
Name = Literal["name", "tcp", "tls", "answer", "key", "approval", "clock"]
STEPS: Final[tuple[Name, ...]] = ("name", "tcp", "tls", "answer", "key", "approval", "clock")
State = Literal["ok", "failed", "skipped"]
_OF_KEY: Final = frozenset(
    {"hq_wrong_key", "key_unknown", "key_retired", "key_exposed", "key_missing", "envelope_invalid"}
)
_OF_APPROVAL: Final = frozenset(
    {"terminal_pending", "terminal_revoked", "terminal_replaced", "terminal_unknown", "terminal_taken"}
)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How a step went and how long it took; `code` and `sentence` say why it failed, or what it found."""

    name: Name
    state: State
    ms: int = 0
    code: str = ""
    sentence: str = ""
    offset_ms: int | None = None


async def probe(settings: Sync, clock: Clock, reader: Reader, loop: SyncLoop) -> AsyncIterator[Step]:
    """Yield each step as it is done, all of `STEPS` in order; what comes after one that failed is skipped.

    Raises:
        StoreError: the store cannot be read.
    """
    identity = await reader.do(terminal.read)
    parts = urlsplit(identity.hq_url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    done: list[Name] = []
    async for step in _steps(settings, clock, reader, loop, host, port, tls=parts.scheme == "https"):
        done.append(step.name)
        yield step
    for name in STEPS:
        if name not in done:
            yield Step(name=name, state="skipped")


async def _steps(
    settings: Sync, clock: Clock, reader: Reader, loop: SyncLoop, host: str, port: int, *, tls: bool
) -> AsyncIterator[Step]:
    name, found = await _timed("name", clock, _resolved(host, port))
    yield name
    if not found:
        return
    tcp, _ = await _timed("tcp", clock, _connected(host, port, None))
    yield tcp
    if tcp.state == "failed":
        return
    if tls:
        secured, _ = await _timed("tls", clock, _connected(host, port, trusted(settings)))
        yield secured
        if secured.state == "failed":
            return
    else:
        yield Step(name="tls", state="skipped", code="same_machine", sentence="HQ is on this machine")
    began_ms = clock.monotonic_ms()
    error = await loop.try_now()
    ms = clock.monotonic_ms() - began_ms
    if error is not None and error.code not in _OF_KEY | _OF_APPROVAL:
        yield Step(name="answer", state="failed", ms=ms, code=error.code, sentence=str(error))
        return
    yield Step(name="answer", state="ok", ms=ms)
    if error is not None and error.code in _OF_KEY:
        yield Step(name="key", state="failed", code=error.code, sentence=str(error))
        return
    yield Step(name="key", state="ok")
    if error is not None:
        yield Step(name="approval", state="failed", code=error.code, sentence=str(error))
        return
    yield Step(name="approval", state="ok")
    yield await reader.do(_clock_step)


def _clock_step(conn: Connection) -> Step:
    link = outbox.link(conn)
    if link.answered_at_ms is None or link.hq_time_ms is None:
        return Step(name="clock", state="skipped")
    offset_ms = link.answered_at_ms - link.hq_time_ms
    if abs(offset_ms) <= CLOCK_TOLERANCE_MS:
        return Step(name="clock", state="ok", offset_ms=offset_ms)
    sentence = (
        f"this till's clock is {abs(offset_ms) // 1000} s {'ahead' if offset_ms > 0 else 'behind'}: set it"
    )
    return Step(name="clock", state="failed", code="clock_off", sentence=sentence, offset_ms=offset_ms)


async def _timed(name: Name, clock: Clock, work: Awaitable[None]) -> tuple[Step, bool]:
    began_ms = clock.monotonic_ms()
    code = sentence = ""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            await work
    except TimeoutError:
        code, sentence = f"{name}_slow", f"nothing came within {STEP_SECONDS:.0f} s"
    except LinkError as error:
        code, sentence = error.code, str(error)
    ms = clock.monotonic_ms() - began_ms
    return Step(name=name, state="failed" if code else "ok", ms=ms, code=code, sentence=sentence), not code


async def _resolved(host: str, port: int) -> None:
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise LinkError(
            f"the name {host} is not known on this network: check the cable, the router, the name",
            code="hq_name_unknown",
        ) from None


async def _connected(host: str, port: int, context: ssl.SSLContext | None) -> None:
    try:
        _, writer = await asyncio.open_connection(
            host, port, ssl=context, server_hostname=None if context is None else host
        )
    except ssl.SSLCertVerificationError as error:
        raise LinkError(
            f"HQ's certificate is not trusted here ({error.verify_message}): check the clock, then the "
            "certificate or sync.ca_file",
            code="hq_certificate",
        ) from None
    except ssl.SSLError as error:
        raise LinkError(f"no TLS with what answers there ({error.reason})", code="hq_tls") from None
    except OSError as error:
        raise LinkError(
            f"no connection to port {port} ({error.strerror or type(error).__name__}): check the line, a "
            "firewall, and whether HQ runs",
            code="hq_unreachable",
        ) from None
    writer.close()
    with suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
