"""From references to members: a delivered receipt finds its member's day, or is held until the member comes.

Writes the accounts side only. `attach` ends the waiting: it moves what was held and keeps the decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hq_server.accept import Terminal
from hq_server.arrivals import Place
from hq_server.conflicts import COUPON, DISPUTES, Dispute, disputes_in
from hq_server.coupons import holder_of
from hq_server.exceptions import (
    AccountException,
    close_accounts,
    close_arrivals,
    open_accounts,
    open_arrivals,
)
from hq_server.holds import release
from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.posting import post
from hq_server.receipt_facts import facts_of, receipt_rules
from hq_server.references import bucket_of, members_of, places_json
from hq_server.spread import RESOLVED, Spread
from hq_server.store.connection import Transaction, Values
from hq_server.work import Stamp, Version, Work
from loyalty_core.lookups import card_of
from loyalty_core.receipts import fold_receipt
from loyalty_core.units import EpochMs


def deliver(tx: Transaction, house: House, terminal: Terminal | None, spread: Spread, now_ms: EpochMs) -> int:
    """Post what a spread changed; returns how many entries that made. Delivering twice is harmless.

    Without a terminal it was HQ that decided: no event of any till touches anybody.
    """
    touched = spread.touched if terminal is not None else {}
    owners = {name for one in spread.deliveries for name in (one.owner, one.owner_before) if name is not None}
    members = members_of(tx, owners.union(name for name, _, _ in touched), house.bucket_count)
    work, held = Work(), _Held(house, now_ms)
    for one in spread.deliveries:
        day = one.resolved.business_day if one.resolved is not None else 0
        before = one.owner_before
        if before is not None and (_place(members, before), one.day_before) != (
            _place(members, one.owner),
            day,
        ):
            gone = Version(one.version, None, None)
            if before in members:
                work.put(members[before], one.day_before, one.receipt_id, gone)
            else:
                held.receipt(before, one.day_before, one.receipt_id, gone)
        if one.owner is not None and one.resolved is not None:
            stands = Version(one.version, one.resolved, one.encoded)
            if one.owner in members:
                work.put(members[one.owner], day, one.receipt_id, stands)
            else:
                held.receipt(one.owner, day, one.receipt_id, stands)
    for (name, epoch, branch), seq in touched.items():
        place = epoch, branch, seq
        if terminal is not None and name in members:
            work.stamps.append(Stamp(members[name], terminal.terminal_id, terminal.store_id, place))
        elif terminal is not None:
            held.stamp(name, terminal, place)
    held.write(tx)
    release(tx, house, [(members[name], id_) for id_, name in spread.redeemed.items() if name in members])
    return post(tx, house, work, now_ms)


def dispute(tx: Transaction, house: House, spread: Spread, now_ms: EpochMs) -> None:
    """Open an exception for every dispute between two members; two names of one are no dispute."""
    _judge(tx, house, spread.disputed, now_ms)


def attach(tx: Transaction, house: House, pairs: Iterable[tuple[str, str]], now_ms: EpochMs) -> int:
    """Give what is held for each (reference, member id) to that member; returns how many held anything.

    The decision is kept. A hash that is known now resolves by itself from here on.
    """
    wanted = dict(pairs)
    keys = places_json(wanted, house.bucket_count)
    found = [name for (name,) in tx.all("accounts.held_references", keys=keys)]
    work = Work()
    for name in found:
        member, bucket = wanted[name], bucket_of(name, house.bucket_count)
        for receipt_id, day, version, blob in tx.all("accounts.held_receipts", bucket=bucket, reference=name):
            resolved = None if blob is None else RESOLVED.decode(blob)
            work.put(member, day, receipt_id, Version(version, resolved, blob))
        for terminal_id, audience, *place in tx.all("accounts.held_stamps", bucket=bucket, reference=name):
            work.stamps.append(Stamp(member, terminal_id, audience, (place[0], place[1], place[2])))
        tx.run("accounts.attach", bucket=bucket, reference=name, member_id=member, attached_at_ms=now_ms)
        if name.startswith("h:"):
            tx.run("accounts.add_look_up", bucket=bucket, look_up=name, member_id=member)
        for statement in ("forget_held_receipts", "forget_held_stamps", "forget_held_hash"):
            tx.run(f"accounts.{statement}", bucket=bucket, reference=name)
        if _is_spelled(name):
            card = card_of(name)
            card_bucket = bucket_of(card, house.bucket_count)
            tx.run("accounts.forget_held_spelling", bucket=card_bucket, card=card, reference=name)
    close_accounts(tx, [_unknown(name) for name in found], house.bucket_count, now_ms)
    post(tx, house, work, now_ms)
    return len(found)


def settle_disputes(tx: Transaction, house: House, now_ms: EpochMs, *, closed_too: bool = False) -> None:
    """Close every dispute over two names that have turned out to be one member's.

    With `closed_too` closed ones are judged again, and opened where the names are two members' now.
    """
    disputed: list[Dispute] = []
    for kind in sorted(DISPUTES):
        for store_id, subject, key in tx.all("arrivals.disputes", kind=kind, closed_too=int(closed_too)):
            facts = facts_of(tx, store_id, [key]).get(key, [])
            folded = {key: fold_receipt(facts, receipt_rules(tx, house, [store_id])[store_id])}
            found = disputes_in(store_id, folded)
            disputed += [one for one in found if one.exception.subject == subject]
    _judge(tx, house, disputed, now_ms)


def _judge(tx: Transaction, house: House, disputed: Sequence[Dispute], now_ms: EpochMs) -> None:
    """Open the disputes between two members, and close those between members who count as one.

    The latter are kept, for the day on which the members are two again.
    """
    names = {name for one in disputed for name in (one.owner, one.other)}
    members = members_of(tx, names, house.bucket_count)
    for name in names:
        holder = holder_of(tx, name.removeprefix(COUPON)) if name.startswith(COUPON) else None
        members |= {} if holder is None else {name: holder}
    head_of = groups_of(tx, house.bucket_count, members.values()).head_of

    def place(name: str) -> str:
        return members.get(name, f"?{name}")

    def head(name: str) -> str:
        return head_of.get(place(name), place(name))

    open_arrivals(tx, [one.exception for one in disputed if place(one.owner) != place(one.other)], now_ms)
    settled = [one.exception for one in disputed if head(one.owner) == head(one.other)]
    close_arrivals(tx, [(one.store_id, one.kind, one.subject) for one in settled], now_ms)


class _Held:
    """Rows to write for references that no member has."""

    def __init__(self, house: House, now_ms: EpochMs) -> None:
        self._house, self._now_ms = house, now_ms
        self._receipts: list[Values] = []
        self._stamps: list[Values] = []
        self._changed: set[str] = set()
        self._hashes: set[tuple[str, str]] = set()
        self._spelled: set[str] = set()

    def receipt(self, reference: str, day: int, receipt_id: str, version: Version) -> None:
        """Hold one receipt."""
        row = (self._bucket(reference), reference, receipt_id, day, version.version, version.encoded)
        self._receipts.append(row)
        self._changed.add(reference)

    def stamp(self, reference: str, terminal: Terminal, place: Place) -> None:
        """Hold the last event of the terminal that named this reference."""
        row = (self._bucket(reference), reference, terminal.terminal_id, terminal.store_id, *place)
        self._stamps.append(row)
        if reference.startswith("h:"):
            self._hashes.add((reference, terminal.store_id))
        if _is_spelled(reference):
            self._spelled.add(reference)

    def write(self, tx: Transaction) -> None:
        """Write all that is held."""
        tx.many("accounts.hold_receipt", self._receipts)
        tx.many("accounts.hold_stamp", self._stamps)
        hashes = [(self._bucket(name), name, store_id, self._now_ms) for name, store_id in self._hashes]
        tx.many("accounts.hold_hash", hashes)
        cards = {name: card_of(name) for name in self._spelled}
        tx.many("accounts.hold_spelling", [(self._bucket(card), card, name) for name, card in cards.items()])
        self._tell(tx)

    def _tell(self, tx: Transaction) -> None:
        """Open an exception for what receipts wait for, close it where the last one has moved away."""
        if not self._changed:
            return
        keys = places_json(self._changed, self._house.bucket_count)
        waiting = {name for (name,) in tx.all("accounts.waiting_references", keys=keys)}
        gone = self._changed - waiting
        bucket_count = self._house.bucket_count
        open_accounts(tx, [_unknown(name) for name in waiting], bucket_count, self._now_ms)
        close_accounts(tx, [_unknown(name) for name in gone], bucket_count, self._now_ms)

    def _bucket(self, reference: str) -> int:
        return bucket_of(reference, self._house.bucket_count)


def _unknown(reference: str) -> AccountException:
    return AccountException(
        reference,
        "member_unknown",
        reference,
        "receipts are held for a card or phone that no member has: import the member, or tell the store",
    )


def _is_spelled(reference: str) -> bool:
    """Tell whether a reference is a card in another spelling than the one it is looked for by."""
    return reference.startswith(("id:", "card:")) and card_of(reference) != reference


def _place(members: dict[str, str], reference: str | None) -> str | None:
    """Return where a reference's receipts lie: with its member, or under the reference itself."""
    return reference if reference is None else members.get(reference, f"?{reference}")
