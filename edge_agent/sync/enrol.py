"""Joining: the key is made here and never leaves; the invite code pins HQ's key, so that HQ is proven too."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import aiohttp

from edge_agent.store import enrolments, terminal
from edge_agent.store.database import Connection, StoreError, transaction
from edge_agent.sync import keys
from edge_agent.sync.belief import take_statements
from edge_agent.sync.exchange import PATH_ENROL, LinkError, check_url, post
from edge_agent.sync.install import keep_programme
from edge_agent.version import VERSION
from loyalty_core.envelope import key_id, open_sealed, peek, public_of, seal
from loyalty_core.errors import BadEnvelope, BadWire
from loyalty_core.invite import pin_of, read_code
from loyalty_core.key_statements import claimed_statement
from loyalty_core.messages import Again, Enrol, Enrolled, store_print
from loyalty_core.wire import pack, unpack


async def enrol(
    conn: Connection,
    session: aiohttp.ClientSession,
    data_dir: Path,
    hq_url: str,
    code: str,
    beside: Callable[[Connection], None] = lambda _: None,
) -> Enrolled:
    """Return what HQ said; the till's identity is durable then. Asking again after a lost answer is harmless.

    `beside` is done in the transaction in which the till joins.

    Raises:
        BadInput: `code_malformed`, `hq_url_invalid`.
        StoreError: `already_enrolled`.
        LinkError: HQ is absent or refuses (`invite_unknown`, `invite_expired`, `invite_used`), or is not
            the HQ that made the code (`hq_wrong_key`).
    """
    if terminal.is_enrolled(conn):
        raise StoreError(
            f"this till has joined already, as {terminal.read(conn).terminal_id}: where HQ knows it "
            "no more, has shut it out or dropped the key it believes, ask for a code for it and add --again",
            code="already_enrolled",
        )
    secret, pin = read_code(code)
    url = check_url(hq_url)
    key = keys.make_private_key(data_dir)
    nonce = secrets.token_bytes(16)
    request = Enrol(nonce=nonce, secret=secret, public_key=public_of(key), software=VERSION)
    answer = await post(session, url + PATH_ENROL, seal("dangol/enrol/1", pack(request), key))
    enrolled = _open(answer, pin, nonce)
    with transaction(conn):
        terminal.install(conn, enrolled, url)
        identity = terminal.read(conn)
        for data in enrolled.programmes:
            keep_programme(conn, identity, data)
        # Before the identity is kept: a till joins once, and its service waits for this file.
        keys.make_token(data_dir)
        beside(conn)
    return enrolled


async def enrol_again(
    conn: Connection, session: aiohttp.ClientSession, data_dir: Path, hq_url: str | None, code: str
) -> Enrolled:
    """Have HQ know this till again; return what it said.

    HQ was restored from before this till joined, has revoked it by mistake, or has dropped the key that this
    till believes: then the code proves the present one.

    Key, journal and all that is known here stay, and the service may run: it then hands in the whole journal.
    Asking again after a lost answer is harmless.

    Raises:
        BadInput: `code_malformed`, `hq_url_invalid`, `key_missing`.
        StoreError: `not_enrolled`.
        LinkError: HQ is absent or refuses (`invite_for_another`, `terminal_taken`, `store_differs`, and as
            for `enrol`), is not the HQ that made the code, or signs with a key that this till does not
            believe (`hq_wrong_key`).
    """
    identity = terminal.read(conn)
    secret, pin = read_code(code)
    url = check_url(hq_url or identity.hq_url)
    key, nonce = keys.private_key(data_dir), secrets.token_bytes(16)
    again = Again(identity.terminal_id, identity.epoch, store_print(identity.store_key))
    request = Enrol(nonce, secret, public_of(key), VERSION, again)
    answer = await post(session, url + PATH_ENROL, seal("dangol/enrol/1", pack(request), key))
    enrolled = _open(answer, pin, nonce)
    us = (identity.terminal_id, identity.store_id, identity.store_key)
    if (enrolled.terminal_id, enrolled.store_id, enrolled.store_key) != us:
        raise LinkError("the answer is about another till", code="hq_nonsense")
    with transaction(conn):
        take_statements(conn, enrolled.keys)
        if terminal.read(conn).hq_public_key != enrolled.hq_public_key:
            raise LinkError(
                "this till believes a key that HQ does not have: if it was restored with an older one, bring "
                "its key back, too; else replace the till",
                code="hq_wrong_key",
            )
        terminal.set_hq_url(conn, url)
        enrolments.set_sealing_key(conn, enrolled.sealing_public_key)
    return enrolled


def _open(data: bytes, pin: bytes, nonce: bytes) -> Enrolled:
    """Return the answer if the key that the code pins signed it: HQ's present one, or one before it."""
    try:
        claimed = unpack(peek(data, "dangol/enrolled/1")[1], Enrolled)
        named = [claimed.hq_public_key, *(claimed_statement(one).public_key for one in claimed.keys)]
        pinned = {key_id(public_key): public_key for public_key in named if pin_of(public_key) == pin}
        open_sealed(data, "dangol/enrolled/1", pinned)
        if claimed.nonce != nonce:
            raise BadEnvelope("not the answer to this request")
    except BadEnvelope:
        raise LinkError(
            "what answers is not the HQ that made this code: check the code, then the address",
            code="hq_wrong_key",
        ) from None
    except BadWire:
        raise LinkError("the answer is not one that this release understands", code="hq_nonsense") from None
    return claimed
