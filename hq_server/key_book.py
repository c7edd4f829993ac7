"""HQ's keys by kind and number: which sign now, what is said of them, how one follows another.

Writes `hq_keys` and `programme_envelopes`. Private keys come as values; where they lie is for `keys`. A house
made before there were two kinds has no row: its one key is number 1 of both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from hq_server.keys import BadKeyFile
from hq_server.store.connection import Row, Transaction
from loyalty_core.envelope import SIGNATURES_MAX, countersign, fingerprint, key_id, peek, public_of, seal
from loyalty_core.errors import BadInput
from loyalty_core.key_statements import KeyStatement, Kind, seal_statement
from loyalty_core.messages import KEYS_MAX, STATEMENTS_MAX
from loyalty_core.units import EpochMs

KINDS: Final[tuple[Kind, ...]] = ("server", "programme")


class HqKey(msgspec.Struct, frozen=True):
    """The public half of one of HQ's keys, and the statement about it."""

    kind: Kind
    number: int
    public_key: bytes
    made_at_ms: int
    statement: bytes
    dropped_at_ms: int | None

    @property
    def name(self) -> str:
        """As people call it."""
        return f"{self.kind}-{self.number}"


class KeyBook(msgspec.Struct, frozen=True):
    """All keys of the house as one transaction sees them, by kind and number."""

    rows: tuple[HqKey, ...]

    def of(self, kind: Kind) -> tuple[HqKey, ...]:
        """Return the keys of a kind, the newest last."""
        return tuple([row for row in self.rows if row.kind == kind])

    def present(self, kind: Kind, server_key: bytes) -> bytes:
        """Return the public key of a kind that signs now; `server_key` is that of a house without rows."""
        rows = self.of(kind)
        return rows[-1].public_key if rows else server_key

    def after(self, kind: Kind, believed: bytes) -> list[bytes]:
        """Return what is said of the keys that follow the one of this id; nothing where that is no key."""
        rows = self.of(kind)
        number = next((row.number for row in rows if key_id(row.public_key) == believed), None)
        return [] if number is None else [row.statement for row in rows if row.number > number]

    def told_to(self, hq_key: bytes, programme_key: bytes) -> tuple[tuple[bytes, ...], bool]:
        """Return what a reply tells a till that believes the keys of these ids, and whether there is more."""
        told = self.after("server", hq_key) + self.after("programme", programme_key)
        return tuple(told[:KEYS_MAX]), len(told) > KEYS_MAX

    def told_at_joining(self) -> tuple[bytes, ...]:
        """Return what a till is told that joins: the present keys, and those that have signed coupons."""
        programme = [row.statement for row in self.of("programme")[-1:]]
        server = [row.statement for row in self.of("server")[-STATEMENTS_MAX + 1 :]]
        return (*programme, *server)


class Signing(msgspec.Struct, frozen=True):
    """The private server keys by which HQ speaks: the present one, then older ones that it still holds."""

    keys: tuple[bytes, ...]
    book: KeyBook

    @property
    def public_key(self) -> bytes:
        """The present one's public half."""
        return public_of(self.keys[0])

    @property
    def programme_public_key(self) -> bytes:
        """The public half of the key that signs programmes."""
        return self.book.present("programme", self.public_key)

    def to(self, believed: bytes) -> tuple[bytes, ...]:
        """Return the keys that sign what a till is told which believes the key of this id."""
        older = [key for key in self.keys[1:] if key_id(public_of(key)) == believed]
        return (self.keys[0], *older)

    def to_anybody(self) -> tuple[bytes, ...]:
        """Return the keys that sign what is told to who does not say which one it believes."""
        return self.keys[:SIGNATURES_MAX]


class Keyring:
    """The server keys within reach, looked for again when the database says that they are others."""

    def __init__(self, find: Callable[[], Iterable[bytes]]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._known: tuple[list[Row], Signing] | None = None

    @classmethod
    def of(cls, *keys: bytes) -> Keyring:
        """Return one of these private keys, the first of which is that of a house without rows."""
        return cls(lambda: keys)

    def signing(self, tx: Transaction) -> Signing:
        """Return what signs now.

        Raises:
            BadKeyFile: the present key is not within reach (`key_missing`), or a file is no key.
        """
        rows = tx.all("house.keys")
        with self._lock:
            if self._known is None or self._known[0] != rows:
                self._known = (rows, _signing(KeyBook(tuple([HqKey(*row) for row in rows])), self._find()))
            return self._known[1]


def load_book(tx: Transaction) -> KeyBook:
    """Return the keys of the house."""
    return KeyBook(tuple([HqKey(*row) for row in tx.all("house.keys")]))


def found_keys(tx: Transaction, server_key: bytes, programme_key: bytes, now_ms: EpochMs) -> None:
    """Enter the first key of each kind; both are private ones, and may be the same."""
    _add(tx, KeyStatement("server", 1, public_of(server_key), now_ms), server_key)
    _add(tx, KeyStatement("programme", 1, public_of(programme_key), now_ms), programme_key, server_key)


def rotate(
    tx: Transaction,
    kind: Kind,
    *,
    private: Callable[[Kind, bytes], bytes | None],
    first: bytes,
    make: Callable[[Kind, int], bytes],
    now_ms: EpochMs,
) -> HqKey:
    """Let a new key of a kind follow the present one, and return it.

    `private` finds the private half of a public key, `first` is the private key of a house without rows, and
    `make` returns the private key of a number, made now unless an earlier attempt left it.

    Raises:
        BadKeyFile: `key_missing`: the present key of this kind, or the present server key, is not in reach.
    """
    if not load_book(tx).rows:
        found_keys(tx, first, first, now_ms)
    book = load_book(tx)
    old, server = (book.of(one)[-1] for one in (kind, "server"))
    old_key, server_key = (_found(private, one) for one in (old, server))
    new_key = make(kind, old.number + 1)
    said = KeyStatement(kind, old.number + 1, public_of(new_key), now_ms)
    if kind == "server":
        _add(tx, said, old_key, new_key)
        _vouch(tx, book, new_key)
    else:
        _add(tx, said, old_key, new_key, server_key)
        _sign_programmes(tx, said.number, new_key)
    return load_book(tx).of(kind)[-1]


def drop(tx: Transaction, name: str, *, believed_by: int, cut_off: bool, now_ms: EpochMs) -> HqKey:
    """Give up an older key, by its name; dropping it again is harmless. The private half is for the caller.

    Raises:
        BadInput: `key_not_found`; `key_present`; `key_believed`: tills would have to join anew.
    """
    book = load_book(tx)
    found = next((row for row in book.rows if row.name == name), None)
    if found is None:
        raise BadInput(f'there is no key "{name}": see hq-server key list', code="key_not_found")
    if found == book.of(found.kind)[-1]:
        raise BadInput(
            f"{name} is the present key: hq-server key rotate {found.kind} first", code="key_present"
        )
    if believed_by and found.dropped_at_ms is None and not cut_off:
        raise BadInput(
            f"{name} is the newest key that tills believe ({believed_by}): wait until they were heard, or "
            "give --cut-off and let them join anew",
            code="key_believed",
        )
    tx.run("house.drop_key", kind=found.kind, number=found.number, dropped_at_ms=now_ms)
    return found


def public_keys(book: KeyBook, kind: Kind, server_key: bytes) -> Mapping[bytes, bytes]:
    """Return id -> public key of all keys of a kind that ever were."""
    rows = book.of(kind)
    found = [row.public_key for row in rows] or [server_key]
    return {key_id(public_key): public_key for public_key in found}


def _signing(book: KeyBook, within_reach: Iterable[bytes]) -> Signing:
    private = {public_of(key): key for key in reversed(list(within_reach))}
    rows = book.of("server")
    if not rows:
        if not private:
            raise BadKeyFile("HQ's key is not there: restore it from the backup", code="key_missing")
        return Signing((list(private.values())[-1],), book)
    present = rows[-1]
    if present.public_key not in private:
        raise missing(present)
    older = [row.public_key for row in reversed(rows[:-1]) if row.dropped_at_ms is None]
    held = [private[public_key] for public_key in older if public_key in private]
    return Signing((private[present.public_key], *held), book)


def missing(key: HqKey) -> BadKeyFile:
    """Return what is said where the private half of a key is not within reach."""
    return BadKeyFile(
        f"the private half of HQ's key {key.name} ({fingerprint(key.public_key)}) is not where the settings "
        "say: put it there, or restore it from the backup",
        code="key_missing",
    )


def _found(private: Callable[[Kind, bytes], bytes | None], key: HqKey) -> bytes:
    found = private(key.kind, key.public_key)
    if found is None:
        raise missing(key)
    return found


def _add(tx: Transaction, said: KeyStatement, *signers: bytes) -> None:
    tx.run(
        "house.add_key",
        kind=said.kind,
        number=said.number,
        public_key=said.public_key,
        made_at_ms=said.made_at_ms,
        said=seal_statement(said, *dict.fromkeys(signers)),
    )


def _vouch(tx: Transaction, book: KeyBook, server_key: bytes) -> None:
    """Sign all that is said of the other keys with the new server key, in place of the one before it."""
    for kind in KINDS:
        before: HqKey | None = None
        for row in book.of(kind):
            kept = {key_id(one.public_key) for one in (before, row) if one is not None}
            statement = countersign(row.statement, "dangol/keys/1", kept, server_key)
            tx.run("house.sign_key_again", kind=kind, number=row.number, said=statement)
            before = row


def _sign_programmes(tx: Transaction, number: int, key: bytes) -> None:
    """Sign every published version again, so that who believes the new key alone can have them all."""
    for version, *_, envelope in tx.all("house.programmes_as_signed"):
        payload = peek(envelope, "dangol/programme/1")[1]
        again = seal("dangol/programme/1", payload, key)
        tx.run("house.sign_programme_again", version=version, number=number, envelope=again)
