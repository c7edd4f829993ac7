"""One round trip with HQ: what goes into the request, and the road over HTTP. Decides nothing."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from msgspec import Meta

from edge_agent import signed_programmes
from edge_agent.config import Sync
from edge_agent.store import enrolments, journal, members, outbox, programmes, technicians
from edge_agent.store.database import Connection
from edge_agent.store.journal import Head
from edge_agent.store.outbox import Link
from edge_agent.store.terminal import Terminal
from edge_agent.sync.codes import known as known_code
from edge_agent.sync.load import Load, lacking, load_from, with_next
from loyalty_core.envelope import key_id, seal
from loyalty_core.errors import BadInput, LoyaltyError, printable
from loyalty_core.messages import (
    OLDER_MAX,
    PROGRAMMES_MAX,
    Ask,
    Clock,
    Cursors,
    Ended,
    Exchange,
    Health,
    Wanted,
)
from loyalty_core.wire import MESSAGE_BYTES_MAX, pack

PATH_EXCHANGE: Final = "/v1/exchange"
PATH_ENROL: Final = "/v1/enrol"
PATH_ROTATE: Final = "/v1/rotate"
PROBLEM_BYTES_MAX: Final = 64 * 1024
SEALED_AGAIN_MAX: Final = 32
"""So many new members of whom HQ has not told go again with an exchange that brings no records."""
SENTENCE_MAX: Final = 400
"""Letters of what is told of an answer."""
RETRY_AFTER_MS_MAX: Final = 3_600_000
"""The longest that HQ may send a till away for: an hour."""


class LinkError(LoyaltyError):
    """HQ did not answer as it should; the till goes on alone. `retry_after_ms` is what HQ asked for.

    The sentence may be that of whoever answers at HQ's address: it is bounded, and steers no terminal.
    """

    code = "hq_unreachable"

    def __init__(self, sentence: str, *, code: str, retry_after_ms: int = 0) -> None:
        super().__init__(printable(sentence)[:SENTENCE_MAX], code=code)
        self.retry_after_ms = retry_after_ms


class _Problem(msgspec.Struct):
    code: Annotated[str, Meta(pattern=r"\A[a-z_]{1,64}\Z")] = ""
    detail: str = ""


def request(
    conn: Connection,
    identity: Terminal,
    settings: Sync,
    *,
    key: bytes,
    nonce: bytes,
    clock: Callable[[], Clock],
    health: Health,
    asks: tuple[Ask, ...] = (),
    batches: int | None = None,
    ready: Load | None = None,
) -> tuple[bytes, Load]:
    """Return the signed exchange with the oldest records that wait, and its load.

    It carries as many `batches` as the settings let it if not told otherwise, those that are `ready` first.
    """
    most = settings.batches if batches is None else batches
    load = load_from(lacking(conn))
    if ready is not None and ready.begins == load.begins and len(ready.batches) <= most:
        load = ready
    for _ in range(len(load.batches), most):
        load = with_next(conn, identity, settings, load, key=key, clock=clock)
    said = load
    if not load.batches:  # HQ may have set records aside which it reads by now, and not what they seal
        said = msgspec.structs.replace(load, sealed=enrolments.untold(conn, SEALED_AGAIN_MAX))
    return signed(conn, identity, said, key=key, nonce=nonce, health=health, asks=asks), load


def signed(
    conn: Connection,
    identity: Terminal,
    load: Load,
    *,
    key: bytes,
    nonce: bytes,
    health: Health,
    asks: tuple[Ask, ...] = (),
    wants: Wanted | None = None,
    held: Head | None = None,
) -> bytes:
    """Return the signed exchange that carries a load, whatever the road.

    By its head HQ knows whose journal it is; one that asks for records back says what
    HQ is known to have `held`.
    """
    head, known, link = held or journal.head(conn, identity), members.cursors(conn), outbox.link(conn)
    said = Exchange(
        nonce=nonce,
        terminal_id=identity.terminal_id,
        epoch=identity.epoch,
        head=head.seq,
        head_hash=head.hash,
        cursors=Cursors(
            signed_programmes.known(conn), tuple(known.get(b, 0) for b in range(identity.buckets))
        ),
        batches=load.batches,
        asks=asks,
        health=health,
        lacks=link.lacks,
        programmes=_handed_back(conn, link),
        hq_key=key_id(identity.hq_public_key),
        programme_key=key_id(identity.programme_public_key),
        wants=wants,
        older=ended(conn, identity),
        incarnation=identity.incarnation,
        technicians=technicians.read(conn).version,
        sealed=load.sealed,
    )
    return seal("dangol/exchange/1", pack(said), key)


def ended(conn: Connection, identity: Terminal) -> tuple[Ended, ...]:
    """Return how the earlier epochs of this till's journal ended, in order: by it HQ knows whose they are."""
    older = [epoch for epoch, branch in journal.epochs(conn) if branch == 0 and epoch < identity.epoch]
    heads = {epoch: journal.head(conn, identity, epoch) for epoch in older[-OLDER_MAX:]}
    return tuple([Ended(epoch, head.seq, head.hash) for epoch, head in heads.items()])


def _handed_back(conn: Connection, link: Link) -> tuple[bytes, ...]:
    """Return the oldest programme versions that HQ has lost, as many as a request takes."""
    if link.programmes_above is None:
        return ()
    return tuple(programmes.above(conn, link.programmes_above, PROGRAMMES_MAX))


def check_url(url: str) -> str:
    """Return HQ's address without a trailing slash.

    Raises:
        BadInput: `hq_url_invalid`: no https, unless it is this machine.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    try:
        local = parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = False
    if not parts.hostname or parts.scheme not in {"https", "http"} or (parts.scheme == "http" and not local):
        raise BadInput(
            f'HQ\'s address "{url}" must begin with https:// (plain http only to this machine)',
            code="hq_url_invalid",
        )
    return url.rstrip("/")


def open_session(settings: Sync) -> aiohttp.ClientSession:
    """Return a session that trusts the system's authorities, or the pinned file alone.

    Raises:
        BadInput: `ca_file_unreadable`.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=True if settings.ca_file is None else trusted(settings), limit=2),
        timeout=aiohttp.ClientTimeout(total=settings.timeout_ms / 1000),
        auto_decompress=False,
        # Whoever answers could have the till keep and send back as many as it likes.
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def trusted(settings: Sync) -> ssl.SSLContext:
    """Return what a certificate of HQ's is judged by.

    Raises:
        BadInput: `ca_file_unreadable`.
    """
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise BadInput(
            f"sync.ca_file {settings.ca_file} cannot be used ({type(error).__name__})",
            code="ca_file_unreadable",
        ) from None


async def post(session: aiohttp.ClientSession, url: str, body: bytes) -> bytes:
    """Return HQ's answer to a signed request; it is not believed yet.

    Raises:
        LinkError: HQ is absent, slow, refuses, or answers nonsense; one sentence each.
    """
    try:
        async with session.post(
            url,
            data=body,
            headers={"Content-Type": "application/octet-stream"},
            allow_redirects=False,
        ) as response:
            if response.status == 200:
                return await _bounded(response, MESSAGE_BYTES_MAX)
            raise _refused(response, await _bounded(response, PROBLEM_BYTES_MAX))
    except TimeoutError:
        raise LinkError("HQ did not answer in time", code="hq_timeout") from None
    except aiohttp.ClientConnectorDNSError:
        raise LinkError("HQ's name is not known on this network", code="hq_name_unknown") from None
    except aiohttp.ClientSSLError:
        raise LinkError("HQ's certificate is not trusted here", code="hq_certificate") from None
    except (aiohttp.ClientError, OSError) as error:
        raise LinkError(f"HQ cannot be reached ({type(error).__name__})", code="hq_unreachable") from None


async def _bounded(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > bytes_max:
            raise LinkError("HQ's answer is larger than any answer can be", code="hq_nonsense")
    return bytes(data)


def _refused(response: aiohttp.ClientResponse, body: bytes) -> LinkError:
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = _Problem()
    seconds = response.headers.get("Retry-After", "")
    asked_ms = int(seconds) * 1000 if seconds.isdecimal() and len(seconds) < 6 else 0
    retry_after_ms = min(asked_ms, RETRY_AFTER_MS_MAX)
    if not problem.code:
        return LinkError(
            f"what answers at HQ's address is not HQ (status {response.status})",
            code="hq_nonsense",
            retry_after_ms=retry_after_ms,
        )
    return LinkError(
        f"HQ says: {problem.detail}", code=known_code(problem.code), retry_after_ms=retry_after_ms
    )
