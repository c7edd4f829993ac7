"""The till's secrets, never logged: its private key, the local HTTP face's token.

Files of mode 0600 in `data_dir`; where systemd hands over a credential of that name, it is read instead.
Beside the key may lie the next one, which HQ has not confirmed yet, and the one before, by which a HQ
that was restored knows this till. Whenever the till dies, one of them is known to HQ.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loyalty_core.errors import BadInput
from loyalty_shell.credentials import credential, is_written, write_secret
from loyalty_shell.data_dir import make_durable

KEY_FILE: Final = "terminal.key"
NEXT_FILE: Final = "terminal-next.key"
BEFORE_FILE: Final = "terminal-before.key"
TURN_FILE: Final = "terminal.key-turn"
"""Whoever changes the key holds a lock on it; it holds nothing."""
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
    if is_written(data_dir / KEY_FILE):
        return private_key(data_dir)
    key = Ed25519PrivateKey.generate().private_bytes_raw()
    write_secret(data_dir / KEY_FILE, key)
    return key


@contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """Let nobody else change this till's key meanwhile; ends with the process, however that ends.

    Raises:
        BadInput: `key_busy`.
    """
    file = os.open(data_dir / TURN_FILE, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"another edge-agent enrol or rotate-key is at work in {data_dir}: wait until it has ended",
                code="key_busy",
            ) from None
        yield
    finally:
        os.close(file)


def make_next_key(data_dir: Path) -> bytes:
    """Return the key that is to follow, made now unless an earlier attempt left it.

    Raises:
        BadInput: `key_is_credential`.
    """
    handed = credential(KEY_CREDENTIAL)
    if handed is not None:
        raise BadInput(
            f"the till's key is the credential {handed}, which no command can change: move it back to "
            f"{data_dir / KEY_FILE}, rotate it, and move it again",
            code="key_is_credential",
        )
    path = data_dir / NEXT_FILE
    if not is_written(path):
        write_secret(path, Ed25519PrivateKey.generate().private_bytes_raw())
    return path.read_bytes()


def pairs(data_dir: Path) -> list[tuple[bytes, bytes]]:
    """Return keys with the one that follows each, of which HQ may know the former alone: the latest first."""
    found = []
    for old, new in ((KEY_FILE, NEXT_FILE), (BEFORE_FILE, KEY_FILE)):
        if (data_dir / old).exists() and is_written(data_dir / new):
            found.append(((data_dir / old).read_bytes(), (data_dir / new).read_bytes()))
    return found


def has_next(data_dir: Path) -> bool:
    """Tell whether a change of key was begun."""
    return (data_dir / NEXT_FILE).exists()


def take_next(data_dir: Path) -> None:
    """Make the next key the present one, and that the one before. Durable; harmless where there is none."""
    fresh = data_dir / f"{BEFORE_FILE}.new"
    if (data_dir / NEXT_FILE).exists():
        fresh.unlink(missing_ok=True)
        os.link(data_dir / KEY_FILE, fresh)
        fresh.replace(data_dir / BEFORE_FILE)
        (data_dir / NEXT_FILE).replace(data_dir / KEY_FILE)
        make_durable(data_dir)


def make_token(data_dir: Path) -> Path:
    """Make the bearer token of the local HTTP face unless there is one; return its file."""
    path = data_dir / TOKEN_FILE
    if not is_written(path):
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
