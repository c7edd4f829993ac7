"""A till joins: it shows the secret of an invite and proves that it holds the key it brings.

One code makes one terminal, raced or not. The same key gets the same answer again, with the same code or a
further one, until the till has been heard: so a lost answer costs nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hq_server.accept import EPOCH_CLAIMED_MAX, Terminal, check_approved, check_key, terminal_of_key
from hq_server.enrolments import sealing_public_key
from hq_server.fleet import Store, find_store, next_terminal_id, secret_hash
from hq_server.house import House, load_house
from hq_server.key_book import Signing, load_book
from hq_server.lineage import Journals
from hq_server.store.connection import Transaction
from loyalty_core.envelope import key_id, open_sealed, peek, seal
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import Again, Enrol, Enrolled, store_print
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack, unpack

ENROL_BYTES_MAX: Final = 4096
"""A request to join is a few hundred bytes, and comes from anybody."""


class InviteRefused(LoyaltyError):
    """`invite_unknown`, `invite_expired`, `invite_used` or `key_in_use`.

    Of a till that joins again also `invite_for_another`, `terminal_taken` or `store_differs`.
    """

    code = "invite_unknown"


class Invite(msgspec.Struct, frozen=True):
    """Who may join with a code, until when, and the key that has used it."""

    store_id: str
    terminal_id: str | None
    preapproved: int
    expires_at_ms: int
    used_by: bytes | None


def open_enrol(body: bytes) -> Enrol:
    """Return the request that these bytes are, signed by the key that it carries.

    Raises:
        BadWire, BadEnvelope: they are not.
    """
    payload = peek(body, "dangol/enrol/1", bytes_max=ENROL_BYTES_MAX)[1]
    enrol = unpack(payload, Enrol, bytes_max=ENROL_BYTES_MAX)
    keys = {key_id(enrol.public_key): enrol.public_key}
    open_sealed(body, "dangol/enrol/1", keys, bytes_max=ENROL_BYTES_MAX)
    return enrol


def find_invite(tx: Transaction, enrol: Enrol) -> Invite:
    """Return the invite whose secret this is.

    Raises:
        InviteRefused: there is none.
    """
    row = tx.one("arrivals.invite", secret_hash=secret_hash(enrol.secret))
    if row is None:
        raise InviteRefused("this invite code is not known: check it, or ask for a new one")
    return Invite(*row)


def apply(tx: Transaction, enrol: Enrol, now_ms: EpochMs) -> Terminal:
    """Use the invite up and make the terminal. A known terminal gets a new key and its next epoch.

    A till that joins again keeps its epoch: its whole journal is to come.

    Raises:
        InviteRefused: no such code, too late, used by another key, or by a machine that has joined before.
        TerminalRefused: this key's terminal was replaced or revoked since.
    """
    invite = find_invite(tx, enrol)
    if invite.used_by == enrol.public_key and invite.terminal_id is not None:
        return _joined_before(tx, invite, enrol)
    if invite.used_by is not None:
        raise InviteRefused("this invite code has been used: ask for a new one", code="invite_used")
    if now_ms >= invite.expires_at_ms:
        raise InviteRefused("this invite code has expired: ask for a new one", code="invite_expired")
    if (joined := terminal_of_key(tx, key_id(enrol.public_key))) is not None:
        return _with_another_code(tx, invite, enrol, joined, now_ms)
    store_id = invite.store_id
    terminal_id = invite.terminal_id or next_terminal_id(tx, store_id)
    row = tx.one("arrivals.terminal", store_id=store_id, terminal_id=terminal_id)
    stands = None if row is None else Terminal(*row)
    epoch = 1 if stands is None else stands.epoch + 1
    if enrol.again is not None:
        _check_again(tx, invite, enrol.again, stands)
        epoch = min(enrol.again.epoch, EPOCH_CLAIMED_MAX)
    tx.run(
        "arrivals.use_invite",
        store_id=store_id,
        secret_hash=secret_hash(enrol.secret),
        terminal_id=terminal_id,
        used_by=enrol.public_key,
    )
    tx.run(
        "arrivals.end_terminal_keys",
        store_id=store_id,
        terminal_id=terminal_id,
        until_ms=0,
        ended="terminal_replaced",
    )
    tx.run(
        "arrivals.put_terminal",
        store_id=store_id,
        terminal_id=terminal_id,
        state="approved" if invite.preapproved else "pending",
        key_id=key_id(enrol.public_key),
        epoch=epoch,
        enrolled_at_ms=now_ms,
        software=enrol.software[:64],
    )
    tx.run(
        "arrivals.add_terminal_key",
        store_id=store_id,
        terminal_id=terminal_id,
        key_id=key_id(enrol.public_key),
        public_key=enrol.public_key,
    )
    if enrol.again is None:
        _note_told(tx, store_id, terminal_id)
    return _terminal(tx, store_id, terminal_id)


def _note_told(tx: Transaction, store_id: str, terminal_id: str) -> None:
    """Note which keys the answer has a new till believe, so that none is dropped before it was heard."""
    present = {row.kind: key_id(row.public_key) for row in load_book(tx).rows}
    if present:
        tx.run(
            "arrivals.note_beliefs",
            store_id=store_id,
            terminal_id=terminal_id,
            hq_key=present["server"],
            programme_key=present["programme"],
        )


def _check_again(tx: Transaction, invite: Invite, again: Again, stands: Terminal | None) -> None:
    """Refuse a till that is not the one of the invite, or whose place a later one has here."""
    if invite.terminal_id != again.terminal_id:
        till = again.terminal_id.removeprefix(f"{invite.store_id}-")
        raise InviteRefused(
            f"this code is not for {again.terminal_id}: ask for one that is made with --till {till}",
            code="invite_for_another",
        )
    if stands is not None and stands.epoch >= again.epoch:
        raise InviteRefused(
            f"{again.terminal_id} is another till here, in epoch {stands.epoch}: set this one up anew; "
            "what it has not handed in stays in its journal",
            code="terminal_taken",
        )
    store = find_store(tx, invite.store_id)
    if store is None or store_print(store.look_up_key) != again.store_print:
        raise InviteRefused(
            f"store {invite.store_id} was made anew here, with another key than this till has: set this till "
            "up as a new one; what it has not handed in stays in its journal",
            code="store_differs",
        )


def answer(tx: Transaction, enrol: Enrol, terminal: Terminal, signing: Signing) -> bytes:
    """Return the signed answer: who the till is, and what it needs to begin."""
    house, store = load_house(tx), find_store(tx, terminal.store_id)
    if store is None:
        raise InviteRefused("the store of this invite is gone: ask for a new one")
    said = _enrolled(tx, house, store, enrol, terminal, signing)
    # By the keys of before, too: the code may pin one of them.
    return seal("dangol/enrolled/1", pack(said), *signing.to_anybody())


def _enrolled(
    tx: Transaction, house: House, store: Store, enrol: Enrol, terminal: Terminal, signing: Signing
) -> Enrolled:
    return Enrolled(
        nonce=enrol.nonce,
        terminal_id=terminal.terminal_id,
        store_id=terminal.store_id,
        approved=terminal.state == "approved",
        epoch=terminal.epoch,
        hq_public_key=signing.public_key,
        store_key=store.look_up_key,
        programme_id=house.newest.programme_id,
        timezone=store.timezone,
        business_day_starts=store.business_day_starts,
        buckets=house.bucket_count,
        programmes=tuple([envelope for (envelope,) in tx.all("house.programme_envelopes", after=0)]),
        incarnation=house.incarnation,
        programme_public_key=signing.programme_public_key,
        keys=signing.book.told_at_joining(),
        sealing_public_key=sealing_public_key(tx),
    )


def _joined_before(tx: Transaction, invite: Invite, enrol: Enrol) -> Terminal:
    """Return the terminal that this key has joined as with this code, as it stands now."""
    terminal = _terminal(tx, invite.store_id, invite.terminal_id or "")
    check_key(tx, terminal, key_id(enrol.public_key), EpochMs(0))
    _check_not_revoked(terminal)
    _check_lost(tx, terminal, enrol)
    return terminal


def _with_another_code(
    tx: Transaction, invite: Invite, enrol: Enrol, terminal: Terminal, now_ms: EpochMs
) -> Terminal:
    """Use the invite up for the terminal that this key has joined as; a revoked one is let in again.

    So are told the machine whose answer was lost, and a till that asks again with all that it has.
    """
    store_id, terminal_id = terminal.store_id, terminal.terminal_id
    check_key(tx, terminal, key_id(enrol.public_key), now_ms)
    if enrol.again is not None:
        _check_again(tx, invite, enrol.again, None)
    else:
        _check_not_revoked(terminal)
    _check_lost(tx, terminal, enrol)
    if (invite.store_id, invite.terminal_id or terminal_id) != (store_id, terminal_id):
        till = terminal_id.removeprefix(f"{store_id}-")
        raise InviteRefused(
            f"this machine has joined as {terminal_id}, and this code is for another till: ask for one that "
            f"is made with --store {store_id} --till {till}, or set its data aside and use this one",
            code="key_in_use",
        )
    tx.run(
        "arrivals.use_invite",
        store_id=store_id,
        secret_hash=secret_hash(enrol.secret),
        terminal_id=terminal_id,
        used_by=enrol.public_key,
    )
    if invite.preapproved or terminal.state == "revoked":
        tx.run(
            "arrivals.set_terminal_state",
            store_id=store_id,
            terminal_id=terminal_id,
            state="approved" if invite.preapproved else "pending",
            reason="",
        )
    return _terminal(tx, store_id, terminal_id)


def _check_not_revoked(terminal: Terminal) -> None:
    if terminal.state == "revoked":
        check_approved(terminal)


def _check_lost(tx: Transaction, terminal: Terminal, enrol: Enrol) -> None:
    """Refuse a machine that cannot have lost the answer.

    Who has handed in records knew who it was. Told again it would begin the same journal anew.
    """
    heard = Journals(tx, terminal.store_id, terminal.terminal_id).of(terminal.epoch)
    if heard and enrol.again is None:
        till = terminal.terminal_id.removeprefix(f"{terminal.store_id}-")
        raise InviteRefused(
            f"this machine was heard as {terminal.terminal_id} and has lost what it knew: set its data "
            f"aside, then use a code that is made with --till {till}",
            code="key_in_use",
        )


def _terminal(tx: Transaction, store_id: str, terminal_id: str) -> Terminal:
    row = tx.one("arrivals.terminal", store_id=store_id, terminal_id=terminal_id)
    if row is None:
        raise InviteRefused("the terminal of this invite is gone: ask for a new one")
    return Terminal(*row)
