"""Member-days that no programme version covers: an exception each, until one does or nothing of it stands."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from hq_server.derivation import Rulebook
from hq_server.differences import Touched
from hq_server.exceptions import AccountException, close_accounts, open_accounts
from hq_server.house import House
from hq_server.references import places_json
from hq_server.store.connection import Transaction
from hq_server.work import MemberDay
from loyalty_core.calendar import date_of
from loyalty_core.units import Day, EpochMs

KIND: Final = "programme_missing"


def note_coverage(
    tx: Transaction, house: House, rules: Rulebook, touched: Touched, whole: Collection[str], now_ms: EpochMs
) -> None:
    """Open and close the exceptions of these member-days, as they are now.

    Of members who were derived as a `whole` all others are closed: it is told of the head only.
    """
    bare = {key for key in touched if rules.programme_on(key[1]) is None}
    missing = {
        key for key in bare if any(one.item.earns and one.standing is not None for one in touched[key][0])
    }
    gone = [_exception(*key) for key in bare - missing]
    if whole:
        stands = {_subject(*key) for key in missing}
        keys = places_json(whole, house.bucket_count)
        for member, subject in tx.all("accounts.open_exceptions_of", kind=KIND, members=keys):
            if subject not in stands:
                gone.append(AccountException(member, KIND, subject))
    open_accounts(tx, [_exception(*key) for key in sorted(missing)], house.bucket_count, now_ms)
    close_accounts(tx, gone, house.bucket_count, now_ms)


def cover(tx: Transaction, house: House, days: Iterable[MemberDay], now_ms: EpochMs) -> None:
    """Close the exceptions of member-days that a programme version covers now."""
    rules = Rulebook(house)
    covered = [_exception(member, day) for member, day in days if rules.programme_on(day) is not None]
    close_accounts(tx, covered, house.bucket_count, now_ms)


def _exception(member: str, day: int) -> AccountException:
    date = date_of(Day(day)).isoformat()
    sentence = f"no programme version covers {date}: nothing is posted"
    return AccountException(member, KIND, _subject(member, day), sentence)


def _subject(member: str, day: int) -> str:
    return f"{member}/{date_of(Day(day)).isoformat()}"
