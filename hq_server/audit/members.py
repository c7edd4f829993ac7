"""Members: every name is known in both directions, and leads to the same member."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from hq_server.audit.comparing import Progress, differs
from hq_server.house import House
from hq_server.references import bucket_of, keys_json, places_json
from hq_server.store.connection import Row, Transaction

LOOK_UPS_AT_ONCE: Final = 500


def audit_members(tx: Transaction, house: House, progress: Progress) -> None:
    """Compare look-ups with members and with the look-ups of members; neither side may have more."""
    ids = names = 0
    for bucket in range(house.bucket_count):
        rows = tx.each("accounts.look_ups_in_order", bucket=bucket)
        for _, chunk in groupby(enumerate(rows), key=lambda pair: pair[0] // LOOK_UPS_AT_ONCE):
            found = [row for _, row in chunk]
            ids += _ids(tx, house, [row for row in found if row[0].startswith("id:")])
            names += _names(tx, house, [row for row in found if not row[0].startswith(("id:", "h:", "x:"))])
            _hashes(tx, house, bucket, [row for row in found if row[0].startswith("h:")])
            _digests(tx, house, [row for row in found if row[0].startswith("x:")])
            progress("look-ups", len(found))
    row = tx.one("accounts.name_counts")
    if row != (ids, names):
        differs("members", "a member or a member's look-up is not known by its name")


def _ids(tx: Transaction, house: House, rows: list[Row]) -> int:
    keys = keys_json((bucket_of(member, house.bucket_count), member) for _, member in rows)
    members = {member for (member,) in tx.all("accounts.members_at", keys=keys)}
    for look_up, member in rows:
        if look_up != f"id:{member}" or member not in members:
            differs(f"look-up {look_up}", "there is no such member")
    return len(rows)


def _names(tx: Transaction, house: House, rows: list[Row]) -> int:
    keys = keys_json((bucket_of(member, house.bucket_count), member, look_up) for look_up, member in rows)
    stands = set(tx.all("accounts.member_look_ups_at", keys=keys))
    _check_present(tx, house, rows)
    for look_up, member in rows:
        if (look_up, member) not in stands:
            differs(f"member {member}", "one of the look-ups that name this member is not listed with it")
    return len(rows)


def _digests(tx: Transaction, house: House, rows: list[Row]) -> None:
    """Check that only members who were erased are known by a digest."""
    erased = _erased(tx, house, rows)
    for look_up, member in rows:
        if member not in erased:
            differs(f"look-up {look_up}", "it names a member who was not erased")


def _check_present(tx: Transaction, house: House, rows: list[Row]) -> None:
    """Check that none of these look-ups names a member who was erased."""
    for member in _erased(tx, house, rows):
        differs(f"member {member}", "was erased, and a card, phone or hash still names the member")


def _erased(tx: Transaction, house: House, rows: list[Row]) -> set[str]:
    keys = places_json((member for _, member in rows), house.bucket_count)
    return {member for (member,) in tx.all("accounts.erased_members_at", keys=keys)}


def _hashes(tx: Transaction, house: House, bucket: int, rows: list[Row]) -> None:
    """Check that a hash names a member by decision."""
    _check_present(tx, house, rows)
    stands = set(tx.all("accounts.attachments_at", keys=keys_json((bucket, look_up) for look_up, _ in rows)))
    for row in rows:
        if row not in stands:
            differs(f"look-up {row[0]}", "no attachment gave it to the member whom it names")
