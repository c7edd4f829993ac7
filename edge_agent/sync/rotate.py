"""A new key for a till that has joined: made here, proven by the old one, and taken once HQ has it.

Whenever this is cut off it goes on, by the same command or by the service: HQ answers the same again.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import aiohttp

from edge_agent.store.terminal import Terminal
from edge_agent.sync import keys
from edge_agent.sync.exchange import PATH_ROTATE, LinkError, post
from loyalty_core.envelope import key_id, open_sealed, public_of, seal
from loyalty_core.errors import BadEnvelope, BadWire
from loyalty_core.messages import Rotate, Rotated
from loyalty_core.wire import pack, unpack


async def rotate(identity: Terminal, session: aiohttp.ClientSession, data_dir: Path) -> Rotated:
    """Return what HQ said; the new key is the till's then, durably. The old one is kept as the one before.

    Raises:
        BadInput: `key_missing`, `key_is_credential`, `key_busy`.
        LinkError: HQ is absent, refuses, or is not the one of this till.
    """
    with keys.alone(data_dir):
        new = keys.make_next_key(data_dir)
        rotated = await _ask(identity, session, keys.private_key(data_dir), new)
        keys.take_next(data_dir)
    return rotated


async def go_on(identity: Terminal, session: aiohttp.ClientSession, data_dir: Path) -> bool:
    """Tell HQ again which key follows which, where one was being changed, or was before HQ was restored.

    Tells whether there was one to tell of.

    Raises:
        BadInput: `key_busy`.
        LinkError: HQ is absent, refuses, or is not the one of this till.
    """
    with keys.alone(data_dir):
        following = keys.pairs(data_dir)
        for place, (old, new) in enumerate(following, start=1):
            try:
                await _ask(identity, session, old, new)
            except LinkError as error:
                if error.code != "terminal_unknown" or place == len(following):
                    raise
                continue
            if new != keys.private_key(data_dir):
                keys.take_next(data_dir)
            return True
    return False


async def _ask(identity: Terminal, session: aiohttp.ClientSession, old: bytes, new: bytes) -> Rotated:
    nonce = secrets.token_bytes(16)
    asked = Rotate(nonce, identity.terminal_id, public_of(new))
    data = await post(session, identity.hq_url + PATH_ROTATE, seal("dangol/rotate/1", pack(asked), old, new))
    hq = {key_id(identity.hq_public_key): identity.hq_public_key}
    try:
        said = unpack(open_sealed(data, "dangol/rotated/1", hq), Rotated)
    except BadEnvelope:
        raise LinkError("the answer is not signed by HQ's key", code="hq_wrong_key") from None
    except BadWire:
        raise LinkError("the answer is not one that this release understands", code="hq_nonsense") from None
    if (said.nonce, said.terminal_id, said.public_key) != (nonce, asked.terminal_id, asked.public_key):
        raise LinkError("the answer is to another request", code="hq_stale")
    return said
