"""Personal data that only headquarters can read: sealed to its X25519 key, and named in a journal by a hash.

    shared = X25519(ephemeral private, HQ's public)
    key    = HKDF-SHA256(shared, info = "dangol/sealed/1" || ephemeral public || HQ's public)
    blob   = ephemeral public || ChaCha20-Poly1305(key, nonce 0, PersonalData)

An ephemeral key seals once, so that its nonce is never used again. The record holds SHA-256 of a salt and the
blob alone: without both of them nothing can be learned from it, nor of two records whether they are alike.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

from msgspec import Meta

from loyalty_core.errors import LoyaltyError
from loyalty_core.events import AtMs, Count, SomeText, Text
from loyalty_core.wire import Message, pack, unpack

SEALED_BYTES_MAX: Final = 4096
SALT_BYTES: Final = 32
CARDS_MAX: Final = 7
"""With a phone they are the eight look-ups that an enrolment names at most."""
_KEY_BYTES: Final = 32
_NONCE: Final = bytes(12)

ConsentLanguage = Literal["", "ko", "en"]


class BadSeal(LoyaltyError):
    """A blob that was not sealed to this key, or was changed since."""

    code = "seal_broken"


class PersonalData(Message, frozen=True):
    """Who enrolled, and to what text they agreed. `phone` is E.164 or empty, `cards` are without `card:`.

    `birthday` is a day number. `consent_version` is 0 where the programme has published no text.
    """

    name: SomeText
    phone: Text
    cards: Annotated[tuple[SomeText, ...], Meta(max_length=CARDS_MAX)]
    birthday: Annotated[int, Meta(ge=-25567, le=47482)] | None
    consent_version: Count
    consent_language: ConsentLanguage
    consented_at_ms: AtMs

    @property
    def look_ups(self) -> tuple[str, ...]:
        """The phone first, then the cards, each in its look-up form."""
        phones = [f"phone:{self.phone}"] if self.phone else []
        return (*phones, *[f"card:{card}" for card in self.cards])


def sealing_public_of(private_key: bytes) -> bytes:
    """Return the raw public key of a raw X25519 private key."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def seal_to(public_key: bytes, person: PersonalData, ephemeral: bytes) -> bytes:
    """Return a person sealed to this public key by 32 random bytes that were used for nothing before.

    Raises:
        BadSeal: the public key is none that anything can be sealed to.
    """
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    own = sealing_public_of(ephemeral)
    key = _key(ephemeral, public_key, own, public_key)
    return own + ChaCha20Poly1305(key).encrypt(_NONCE, pack(person), None)


def unseal(private_key: bytes, blob: bytes) -> PersonalData:
    """Return the person that was sealed to this private key's public half.

    Raises:
        BadSeal: it was sealed to another key, changed or cut since, or is too large.
        BadWire: what was sealed is no personal data.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    sender, sealed = blob[:_KEY_BYTES], blob[_KEY_BYTES:]
    if len(sender) < _KEY_BYTES or len(blob) > SEALED_BYTES_MAX:
        raise BadSeal(f"{len(blob)} bytes are not what personal data is sealed in")
    key = _key(private_key, sender, sender, sealing_public_of(private_key))
    try:
        plain = ChaCha20Poly1305(key).decrypt(_NONCE, sealed, None)
    except InvalidTag:
        raise BadSeal("it was sealed to another key, or changed since") from None
    return unpack(plain, PersonalData)


def sealed_hash(salt: bytes, blob: bytes) -> bytes:
    """Return the 32 bytes by which a record names a sealed blob; the salt travels with the blob."""
    return hashlib.sha256(b"dangol/sealed/1" + salt + blob).digest()


def _key(private_key: bytes, their_public_key: bytes, ephemeral: bytes, headquarters: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    own = X25519PrivateKey.from_private_bytes(private_key)
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(their_public_key))
    except ValueError:
        raise BadSeal("the public key is none that anything can be sealed to") from None
    info = b"dangol/sealed/1" + ephemeral + headquarters
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(shared)
