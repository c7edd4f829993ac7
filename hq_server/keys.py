"""HQ's private key: 32 raw bytes in a file that only its owner reads, or a credential of systemd's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loyalty_core.errors import LoyaltyError
from loyalty_shell.credentials import credential, write_secret

KEY_BYTES: Final = 32
KEY_CREDENTIAL: Final = "dangol-hq.key"


class BadKeyFile(LoyaltyError):
    """HQ's key cannot be used as it lies there."""

    code = "key_unreadable"


def make_key(path: Path) -> bytes:
    """Write a new private key and return it.

    Raises:
        FileExistsError: there is one.
    """
    key = Ed25519PrivateKey.generate().private_bytes_raw()
    write_secret(path, key)
    return key


def read_key(path: Path) -> bytes:
    """Return HQ's private key: from its credential where systemd hands one over, else from the file.

    Raises:
        BadKeyFile: missing, readable by others, or not a key.
    """
    handed = credential(KEY_CREDENTIAL)
    path = handed or path
    try:
        mode, key = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise BadKeyFile(f"HQ's key {path} cannot be read ({error.strerror})") from None
    # Of a credential the group's bits show the access list by which systemd lets the service read it.
    if mode & 0o077 and not handed:
        raise BadKeyFile(f"HQ's key {path} is open to others: chmod 600 it", code="key_exposed")
    if len(key) != KEY_BYTES:
        raise BadKeyFile(f"HQ's key {path} is not {KEY_BYTES} bytes long: restore it from the backup")
    return key
