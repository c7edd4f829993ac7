"""A person asks to be forgotten: what tells who they are goes, what was earned and signed stays.

Of the member's row only the id is left; cards and hashes are replaced by digests, so that receipts keep the
account that they were given to. Everyone who counts as the member is erased with them. docs/security.md says
what remains, and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from hq_server.decisions import Decision, Said, decisions_about, keep_decision
from hq_server.enrolments import forget_enrolments
from hq_server.house import House
from hq_server.members import member_at
from hq_server.merges import groups_of
from hq_server.posting import post
from hq_server.references import bucket_of, digest_of
from hq_server.store.connection import Transaction
from hq_server.work import Work
from loyalty_core.calendar import date_of, day_of
from loyalty_core.errors import BadInput
from loyalty_core.units import Day, EpochMs

_LEAP_YEAR: Final = 1904
_NO_PERSON: Final = ("id:", "x:")
"""How names begin that tell of nobody who it is."""


class Erased(msgspec.Struct, frozen=True):
    """The detail of an erasure: everyone who counted as the member, the head first."""

    members: tuple[str, ...]


def propose_erasure(tx: Transaction, house: House, member_id: str, by: Said, now_ms: EpochMs) -> int:
    """Keep the proposal to erase a member who stands for themselves; return its number.

    Raises:
        BadInput: `merged_away`, `erasure_waits`.
    """
    groups = groups_of(tx, house.bucket_count, [member_id])
    head = groups.head_of[member_id]
    if head != member_id:
        raise BadInput(
            f"member {member_id} counts as {head}: erase {head}, or unmerge first", code="merged_away"
        )
    waiting = [one for one in decisions_about(tx, "erasure", member_id) if one.state == "waiting"]
    if waiting:
        raise BadInput(
            f"decision {waiting[0].number} to erase member {member_id} waits for a second person",
            code="erasure_waits",
        )
    detail = Erased(groups.members[head])
    return keep_decision(tx, "erasure", member_id, detail, by, now_ms)


def erase(tx: Transaction, house: House, approved: Decision, now_ms: EpochMs) -> None:
    """Forget a person whose erasure has just been approved, and let every till forget them.

    Raises:
        BadInput: `merges_changed`: others count as the member now than when it was proposed.
    """
    everyone = members_of_erasure(approved)
    groups = groups_of(tx, house.bucket_count, everyone)
    if set(groups.members.get(approved.subject, ())) != set(everyone):
        raise BadInput(
            f"who counts as member {approved.subject} has changed: refuse this and propose it again",
            code="merges_changed",
        )
    forget(tx, house, everyone, now_ms)


def forget(tx: Transaction, house: House, members: Sequence[str], now_ms: EpochMs) -> None:
    """Take from these members what tells who they are, by a decision that was kept for them."""
    if not members:
        return
    bucket_count, asked = house.bucket_count, msgspec.json.encode(members).decode()
    for member_id in members:
        birthday, bucket = _birthday_told(tx, house, member_id), bucket_of(member_id, bucket_count)
        tx.run("accounts.erase_member", bucket=bucket, member_id=member_id, birthday=birthday)
        tx.run("accounts.drop_member_look_ups", bucket=bucket, member_id=member_id)
    forget_enrolments(tx, members)
    names = [
        row for row in tx.all("accounts.look_ups_naming", members=asked) if not row[1].startswith(_NO_PERSON)
    ]
    tx.many("accounts.drop_look_up", [(bucket, name) for bucket, name, _ in names])
    for _, name, member_id in names:
        if not name.startswith("phone:"):  # No event names a phone, so it is free for another member at once.
            digest = digest_of(name)
            bucket = bucket_of(digest, bucket_count)
            tx.run("accounts.add_look_up", bucket=bucket, look_up=digest, member_id=member_id)
    tx.many("house.forget_words", [(member_id,) for member_id in members])
    attached = tx.all("accounts.attachments_to", members=asked)
    tx.many("accounts.drop_attachment", attached)
    told = {*[(bucket, name) for bucket, name, _ in names], *attached}
    tx.many(
        "accounts.forget_account_exception",
        sorted((bucket, "member_unknown", name) for bucket, name in told),
    )
    post(tx, house, Work(renewed=set(members)), now_ms)


def members_of_erasure(decision: Decision) -> tuple[str, ...]:
    """Return whom an erasure is about."""
    return msgspec.json.decode(decision.detail, type=Erased).members


def _birthday_told(tx: Transaction, house: House, member_id: str) -> int | None:
    """Return the birthday without its year where a bonus was given for it: its entry tells that day."""
    member = member_at(tx, house, member_id)
    rules = {bonus.id for one in house.programmes for bonus in one.bonuses if bonus.birthday}
    if member is None or member.birthday is None or not rules:
        return None
    bucket = bucket_of(member_id, house.bucket_count)
    sums: dict[str, int] = {}
    for row in tx.all("accounts.all_entries_of", bucket=bucket, member_id=member_id):
        if row[13] in rules:
            sums[row[13]] = sums.get(row[13], 0) + abs(row[10]) + abs(row[11])
    if not any(sums.values()):
        return None
    born = date_of(Day(member.birthday))
    return day_of(date(_LEAP_YEAR, born.month, born.day))
