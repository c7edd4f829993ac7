"""Members are told to tills again where a programme changes what a till must know of each of them.

A row says what stands for a member, and that follows the postings. But a version may bring a bonus for the
first in life, of which a row says whether that has been, or for birthdays, of which tills are not told
otherwise; and one that has just come into force may allow more to be spent offline. Then every till gets its
members once more, a bucket a transaction.
"""

from __future__ import annotations

from hq_server.feed.audience import FEED
from hq_server.house import House, load_house
from hq_server.store.connection import Transaction
from loyalty_core.programme import Programme
from loyalty_core.units import EpochMs


def told_as(house: House, now_ms: EpochMs) -> str:
    """Return what rows depend on of the programmes, the same text for as long as they say the same."""
    if not house.programmes:
        return ""
    redeem = house.in_force(house.today(now_ms)).redeem
    offline = 0 if redeem is None else redeem.offline_points
    firsts = [
        str(one.version)
        for before, one in zip((None, *house.programmes), house.programmes, strict=False)
        if _firsts(one) != _firsts(before)
    ]
    return f"offline {offline}, birthdays {int(house.has_birthdays(now_ms))}, firsts {' '.join(firsts)}"


def note_told(tx: Transaction, house: House, now_ms: EpochMs) -> None:
    """Note by which rules members were told so far, where nobody has: before a new version is published."""
    tx.run("accounts.note_told", told_as=told_as(house, now_ms))


def retelling_is_due(tx: Transaction, now_ms: EpochMs) -> bool:
    """Tell whether there is a bucket whose members tills were told of by other rules."""
    return tx.one("accounts.bucket_told_otherwise", told_as=told_as(load_house(tx), now_ms)) is not None


def retell_some(tx: Transaction, now_ms: EpochMs) -> None:
    """Tell all tills again of the members of one bucket of which they were told by other rules."""
    house = load_house(tx)
    note_told(tx, house, now_ms)
    rules = told_as(house, now_ms)
    found = tx.one("accounts.bucket_told_otherwise", told_as=rules)
    if found is None:
        return
    ((bucket, number, *_),) = tx.all("accounts.lock_buckets", buckets=f"[{found[0]}]")
    tx.run("accounts.tell_again", bucket=bucket, change_no=number, feed=FEED)
    (last,) = tx.one("accounts.last_change", bucket=bucket) or (None,)
    last = max(number, last or 0)
    tx.run("accounts.bucket_is_told", bucket=bucket, change_no=last, told_as=rules)


def _firsts(programme: Programme | None) -> list[object]:
    return [] if programme is None else [bonus for bonus in programme.bonuses if bonus.first]
