"""HQ's keys in a backup and after a restore: none is lost, and none of this machine is written over.

Where a key was rotated after the backup, the restored database is told of the later key, as tills know it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from hq_server import key_book
from hq_server.config import HqConfig
from hq_server.key_book import KINDS
from hq_server.keys import CREDENTIALS, BadKeyFile, key_file, key_files, read_key
from hq_server.staff import totp
from hq_server.store.connection import Transaction
from hq_server.store.sqlite.copies import BadBackup, Note
from loyalty_core.envelope import public_of
from loyalty_core.key_statements import Kind
from loyalty_core.units import EpochMs
from loyalty_shell.credentials import credential


def keys_kept(config: HqConfig) -> tuple[tuple[Kind, int, bytes], ...]:
    """Return kind, number and private key of all that lie in `data_dir`; credentials are kept elsewhere.

    Raises:
        BadKeyFile: a file cannot be read, or HQ has no key at all.
    """
    found = [
        (kind, number, read_key(path))
        for kind in KINDS
        for number, path in key_files(config, kind).items()
        if path.parent == Path(config.data_dir)
    ]
    if not found and not any(credential(name) for name in CREDENTIALS["server"]):
        read_key(config.key_path)
    return tuple(found)


class MovedKeys(msgspec.Struct, frozen=True):
    """What a restore does with keys: files to write, files to set aside, and all that are in reach then.

    `numbered` are those in files by kind and number, `handed` are credentials.
    """

    written: dict[Path, bytes]
    aside: tuple[Path, ...]
    numbered: dict[tuple[Kind, int], bytes]
    handed: tuple[bytes, ...]
    backup: Path

    def private(self, kind: Kind, public_key: bytes) -> bytes | None:
        """Return the private half of a key, None where it is not in reach; see `keys.private_key`."""
        kinds = ("server",) if kind == "server" else KINDS
        found = [key for (one, _), key in self.numbered.items() if one in kinds]
        return next((key for key in (*self.handed, *found) if public_of(key) == public_key), None)

    def public_key(self, tx: Transaction) -> bytes:
        """Return the public half of the server key that was the present one in the backup.

        Raises:
            BadKeyFile: `key_missing`: its private half is nowhere.
        """
        rows = key_book.load_book(tx).of("server")
        if rows and self.private("server", rows[-1].public_key) is not None:
            return rows[-1].public_key
        first = next(iter(self.handed), self.numbered.get(("server", 1)))
        if rows or first is None:
            raise BadKeyFile(
                f"{self.backup} does not hold HQ's key and it is not where the settings say: put it there, "
                "mode 0600, and try again",
                code="key_missing",
            )
        return public_of(first)

    def follow(self, tx: Transaction, now_ms: EpochMs) -> None:
        """Let the keys follow that were made after the backup, by the files that are here.

        Raises:
            BadKeyFile: `key_missing`: the key before such a one is nowhere.
        """
        for kind in KINDS:
            rows = key_book.load_book(tx).of(kind)
            number = rows[-1].number if rows else 1
            while (kind, number + 1) in self.numbered:
                key_book.rotate(
                    tx,
                    kind,
                    private=self.private,
                    first=next(iter(self.handed), self.numbered.get(("server", 1), b"")),
                    make=lambda kind, number: self.numbered[kind, number],
                    now_ms=now_ms,
                )
                number += 1


def moved_keys(config: HqConfig, note: Note, backup: Path, *, replace: bool) -> MovedKeys:
    """Return what a restore of this backup does with keys.

    Raises:
        BadBackup: `key_differs`: this machine has another key of the same number, or another `staff.key`.
        BadKeyFile: a file of this machine's cannot be read.
    """
    handed = [path for name in CREDENTIALS["server"] if (path := credential(name))]
    handed_keys = tuple([read_key(path, handed=True) for path in handed])
    backed_up = {(kind, number): key for kind, number, key in note.keys}
    server = [key for (kind, _), key in backed_up.items() if kind == "server"]
    if handed and server and not set(server) & set(handed_keys):
        raise _differs(backup, handed[0])
    own = {(kind, number): path for kind in KINDS for number, path in key_files(config, kind).items()}
    others = {
        kind
        for (kind, number), path in own.items()
        if backed_up.get((kind, number), read_key(path)) != read_key(path)
    }
    aside = [path for (kind, _), path in own.items() if kind in others]
    if aside and (not replace or handed):
        raise _differs(backup, aside[0])
    staff_path, staff_key = Path(config.data_dir) / totp.KEY_NAME, totp.read_key(config.data_dir)
    if staff_key is not None and note.staff_key not in (None, staff_key):
        if not replace:
            raise _differs(backup, staff_path)
        aside.append(staff_path)
    kept = {place: read_key(path) for place, path in own.items() if path not in aside}
    written = {key_file(config, *place): key for place, key in backed_up.items() if place not in kept}
    if note.staff_key not in (None, staff_key):
        written[staff_path] = note.staff_key
    return MovedKeys(written, tuple(aside), dict(sorted((backed_up | kept).items())), handed_keys, backup)


def _differs(backup: Path, path: Path) -> BadBackup:
    return BadBackup(
        f"{backup} holds another key than {path}: take that one away, if this is the right backup",
        code="key_differs",
    )
