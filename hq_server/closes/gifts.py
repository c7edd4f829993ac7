"""Gifts that tiers gave: which wait to be handed out, to whom, and that each is handed out once."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from hq_server.closes.benefits import benefit_id
from hq_server.decisions import person
from hq_server.fleet_view import at_text
from hq_server.house import House
from hq_server.members import member_at
from hq_server.merges import groups_of
from hq_server.references import places_json
from hq_server.store.connection import Row, Transaction
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs

PAGE_MAX: Final = 1000
_NAME: Final = re.compile("B(0|[1-9][0-9]{0,3})[.]([1-9][0-9]{0,17})")
_FIRST: Final = (-1, 0)


class GiftView(msgspec.Struct, frozen=True, kw_only=True):
    """A gift of a member's tier for a validity period; `handed_at` is None while it waits."""

    gift_id: str
    member_id: str
    names: dict[str, str]
    tier: str
    validity: str
    issued_at: str
    handed_at: str | None
    handed_by: str | None


def gifts(
    tx: Transaction, *, waiting: bool = False, after: str = "", count: int = PAGE_MAX
) -> list[GiftView]:
    """Return gifts after one of an id, at most so many.

    Raises:
        BadInput: `gift_not_found`, where `after` is no id of a gift.
    """
    bucket, number = _FIRST if after == "" else _place(after)
    rows = tx.all(
        "accounts.gifts",
        after_bucket=bucket,
        after_no=number,
        waiting=int(waiting),
        count=min(count, PAGE_MAX),
    )
    return [_view(row) for row in rows]


def gifts_of(tx: Transaction, house: House, member_id: str, *, waiting: bool = False) -> list[GiftView]:
    """Return the gifts of a member, and of all who count as the member.

    Of two members who became one after both were given the same, one waits at most.
    """
    group = groups_of(tx, house.bucket_count, [member_id])
    keys = places_json(group.members[group.head_of[member_id]], house.bucket_count)
    every = [_view(row) for row in tx.all("accounts.gifts_of", members=keys)]
    if not waiting:
        return every
    handed = {_what(one) for one in every if one.handed_at is not None}
    first = {_what(one): one for one in reversed(every)}
    return [one for one in every if _what(one) not in handed and first[_what(one)] is one]


def hand_over(tx: Transaction, house: House, gift_id: str, by: str, now_ms: EpochMs) -> GiftView:
    """Note that a gift was handed out, and by whom.

    Raises:
        BadInput: `gift_not_found`, `gift_handed_out`, also to who counts as the same member;
            `member_erased`, `name_missing`.
    """
    by, (bucket, number) = person(by), _place(gift_id)
    gift = _gift(tx, bucket, number)
    if gift.handed_at is not None:
        raise BadInput(
            f"{gift_id} was handed out at {gift.handed_at} by {gift.handed_by}", code="gift_handed_out"
        )
    member = member_at(tx, house, gift.member_id)
    if member is not None and member.erased:
        raise BadInput(
            f"{gift_id} is of member {gift.member_id}, who was erased: nobody can be shown to be its owner",
            code="member_erased",
        )
    for other in gifts_of(tx, house, gift.member_id):
        if other.handed_at is not None and _what(other) == _what(gift):
            raise BadInput(
                f"{gift_id} is the same gift as {other.gift_id}, which {other.handed_by} handed out at "
                f"{other.handed_at}: members {gift.member_id} and {other.member_id} count as one",
                code="gift_handed_out",
            )
    tx.run("accounts.hand_over", bucket=bucket, benefit_no=number, handed_at_ms=now_ms, handed_by=by)
    return _gift(tx, bucket, number)


def _what(gift: GiftView) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return what a member gets once: the gift, and for which validity period."""
    return gift.validity, frozenset(gift.names.items())


def _gift(tx: Transaction, bucket: int, number: int) -> GiftView:
    row = tx.one("accounts.benefit_numbered", bucket=bucket, benefit_no=number)
    if row is None or row[3] != "gift":
        raise _unknown(benefit_id(bucket, number))
    member_id, validity, benefit, _, tier, *times = row
    return _view((bucket, number, member_id, validity, benefit, tier, *times))


def _place(gift_id: str) -> tuple[int, int]:
    found = _NAME.fullmatch(gift_id)
    if found is None:
        raise _unknown(gift_id)
    return int(found[1]), int(found[2])


def _unknown(gift_id: str) -> BadInput:
    return BadInput(f'there is no gift "{gift_id}": see hq-server gift list', code="gift_not_found")


def _view(row: Row) -> GiftView:
    bucket, number, member_id, validity, benefit, tier, issued_at_ms, handed_at_ms, handed_by = row
    return GiftView(
        gift_id=benefit_id(bucket, number),
        member_id=member_id,
        names=msgspec.json.decode(benefit.removeprefix("gift:"), type=dict[str, str]),
        tier=tier,
        validity=validity,
        issued_at=at_text(issued_at_ms),
        handed_at=None if handed_at_ms is None else at_text(handed_at_ms),
        handed_by=handed_by,
    )
