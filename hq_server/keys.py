"""HQ's private keys where they lie: 32 raw bytes in files that only their owner reads, or credentials.

Key 1 of a kind is the file of the settings (`hq.key`, `programme.key`), key n lies beside it as `hq-n.key`.
Which of them is the present one is said by the database, by the public half: a file that is there too early
does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hq_server.config import HqConfig
from loyalty_core.envelope import public_of
from loyalty_core.errors import LoyaltyError
from loyalty_core.key_statements import Kind
from loyalty_shell.credentials import credential, write_secret

KEY_BYTES: Final = 32
CREDENTIALS: Final[dict[Kind, tuple[str, ...]]] = {
    "server": ("dangol-hq.key", "dangol-hq.old-key"),
    "programme": ("dangol-hq.programme-key",),
}
"""What systemd may hand over: the present server key and an older one, and the programme key."""


class BadKeyFile(LoyaltyError):
    """A key of HQ's cannot be used as it lies there, or is not there: `key_missing`."""

    code = "key_unreadable"


def make_key(path: Path) -> bytes:
    """Write a new private key and return it.

    Raises:
        FileExistsError: there is one.
    """
    key = Ed25519PrivateKey.generate().private_bytes_raw()
    write_secret(path, key)
    return key


def read_key(path: Path, *, handed: bool = False) -> bytes:
    """Return the private key in a file; `handed` if systemd handed it over.

    Raises:
        BadKeyFile: missing, readable by others, or not a key.
    """
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


def key_file(config: HqConfig, kind: Kind, number: int) -> Path:
    """Return where the key of this number is, or is made."""
    first = config.key_path if kind == "server" else config.programme_key_path
    return first if number == 1 else first.with_stem(f"{first.stem}-{number}")


def key_files(config: HqConfig, kind: Kind) -> dict[int, Path]:
    """Return the files of this kind that are there by number, in order."""
    first = key_file(config, kind, 1)
    later = [
        (int(path.stem.removeprefix(first.stem + "-")), path)
        for path in first.parent.glob(f"{first.stem}-*{first.suffix}")
        if path.stem.removeprefix(first.stem + "-").isdecimal()
    ]
    return ({1: first} if first.exists() else {}) | dict(sorted(later))


def keys_in_reach(config: HqConfig, kind: Kind) -> Iterator[tuple[bytes, Path]]:
    """Yield every private key of a kind and where it lies, credentials first.

    Raises:
        BadKeyFile: one of them is readable by others, or not a key.
    """
    for name in CREDENTIALS[kind]:
        handed = credential(name)
        if handed is not None:
            yield read_key(handed, handed=True), handed
    for path in key_files(config, kind).values():
        yield read_key(path), path


def private_key(config: HqConfig, kind: Kind, public_key: bytes) -> bytes | None:
    """Return the private half of a key; None where it is not in reach.

    The programme key of a house that has only one is its server key.

    Raises:
        BadKeyFile: a file is readable by others, or not a key.
    """
    kinds: tuple[Kind, ...] = ("server",) if kind == "server" else ("programme", "server")
    for one in kinds:
        for key, _ in keys_in_reach(config, one):
            if public_of(key) == public_key:
                return key
    return None
