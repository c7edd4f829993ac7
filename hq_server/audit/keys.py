"""HQ's keys: every one that the database names is one that the present server key vouches for."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hq_server.audit.comparing import differs
from hq_server.key_book import KeyBook, load_book, public_keys
from hq_server.store.connection import Transaction
from loyalty_core.envelope import key_id
from loyalty_core.errors import LoyaltyError
from loyalty_core.key_statements import KeyStatement, Kind, read_statement


class AuditedKeys(msgspec.Struct, frozen=True):
    """Key id -> public key of all keys of each kind that ever signed."""

    server: Mapping[bytes, bytes]
    programme: Mapping[bytes, bytes]


def audit_keys(tx: Transaction, public_key: bytes) -> AuditedKeys:
    """Compare every key with its statement, which HQ's present key, `public_key`, must have signed."""
    book = load_book(tx)
    anchor = {key_id(public_key): public_key}
    for row in book.rows:
        where = f"key {row.name}"
        try:
            said = read_statement(row.statement, anchor)
        except LoyaltyError as error:
            differs(where, str(error))
        if said != KeyStatement(row.kind, row.number, row.public_key, row.made_at_ms):
            differs(where, "it is not what was signed when it was made")
    _check_numbers(book, "server", public_key)
    _check_numbers(book, "programme", public_key)
    return AuditedKeys(public_keys(book, "server", public_key), public_keys(book, "programme", public_key))


def _check_numbers(book: KeyBook, kind: Kind, public_key: bytes) -> None:
    rows = book.of(kind)
    if [row.number for row in rows] != list(range(1, len(rows) + 1)):
        differs(f"keys for {kind}", "their numbers have a gap")
    if kind == "server" and book.present(kind, public_key) != public_key:
        differs("keys for server", "the present one is not the key that is here")
