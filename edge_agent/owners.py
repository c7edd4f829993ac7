"""Whose card or number is this? Spellings -> the member this till knows, or the form to record another by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.store import enrolments, entries, members
from edge_agent.store.database import Connection
from loyalty_core.lookups import candidates, hashed, other_ways, unknown_of

SPELLINGS_KEPT: Final = 4096
_RECORDED: Final = re.compile(r"h:[0-9a-f]{32}|(?:id|card):[A-Za-z0-9._-]{1,40}")


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose points an event moves: the form that is recorded, and the account that the till keeps them under.

    An unknown card is recorded as it was read, an unknown phone only as its keyed hash. Who joined here, and
    of whom HQ has not told yet, has a `masked_name` and no member id.
    """

    recorded: str
    account: str
    member_id: str | None
    masked_name: str | None = None

    @property
    def is_member(self) -> bool:
        """Whether this till knows the member, from HQ or because they joined here."""
        return self.member_id is not None or self.masked_name is not None


class Owners:
    """Finds owners in the store; holds nothing but spellings that it has worked out."""

    def __init__(self, region: str) -> None:
        self._spellings = lru_cache(SPELLINGS_KEPT)(partial(_spellings, region))

    def find(self, conn: Connection, books: Books, text: str) -> Owner | None:
        """Return whose card or number this is, known here or not; None when it can never be a member's.

        The form that is recorded, as offers name it, is taken too.
        """
        key = books.terminal.store_key
        is_form = _RECORDED.fullmatch(text)
        look_ups, unknown = _as_recorded(text, key) if is_form else self._spellings(key, text)
        row = members.find(conn, look_ups)
        if row is None:
            return _joined_here(conn, look_ups, unknown)
        account = books.know(row)
        return Owner(recorded=account, account=account, member_id=row.member_id, masked_name=row.masked_name)


def _joined_here(conn: Connection, look_ups: Sequence[str], unknown: Owner | None) -> Owner | None:
    """Return who joined here under one of these look-ups, else whom nobody knows."""
    one = enrolments.find(conn, look_ups)
    if one is None:
        return unknown
    recorded = unknown.recorded if unknown is not None else one.account
    return Owner(recorded=recorded, account=one.account, member_id=None, masked_name=one.masked_name)


def _spellings(region: str, key: bytes, text: str) -> tuple[tuple[str, ...], Owner | None]:
    """Return the keyed hashes to look for, and whose it is if nobody has any of them."""
    forms = candidates(text, region)
    look_ups = tuple([hashed(form, key) for form in forms])
    form = unknown_of(forms)
    if form is None:
        return look_ups, None
    account = look_ups[forms.index(form)]
    recorded = account if form.startswith("phone:") else form
    return look_ups, Owner(recorded=recorded, account=account, member_id=None)


def _as_recorded(form: str, key: bytes) -> tuple[tuple[str, ...], Owner | None]:
    """Return the keyed hashes to look for, and whose it is if nobody has any: a hash stands for itself."""
    kind, _, text = form.partition(":")
    look_ups = _look_ups(form, key)
    can_be = kind == "h" or form in candidates(text)
    return look_ups, Owner(recorded=form, account=look_ups[0], member_id=None) if can_be else None


def account_of(conn: Connection, key: bytes, recorded: str) -> str:
    """Return the account under which the till keeps what was recorded under this form, now."""
    if recorded.startswith("id:") and entries.has_account(conn, recorded):
        return recorded
    look_ups = _look_ups(recorded, key)
    row = members.find(conn, look_ups)
    if row is not None:
        return f"id:{row.member_id}"
    one = enrolments.find(conn, look_ups)
    return look_ups[0] if one is None else one.account


def keep_spelling(conn: Connection, key: bytes, recorded: str, account: str) -> None:
    """Let what is kept of somebody whom nobody knows be found by what else the recorded form may mean."""
    if account in _look_ups(recorded, key):
        for other in other_ways(recorded):
            entries.spell(conn, hashed(other, key), account)


def _look_ups(recorded: str, key: bytes) -> tuple[str, ...]:
    """Return the keyed hashes by which a recorded form is found, likeliest first."""
    if recorded.startswith("h:"):
        return (recorded,)
    return tuple([hashed(form, key) for form in (recorded, *other_ways(recorded))])
