"""Who joined here, by the journal: the store says what it says, and what was sealed fits the hash in it.

The masked name and the seal are in no record. A flipped bit of the seal is put back by the hash; what is
worse only headquarters still has, where it has come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from edge_agent.enrolling import keep
from edge_agent.store import enrolments, members, outbox
from edge_agent.store.database import Connection
from edge_agent.store.enrolments import Enrolment
from loyalty_core.events import EventId, MemberEnrolled
from loyalty_core.sealing import SALT_BYTES, SEALED_BYTES_MAX, sealed_hash

_LOST: Final = (b"", b"")


def says(conn: Connection, event_id: EventId, event: MemberEnrolled) -> bool:
    """Tell whether the store says of who joined what the journal does; a seal may be known to be lost."""
    one = enrolments.read(conn, event.provisional)
    if one is None:
        return False
    place = (one.event.epoch, one.event.branch, one.event.seq)
    return (
        place == (event_id.epoch, event_id.branch, event_id.seq)
        and one.account == event.look_ups[0]
        and (one.gave_way or all(_is_found(conn, look_up) for look_up in event.look_ups))
        and ((one.salt, one.blob) == _LOST or sealed_hash(one.salt, one.blob) == event.sealed_hash)
    )


def put_back(
    conn: Connection, event_id: EventId, event: MemberEnrolled, known: Iterable[tuple[Enrolment, bool]]
) -> None:
    """Let who joined be found again; a seal that had been damaged is sent once more."""
    place = (event_id.epoch, event_id.branch, event_id.seq)
    named, is_sound, seal = None, False, _LOST
    for one, sound in known:
        if one.provisional == event.provisional or msgspec.structs.astuple(one.event)[1:] == place:
            named, is_sound, seal = one, sound, _whole(one.salt, one.blob, event.sealed_hash) or _LOST
            break
    keep(
        conn,
        event_id,
        event,
        named.masked_name if named is not None and is_sound else "",
        *seal,
        gave_way=named.gave_way if named is not None and is_sound else _is_known(conn, event),
    )
    if not is_sound and seal != _LOST:
        outbox.resend(conn, event_id.epoch, event_id.seq)


def lost(conn: Connection) -> int:
    """Return of how many who joined here the seal is lost and headquarters has not told."""
    return sum(not one.blob and not one.gave_way for one, _ in enrolments.every(conn))


def _is_known(conn: Connection, event: MemberEnrolled) -> bool:
    return any(members.find(conn, [look_up]) is not None for look_up in event.look_ups)


def _is_found(conn: Connection, look_up: str) -> bool:
    """Tell whether a look-up finds anybody: another may have joined under it since, or HQ have told."""
    return enrolments.find(conn, [look_up]) is not None or members.find(conn, [look_up]) is not None


def _whole(salt: bytes, blob: bytes, wanted: bytes) -> tuple[bytes, bytes] | None:
    """Return salt and blob as they were written, where they are, or are but a bit away."""
    data = bytearray(salt + blob)
    if len(salt) != SALT_BYTES or len(blob) > SEALED_BYTES_MAX:
        return None
    if sealed_hash(salt, blob) == wanted:
        return salt, blob
    for place in range(len(data)):
        for bit in range(8):
            data[place] ^= 1 << bit
            tried = bytes(data[:SALT_BYTES]), bytes(data[SALT_BYTES:])
            if sealed_hash(*tried) == wanted:
                return tried
            data[place] ^= 1 << bit
    return None
