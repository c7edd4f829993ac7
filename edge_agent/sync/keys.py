"""The till's secrets, never logged: its private key, the local HTTP face's token.

Files of mode 0600 in `data_dir`; where systemd hands over a credential of that name, it is read instead.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loyalty_core.errors import BadInput
from loyalty_shell.credentials import credential, write_secret

KEY_FILE: Final = "terminal.key"
TOKEN_FILE: Final = "http.token"
KEY_CREDENTIAL: Final = "dangol-edge.key"
TOKEN_CREDENTIAL: Final = "dangol-edge.http-token"


def private_key(data_dir: Path) -> bytes:
    """Return the raw private key.

    Raises:
        BadInput: `key_missing`.
    """
    path = credential(KEY_CREDENTIAL) or data_dir / KEY_FILE
    try:
        key = path.read_bytes()
    except OSError:
        key = b""
    if len(key) != 32:
        raise BadInput(
            f"the till's key {path} cannot be read: put it back, or replace the till", code="key_missing"
        )
    return key


def make_private_key(data_dir: Path) -> bytes:
    """Return this till's private key, made now unless an earlier attempt to join left one."""
    if (data_dir / KEY_FILE).exists():
        return private_key(data_dir)
    key = Ed25519PrivateKey.generate().private_bytes_raw()
    write_secret(data_dir / KEY_FILE, key)
    return key


def make_token(data_dir: Path) -> Path:
    """Make the bearer token of the local HTTP face unless there is one; return its file."""
    path = data_dir / TOKEN_FILE
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(32).encode() + b"\n")
    return path


def token(data_dir: Path) -> str:
    """Return the bearer token.

    Raises:
        BadInput: `token_missing`.
    """
    path = credential(TOKEN_CREDENTIAL) or data_dir / TOKEN_FILE
    try:
        return path.read_text("ascii").strip()
    except OSError:
        raise BadInput(f"the token {path} cannot be read: enrol this till", code="token_missing") from None
