"""HQ's copy of records that this till can no longer read: its own signed batches, believed by their chain."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import aiohttp
import msgspec

from edge_agent.config import EdgeConfig
from edge_agent.store import outbox
from edge_agent.store.database import Connection
from edge_agent.store.journal import Head
from edge_agent.store.terminal import Terminal
from edge_agent.sync import exchange, keys
from edge_agent.sync.epochs import untrusted
from edge_agent.sync.exchange import PATH_EXCHANGE, LinkError
from edge_agent.sync.install import check_life, open_reply
from edge_agent.sync.load import load_from
from edge_agent.version import VERSION
from loyalty_core.envelope import key_id, open_sealed, peek
from loyalty_core.errors import BadEnvelope, BadWire
from loyalty_core.journal import first_hash
from loyalty_core.messages import Acknowledgement, Batch, Health, Reply, Wanted, unpack_records
from loyalty_core.units import Seq
from loyalty_core.wire import unpack

REQUESTS_MAX = 1000
"""The most requests that one repair makes."""


class Held(msgspec.Struct):
    """What HQ has said that it holds of this till: by epoch how far, and of records that were asked for.

    It was `heard` also where it holds nothing; nothing is lost before.
    """

    heads: dict[int, Acknowledgement]
    records: dict[tuple[int, int], bytes]
    heard: bool = False


async def copies_of(
    conn: Connection, config: EdgeConfig, identity: Terminal, damaged: Sequence[tuple[int, int]]
) -> Held:
    """Return HQ's copies of the (epoch, seq) that are damaged, as far as it holds them.

    Raises:
        LinkError: HQ does not answer, or not as it should; or it is an older copy of its database, or has
            other records of this till: what such a HQ does not hold is not lost; or (`batch_archived`) it
            has put them away.
    """
    held = Held({}, {})
    async with exchange.open_session(config.sync) as session:
        for _ in range(REQUESTS_MAX):
            wanted = _next(damaged, held)
            if wanted is None and held.heard:
                break
            reply = await _ask(conn, session, config, identity, wanted)
            before = len(held.records)
            _take(held, identity, reply)
            if wanted is None or len(held.records) == before:
                break
    return held


async def programmes_of(conn: Connection, config: EdgeConfig, identity: Terminal) -> tuple[bytes, ...]:
    """Return the programme versions that HQ sends to a till which has none from the first missing one on.

    Raises:
        LinkError: HQ does not answer, or not as it should.
    """
    async with exchange.open_session(config.sync) as session:
        return (await _ask(conn, session, config, identity, None)).programmes


def _next(damaged: Sequence[tuple[int, int]], held: Held) -> Wanted | None:
    """Return the first run that is damaged and that HQ has not sent yet."""
    run: list[tuple[int, int]] = []
    for epoch, seq in damaged:
        if (epoch, seq) in held.records:
            continue
        if run and (epoch, seq - 1) != run[-1]:
            break
        run.append((epoch, seq))
    return Wanted(run[0][0], run[0][1], run[-1][1]) if run else None


async def _ask(
    conn: Connection,
    session: aiohttp.ClientSession,
    config: EdgeConfig,
    identity: Terminal,
    wanted: Wanted | None,
) -> Reply:
    nonce = secrets.token_bytes(16)
    none = Head(Seq(0), first_hash(identity.terminal_id, identity.epoch))
    body = exchange.signed(
        conn,
        identity,
        load_from({}),
        key=keys.private_key(config.data_dir),
        nonce=nonce,
        health=Health(VERSION, 0, 0, 0),
        wants=wanted,
        held=outbox.held(conn, identity.epoch) or none,
    )
    data = await exchange.post(session, identity.hq_url + PATH_EXCHANGE, body)
    return open_reply(data, identity, nonce)


def _take(held: Held, identity: Terminal, reply: Reply) -> None:
    """Note what a reply holds. Whether a batch is this till's own is told by the chain, whose end HQ signed.

    The key that signed it may be one that the till has no more.
    """
    check_life(identity, reply)
    hq = {key_id(identity.hq_public_key): identity.hq_public_key}
    if (code := untrusted(reply.refusals, identity.epoch)) == "fork":
        raise LinkError(
            "HQ holds other records of this till: start the agent until it is in order with HQ", code=code
        )
    for refusal in reply.refusals:
        if refusal.code == "batch_archived":
            raise LinkError(
                "HQ has records that are needed in its archive: have it bring them back, then try again",
                code=refusal.code,
            )
    held.heard = True
    try:
        for data in reply.receipts:
            said = unpack(open_sealed(data, "dangol/receipt/1", hq), Acknowledgement)
            if said.terminal_id == identity.terminal_id:
                held.heads[said.epoch] = said
        for data in reply.returned:
            batch = unpack(peek(data, "dangol/batch/1")[1], Batch)
            if batch.terminal_id == identity.terminal_id:
                for seq, record in enumerate(unpack_records(batch.packed), start=batch.first_seq):
                    held.records[batch.epoch, seq] = record
    except (BadEnvelope, BadWire):
        raise LinkError("HQ sent back what is no batch", code="hq_nonsense") from None
