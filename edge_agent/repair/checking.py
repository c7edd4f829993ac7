"""Do the other tables say what the journal says? Reads everything, changes nothing.

What this till has booked of points is not compared: it depends on what was known of members then. A wrong
figure there is shown at this till alone, and only until HQ has posted what it is about.
"""

from __future__ import annotations

from collections.abc import Callable

from edge_agent import signed_programmes
from edge_agent.own_facts import purchase_of
from edge_agent.repair import joined
from edge_agent.repair.rebuilding import natural_key_of, records_of
from edge_agent.store import (
    closings,
    enrolments,
    hq_keys,
    member_damage,
    members,
    receipt_facts,
    sources,
    technicians,
    terminal,
    time_mark,
)
from edge_agent.store.database import Connection, DatabaseError, one_state
from edge_agent.store.integrity import TOLD_EVERY, Fault, unreadable
from edge_agent.store.terminal import Terminal
from loyalty_core.control import count_records
from loyalty_core.events import EventId, MemberEnrolled, PurchaseRecorded, content_hash
from loyalty_core.journal import Record
from loyalty_core.key_statements import Kind
from loyalty_core.lookups import hashed


def check_derived(conn: Connection, progress: Callable[[int], None] = lambda _: None) -> Fault | None:
    """Return the first thing found that differs from the journal, or is not as HQ signed it.

    `progress` is told how many records were compared.
    """
    try:
        with one_state(conn):
            return _check(conn, terminal.read(conn), progress)
    except (DatabaseError, ValueError) as error:
        return unreadable(error)


def _check(conn: Connection, identity: Terminal, progress: Callable[[int], None]) -> Fault | None:
    for done, (event, record) in enumerate(records_of(conn, identity)):
        if done % TOLD_EVERY == 0:
            progress(done)
        if (fault := _check_record(conn, event, record)) is not None:
            return fault
    return (
        _check_counts(conn, identity)
        or _check_keys(conn, identity)
        or _check_programmes(conn)
        or _check_members(conn, identity)
        or _check_technicians(conn)
    )


def _check_record(conn: Connection, event: EventId, record: Record) -> Fault | None:
    key, purchase = natural_key_of(record), purchase_of(record.event)
    if key is not None:
        source = sources.find(conn, key, event.terminal_id)
        if source is None:
            return _fault("source", event)
        is_receipt = record.natural_key is None and not key.startswith("visit-void/")
        if is_receipt and source.event == event and source.content != content_hash(record.event):
            return _fault("source", event)
    if isinstance(record.event, MemberEnrolled) and not joined.says(conn, event, record.event):
        return _fault("enrolment", event)
    is_fact = purchase is not None and not isinstance(record.event, PurchaseRecorded)
    if is_fact and not receipt_facts.has(conn, purchase or "", event):
        return _fault("receipt_fact", event)
    return None


def _check_counts(conn: Connection, identity: Terminal) -> Fault | None:
    for epoch in closings.epochs(conn):
        counted = closings.state(conn, epoch).counted
        numbered = (
            (event.seq, record)
            for event, record in records_of(conn, identity)
            if event.epoch == epoch and event.seq <= counted
        )
        if count_records(numbered) != closings.tallies(conn, epoch):
            return Fault(
                code="derived_damaged",
                sentence=f"day_count does not say what the journal says of epoch {epoch}",
                epoch=epoch,
            )
    return None


def _check_keys(conn: Connection, identity: Terminal) -> Fault | None:
    for kind, public_key in present_keys(identity):
        if not hq_keys.is_present(conn, kind, public_key):
            return Fault(code="key_damaged", sentence=f"HQ's {kind} key is not the one that is believed")
    return None


def present_keys(identity: Terminal) -> tuple[tuple[Kind, bytes], ...]:
    """Return the keys of HQ's that this till believes now, by kind."""
    return ("server", identity.hq_public_key), ("programme", identity.programme_public_key)


def _check_programmes(conn: Connection) -> Fault | None:
    for version in signed_programmes.damaged(conn):
        return Fault(code="programme_damaged", sentence=f"programme version {version} is not what HQ signed")
    return None


def _check_members(conn: Connection, identity: Terminal) -> Fault | None:
    """What HQ told of members is what was written, and each can be found by the own id; so of who joined."""
    if enrolments.is_damaged(conn):
        return Fault(code="derived_damaged", sentence="what is kept of new members is not what was written")
    if member_damage.is_there(conn):
        return Fault(code="member_damaged", sentence="what HQ told of a member is not what was written")
    for member_id, look_ups in members.look_ups(conn):
        if hashed(f"id:{member_id}", identity.store_key) not in look_ups:
            return Fault(code="member_damaged", sentence="a member cannot be found by the own id")
    return None


def _check_technicians(conn: Connection) -> Fault | None:
    if technicians.is_damaged(conn):
        return Fault(code="technicians_damaged", sentence="the list of technicians is not what HQ sent")
    if time_mark.is_damaged(conn):
        return Fault(code="technicians_damaged", sentence="the time that was believed is not what was noted")
    return None


def _fault(table: str, event: EventId) -> Fault:
    return Fault(
        code="derived_damaged",
        sentence=f"{table} does not say what the journal says at seq {event.seq} of epoch {event.epoch}",
        epoch=event.epoch,
        seq=event.seq,
    )
