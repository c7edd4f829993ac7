"""Enrolments as they come from tills, with what they seal: kept, waited for, and made members by `joining`.

A till seals who somebody is to headquarters, and its journal names the sealed bytes by their hash alone. What
opens them lies in the database, as stores' keys do: every server of a house has it, and every backup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.exceptions import ArrivalException, close_arrivals, open_arrivals
from hq_server.house import House
from hq_server.joining import Enrolment, decided
from hq_server.store.connection import Transaction, Values
from loyalty_core.events import EventId, MemberEnrolled
from loyalty_core.messages import Sealed
from loyalty_core.sealing import sealed_hash, sealing_public_of
from loyalty_core.units import EpochMs

WAITING: Final = "enrolment_waiting"


def found_sealing_key(tx: Transaction, random: bytes, now_ms: EpochMs) -> None:
    """Have a key that tills seal to: the one that is there, else one of these 32 random bytes."""
    tx.run(
        "house.add_sealing_key",
        private_key=random,
        public_key=sealing_public_of(random),
        made_at_ms=now_ms,
    )


def sealing_public_key(tx: Transaction) -> bytes | None:
    """Return what tills seal to; None where no server has served this database since there are such keys."""
    row = tx.one("house.sealing_public_key")
    return None if row is None else row[0]


def take_enrolments(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    enrolled: Sequence[tuple[EventId, MemberEnrolled]],
    sealed: Iterable[Sealed],
    now_ms: EpochMs,
) -> None:
    """Keep a terminal's new enrolments with what they seal, and make members of those that can be opened.

    What is sealed for no enrolment that waits is not kept.
    """
    if enrolled:
        tx.many("arrivals.add_enrolment", [_new(terminal.store_id, *one) for one in enrolled])
    brought = {sealed_hash(one.salt, one.blob): one for one in sealed}
    if not enrolled and not brought:
        return
    place = {"store_id": terminal.store_id, "terminal_id": terminal.terminal_id}
    waiting = [Enrolment(*row) for row in tx.all("arrivals.waiting_enrolments", **place)]
    here = [_with(one, brought[one.sealed_hash]) for one in waiting if one.sealed_hash in brought]
    key = tx.one("house.sealing_private_key") if here else None
    if key is not None:
        found = decided(tx, house, key[0], here, dict(enrolled), now_ms)
        tx.many("arrivals.settle_enrolment", [_settled(one) for one in found])
        close_arrivals(tx, [(one.store_id, WAITING, str(one.id)) for one in found], now_ms)
        waiting = [one for one in waiting if one.sealed_hash not in brought]
    sentence = (
        "who enrolled is sealed beside the journal and has not come: the till brings it, or enrol again"
    )
    told = [ArrivalException(one.store_id, WAITING, str(one.id), sentence) for one in waiting]
    open_arrivals(tx, told, now_ms)


def forget_enrolments(tx: Transaction, members: Iterable[str]) -> None:
    """Take away what enrolments of these members sealed; that there was one stays."""
    tx.many("arrivals.forget_enrolments", [(member_id, b"") for member_id in members])


def enrolments_of(tx: Transaction, members: Iterable[str]) -> list[Enrolment]:
    """Return how these members joined, in order."""
    rows = tx.all("arrivals.enrolments_of", names=msgspec.json.encode(list(members)).decode())
    return [Enrolment(*row) for row in rows]


def _new(store_id: str, event_id: EventId, event: MemberEnrolled) -> Values:
    return (
        store_id,
        *msgspec.structs.astuple(event_id),
        event.sealed_hash,
        event.occurred_at_ms,
        event.business_day,
        event.consent_version,
        event.consent_language,
        b"",
    )


def _with(one: Enrolment, sealed: Sealed) -> Enrolment:
    return msgspec.structs.replace(one, salt=sealed.salt, blob=sealed.blob)


def _settled(one: Enrolment) -> Values:
    place = (one.store_id, one.terminal_id, one.epoch, one.branch, one.seq)
    return (*place, one.state, one.member_id, one.salt, one.blob)
