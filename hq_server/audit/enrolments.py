"""Enrolments: each is what its record says, seals what the record names, and made the member whom it says."""

from __future__ import annotations

from collections.abc import Sequence

from hq_server.accept import Terminal
from hq_server.audit.comparing import differs
from hq_server.house import load_house
from hq_server.joining import Enrolment, member_of
from hq_server.references import bucket_of
from hq_server.store.connection import Transaction
from loyalty_core.events import EventId, MemberEnrolled
from loyalty_core.sealing import sealed_hash


def check_enrolments(
    tx: Transaction,
    terminal: Terminal,
    place: tuple[int, int, int, int],
    said: Sequence[tuple[EventId, MemberEnrolled]],
) -> int:
    """Compare the enrolments of records (epoch, branch, first and last seq) with these; return the count."""
    epoch, branch, first_seq, last_seq = place
    rows = tx.all(
        "arrivals.enrolments_between",
        store_id=terminal.store_id,
        terminal_id=terminal.terminal_id,
        epoch=epoch,
        branch=branch,
        first_seq=first_seq,
        last_seq=last_seq,
    )
    held = {one.id: one for one in (Enrolment(*row) for row in rows)}
    if held.keys() != {event_id for event_id, _ in said}:
        differs(f"{terminal.terminal_id}, epoch {epoch}", "its enrolments are not those of its records")
    for event_id, event in said:
        one = held[event_id]
        should = (
            event.sealed_hash,
            event.occurred_at_ms,
            event.business_day,
            event.consent_version,
            event.consent_language,
        )
        if (
            one.sealed_hash,
            one.occurred_at_ms,
            one.business_day,
            one.consent_version,
            one.consent_language,
        ) != should:
            differs(f"enrolment {event_id}", "it is not what its record says")
        if one.blob and sealed_hash(one.salt, one.blob) != event.sealed_hash:
            differs(f"enrolment {event_id}", "what was sealed is not what its record names")
        _check_member(tx, one)
    return len(said)


def check_enrolment_count(tx: Transaction, count: int) -> None:
    """Check that there are no enrolments but those of records."""
    row = tx.one("arrivals.enrolment_count")
    if row != (count,):
        differs("enrolments", "there are some that no record says")


def _check_member(tx: Transaction, one: Enrolment) -> None:
    if one.state in ("waiting", "refused") and not one.member_id:
        return
    if one.state == "made" and one.member_id != member_of(one.sealed_hash):
        differs(f"enrolment {one.id}", "it made another member than it says")
    bucket = bucket_of(one.member_id, load_house(tx).bucket_count)
    if tx.one("accounts.member", bucket=bucket, member_id=one.member_id) is None:
        differs(f"enrolment {one.id}", "there is no such member")
