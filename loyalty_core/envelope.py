"""Sign and open exact bytes: DSSE pre-authentication encoding with Ed25519.

    PAE = "DSSEv1" SP len(type) SP type SP len(payload) SP payload
    envelope = msgpack [1, type, payload, [[key_id, signature], ...]]

Verification comes first, over the bytes received; decoding the payload is the caller's next step. The
algorithm is fixed. A signature is never an identifier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Annotated, Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta

from loyalty_core.errors import BadEnvelope, UnknownKey
from loyalty_core.wire import MESSAGE_BYTES_MAX, Shape, pack, unpack

PayloadType = Literal[
    "dangol/batch/1",
    "dangol/exchange/1",
    "dangol/reply/1",
    "dangol/receipt/1",
    "dangol/programme/1",
    "dangol/coupon/1",
    "dangol/enrol/1",
    "dangol/enrolled/1",
    "dangol/keys/1",
    "dangol/rotate/1",
    "dangol/rotated/1",
    "dangol/pass/1",
    "dangol/coupon/1",
]
SIGNATURES_MAX: Final = 4
_ITEMS_MAX: Final = 64
"""Far above what an envelope holds: a stranger's bytes are unpacked before they are verified."""


class _Signature(Shape, frozen=True):
    key_id: Annotated[bytes, Meta(min_length=8, max_length=8)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


class _Envelope(Shape, frozen=True):
    version: Literal[1]
    type: Annotated[str, Meta(max_length=32)]
    payload: bytes
    signatures: tuple[_Signature, ...]


def key_id(public_key: bytes) -> bytes:
    """Return the 8 bytes by which a raw Ed25519 public key is named."""
    return hashlib.sha256(b"dangol/key/1" + public_key).digest()[:8]


def fingerprint(public_key: bytes) -> str:
    """Return the key's name as people compare it: four groups of four hex digits."""
    text = key_id(public_key).hex()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def public_of(private_key: bytes) -> bytes:
    """Return the raw public key of a raw private key."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def seal(payload_type: PayloadType, payload: bytes, *private_keys: bytes) -> bytes:
    """Return the envelope of these exact payload bytes, signed by up to `SIGNATURES_MAX` raw private keys."""
    message = _pae(payload_type, payload)
    signers = [_signer(private_key) for private_key in private_keys]
    signatures = tuple([_Signature(named, key.sign(message)) for key, named in signers])
    return pack(_Envelope(1, payload_type, payload, signatures))


def peek(
    data: bytes, payload_type: PayloadType, *, bytes_max: int = MESSAGE_BYTES_MAX
) -> tuple[tuple[bytes, ...], bytes]:
    """Return the key ids and the payload that an envelope of this type names, verifying nothing.

    For finding the key to verify with, and for bytes that were verified before they were kept.

    Raises:
        BadWire: these bytes are no envelope.
        BadEnvelope: another type.
    """
    envelope = _opened(data, payload_type, bytes_max)
    return tuple([signed.key_id for signed in envelope.signatures]), envelope.payload


def open_sealed(
    data: bytes,
    payload_type: PayloadType,
    keys: Mapping[bytes, bytes],
    *,
    bytes_max: int = MESSAGE_BYTES_MAX,
) -> bytes:
    """Return the payload bytes of an envelope of this type that one of `keys` (id -> raw public key) signed.

    Raises:
        BadWire: these bytes are no envelope.
        UnknownKey: none of its signatures names a key that we know.
        BadEnvelope: another type, or a signature that does not hold.
    """
    envelope = _opened(data, payload_type, bytes_max)
    message = _pae(envelope.type, envelope.payload)
    known = [s for s in envelope.signatures if s.key_id in keys]
    if not known:
        raise UnknownKey("the envelope is signed by a key that is not known here")
    for signed in known:
        try:
            Ed25519PublicKey.from_public_bytes(keys[signed.key_id]).verify(signed.signature, message)
        except InvalidSignature:
            raise BadEnvelope("the signature does not fit the bytes") from None
    return envelope.payload


def countersign(data: bytes, payload_type: PayloadType, kept: Collection[bytes], private_key: bytes) -> bytes:
    """Return the envelope with its signatures of the keys with these ids alone, and one of this key.

    Nothing is verified: it is for envelopes of one's own.

    Raises:
        BadWire, BadEnvelope: these bytes are no envelope of this type.
    """
    envelope = _opened(data, payload_type, MESSAGE_BYTES_MAX)
    key, named = _signer(private_key)
    signed = tuple([one for one in envelope.signatures if one.key_id in kept and one.key_id != named])
    own = _Signature(named, key.sign(_pae(envelope.type, envelope.payload)))
    return pack(_Envelope(1, envelope.type, envelope.payload, (*signed, own)))


@lru_cache(maxsize=8)
def _signer(private_key: bytes) -> tuple[Ed25519PrivateKey, bytes]:
    """Return the key and its id: to make a key of its bytes costs as much as a signature."""
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    return key, key_id(key.public_key().public_bytes_raw())


def _opened(data: bytes, payload_type: PayloadType, bytes_max: int) -> _Envelope:
    envelope = unpack(data, _Envelope, bytes_max=bytes_max, items_max=_ITEMS_MAX)
    if envelope.type != payload_type:
        raise BadEnvelope(f'an envelope of type "{payload_type}" was expected')
    if not 1 <= len(envelope.signatures) <= SIGNATURES_MAX:
        raise BadEnvelope(f"an envelope carries 1 to {SIGNATURES_MAX} signatures")
    if len({signed.key_id for signed in envelope.signatures}) < len(envelope.signatures):
        raise BadEnvelope("a key signs an envelope once")
    return envelope


def _pae(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
