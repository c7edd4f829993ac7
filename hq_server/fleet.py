"""Stores and terminals: invite, approve, revoke. Whoever holds a valid code may enrol one terminal.

Writes stores, invites and terminals. Codes are kept hashed.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.house import load_house
from hq_server.store.connection import Transaction
from loyalty_core.calendar import zone_named
from loyalty_core.errors import BadInput
from loyalty_core.events import ID_FORM
from loyalty_core.invite import ALPHABET, make_code, read_code
from loyalty_core.units import EpochMs

HOUR_MS: Final = 3_600_000
FIRST_LIFE: Final = 1
"""The incarnation of a headquarters that was never restored."""
LIVES_FROM_S: Final = 1_767_225_600
"""2026-01-01: counters of lives that began later are shown by the seconds since."""
_NUMBER: Final = re.compile(r"(\d{1,9})(?:-[0-9A-Z]+)?")


class Store(msgspec.Struct, frozen=True):
    """One store; `look_up_key` keys the look-up hashes of its tills."""

    store_id: str
    name: str
    timezone: str
    business_day_starts: int
    look_up_key: bytes


class Invited(msgspec.Struct, frozen=True):
    """A fresh invite: its code, printed once, and whether its store was made just now."""

    code: str
    store: Store
    store_is_new: bool


def find_store(tx: Transaction, store_id: str) -> Store | None:
    """Return the store of this id."""
    row = tx.one("arrivals.store", store_id=store_id)
    return None if row is None else Store(*row)


def put_store(
    tx: Transaction,
    store_id: str,
    *,
    name: str | None,
    timezone: str | None,
    business_day_starts: int | None,
    look_up_key: bytes,
    now_ms: EpochMs,
) -> Store:
    """Add a store, or change what is given of it; what is not given comes from the programme.

    Raises:
        BadInput: `store_malformed`, `zone_unknown`, or `store_in_use`: its zone stands for good.
        NotReady: no programme is published.
    """
    check_id(store_id, "store")
    stands, place = find_store(tx, store_id), load_house(tx).newest
    store = Store(
        store_id,
        name if name is not None else stands.name if stands else "",
        timezone or (stands.timezone if stands else place.timezone),
        business_day_starts
        if business_day_starts is not None
        else stands.business_day_starts
        if stands
        else int(place.place.starts),
        stands.look_up_key if stands else look_up_key,
    )
    zone_named(store.timezone)
    if stands is None:
        tx.run("arrivals.add_store", **msgspec.structs.asdict(store), made_at_ms=now_ms)
        return store
    moved = (stands.timezone, stands.business_day_starts) != (store.timezone, store.business_day_starts)
    if moved and tx.one("arrivals.store_in_use", store_id=store_id):
        raise BadInput(
            f"store {store_id} has a terminal, which counts by its time zone and start of day: they stand",
            code="store_in_use",
        )
    tx.run(
        "arrivals.change_store",
        store_id=store_id,
        name=store.name,
        timezone=store.timezone,
        business_day_starts=store.business_day_starts,
    )
    return store


def invite(
    tx: Transaction,
    store_id: str,
    *,
    till: str | None,
    preapproved: bool,
    hours: int,
    secret: bytes,
    look_up_key: bytes,
    hq_public_key: bytes,
    now_ms: EpochMs,
) -> Invited:
    """Make a single-use code for one terminal of a store; an unknown store is made with the programme's zone.

    With `till`, the terminal will be `<store>-<till>`: a new one, or the replacement of that one.

    Raises:
        BadInput: `store_malformed`, `till_malformed`.
        NotReady: no programme is published.
    """
    store = find_store(tx, store_id)
    is_new = store is None
    if store is None:
        store = put_store(
            tx,
            store_id,
            name=None,
            timezone=None,
            business_day_starts=None,
            look_up_key=look_up_key,
            now_ms=now_ms,
        )
    if till is not None:
        check_id(till, "till")
        check_id(f"{store_id}-{till}", "terminal")
    code = make_code(secret, hq_public_key)
    tx.run(
        "arrivals.add_invite",
        store_id=store_id,
        secret_hash=secret_hash(read_code(code)[0]),
        terminal_id=None if till is None else f"{store_id}-{till}",
        preapproved=int(preapproved),
        made_at_ms=now_ms,
        expires_at_ms=now_ms + hours * HOUR_MS,
    )
    return Invited(code, store, is_new)


def secret_hash(secret: bytes) -> bytes:
    """Return what is kept of an invite's secret."""
    return hashlib.sha256(b"dangol/invite/1" + secret).digest()


def next_terminal_id(tx: Transaction, store_id: str) -> str:
    """Return `<store>-T01`, or the number after the highest that is taken.

    A headquarters that was restored does not know which ids it has given since the backup. So each that it
    gives then ends with its life, such as `-RVN4C`: a till that comes back finds its id free.
    """
    taken = [terminal_id for (terminal_id,) in tx.all("arrivals.terminal_ids", store_id=store_id)]
    prefix = f"{store_id}-T"
    found = [_NUMBER.fullmatch(name.removeprefix(prefix)) for name in taken if name.startswith(prefix)]
    number = max([int(one[1]) for one in found if one is not None], default=0) + 1
    life = load_house(tx).incarnation.counter
    return f"{prefix}{number:02}{'' if life == FIRST_LIFE else f'-{_short(life)}'}"


def find_terminal(tx: Transaction, terminal_id: str) -> Terminal:
    """Return the terminal of this id.

    Raises:
        BadInput: `terminal_not_found`.
    """
    rows = tx.all("arrivals.terminals_named", terminal_id=terminal_id)
    if len(rows) != 1:
        raise BadInput(
            f'there is no terminal "{terminal_id}": see hq-server terminal list', code="terminal_not_found"
        )
    return Terminal(*rows[0])


def approve(tx: Transaction, terminal_id: str) -> Terminal:
    """Let a pending terminal take part. Approving twice is harmless.

    Raises:
        BadInput: `terminal_not_found`, or `terminal_revoked`: it must join again.
    """
    terminal = find_terminal(tx, terminal_id)
    if terminal.state == "revoked":
        raise BadInput(
            f"{terminal_id} was revoked: if by mistake, make an invite with --till for it and run edge-agent "
            "enrol --again there",
            code="terminal_revoked",
        )
    return _set_state(tx, terminal, "approved", "")


def revoke(tx: Transaction, terminal_id: str, reason: str) -> Terminal:
    """Shut a terminal out from now on; what it brought stays.

    Raises:
        BadInput: `terminal_not_found`, `reason_missing`.
    """
    if not reason.strip():
        raise BadInput("a revocation needs a reason", code="reason_missing")
    return _set_state(tx, find_terminal(tx, terminal_id), "revoked", reason.strip())


def check_id(text: str, what: str) -> None:
    """Raise BadInput (`<what>_malformed`) unless the text is an id as the whole system spells them."""
    if not re.fullmatch(ID_FORM, text):
        raise BadInput(
            f'{what} "{text}" is not an id: 1 to 32 letters, digits, "-" or "_"', code=f"{what}_malformed"
        )


def _short(life: int) -> str:
    """Return the counter of a life, the time of a restore in seconds, in few letters."""
    left, letters = life - LIVES_FROM_S if life > LIVES_FROM_S else life, ""
    while left:
        left, digit = divmod(left, len(ALPHABET))
        letters = ALPHABET[digit] + letters
    return letters


def _set_state(tx: Transaction, terminal: Terminal, state: str, reason: str) -> Terminal:
    tx.run(
        "arrivals.set_terminal_state",
        store_id=terminal.store_id,
        terminal_id=terminal.terminal_id,
        state=state,
        reason=reason,
    )
    return msgspec.structs.replace(terminal, state=state, reason=reason)
