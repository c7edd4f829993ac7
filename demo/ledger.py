"""What headquarters holds: the bytes of every record, what stands of them, and every point. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from demo.processes import Till
from hq_server.day_view import TerminalDay, terminal_days
from hq_server.house import House, load_house
from hq_server.ledger import LedgerAccount, ledger_accounts
from hq_server.periods import PeriodStatus, status
from hq_server.reconcile import ExceptionView, Wanted, open_exceptions
from hq_server.references import bucket_of, keys_json
from hq_server.store.connection import Transaction, reading
from hq_server.store.sqlite.connection import connect
from loyalty_core.entries import PointEntry, Step
from loyalty_core.envelope import peek
from loyalty_core.events import EventId
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.units import Day, EpochMs, Seq
from loyalty_core.wire import unpack

Points = tuple[int, int]
"""(redeemable, qualifying)"""

ZERO: Final = (0, 0)
BEGINNING: Final = 5
"""Movements of a history that are shown, and so should be of many kinds."""
_AWARDS: Final = ("earn", "clawback")
_STEPS: Final = msgspec.json.Decoder(tuple[Step, ...])


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """What HQ holds. `kept` says which bytes of each record, `posted` which points its event earned or lost.

    `counted` is in how many accounts' days an event stands, `flows` the redeemable points of each kind of
    entry, `days` the business days as HQ reconciles them. `waited` are returns and claims that came before
    their purchase. `stories` tells how much there is to see where a member's history begins.
    """

    kept: dict[EventId, list[bytes]]
    posted: dict[EventId, Points]
    counted: Counter[EventId]
    flows: Counter[str]
    balances: dict[str, int]
    totals: dict[str, int]
    stories: dict[str, Points]
    days: list[tuple[Day, TerminalDay]]
    waited: int
    exceptions: list[ExceptionView]
    period: PeriodStatus


def read_ledger(
    hq: Path, tills: Iterable[Till], days: Iterable[Day], period_id: str, now_ms: EpochMs
) -> Ledger:
    """Return what HQ holds in one state of its store."""
    with closing(connect(hq, read_only=True)) as connection, reading(connection) as tx:
        house = load_house(tx)
        waited = [Wanted(kind=kind, state="closed") for kind in ("return_waiting", "claim_waiting")]
        ledger = Ledger(
            kept={},
            posted={},
            counted=Counter(),
            flows=Counter(),
            balances={},
            totals={},
            stories={},
            days=[(day, one) for day in days for one in terminal_days(tx, day)],
            waited=sum(len(open_exceptions(tx, now_ms, each)) for each in waited),
            exceptions=open_exceptions(tx, now_ms),
            period=status(tx, house, period_id, now_ms),
        )
        for till in tills:
            _read_kept(tx, till, ledger)
        for account in _accounts(tx, house):
            _read_account(account, ledger, period_id)
        return ledger


def hq_balances(hq: Path) -> dict[str, int]:
    """Return each member's balance as the sum of the entries, not as the account says it."""
    with closing(connect(hq, read_only=True)) as connection, reading(connection) as tx:
        return {account.member_id: _balance(account) for account in _accounts(tx, load_house(tx))}


def held_cards(hq: Path, cards: Iterable[str]) -> tuple[int, int]:
    """Return how many of these cards HQ does not know but holds something for, and how many receipts."""
    with closing(connect(hq, read_only=True)) as connection, reading(connection) as tx:
        house = load_house(tx)
        keys = [(bucket_of(f"card:{card}", house.bucket_count), f"card:{card}") for card in cards]
        found = {name for (name,) in tx.all("accounts.held_references", keys=keys_json(keys))}
        receipts = sum(
            len(tx.all("accounts.held_receipts", bucket=bucket, reference=name))
            for bucket, name in keys
            if name in found
        )
    return len(found), receipts


def _read_kept(tx: Transaction, till: Till, ledger: Ledger) -> None:
    """Take the records out of the batches that HQ has acknowledged to a till."""
    where = {"store_id": till.store_id, "terminal_id": till.terminal_id}
    for epoch, branch, *_ in tx.all("arrivals.heads", **where):
        for row in tx.each("arrivals.batches", **where, epoch=epoch, branch=branch):
            first, last, _, envelope, *_ = row
            batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
            for seq, data in enumerate(unpack_records(batch.packed), start=batch.first_seq):
                if first <= seq <= last:
                    event = EventId(till.terminal_id, epoch, branch, Seq(seq))
                    ledger.kept.setdefault(event, []).append(data)


def _read_account(account: LedgerAccount, ledger: Ledger, period_id: str) -> None:
    member_id, posted = account.member_id, sorted(account.posted, key=lambda one: one.entry.business_day)
    ledger.balances[member_id] = _balance(account)
    for fact in chain.from_iterable(account.facts.days.values()):
        ledger.counted[fact.item.id] += 1
        if fact.item.earns:
            ledger.counted.update(back.id for back in fact.takebacks)
    for entry in account.entries:
        kind = _kind(entry)
        ledger.flows[kind] += entry.redeemable
        if kind in _AWARDS:
            redeemable, qualifying = ledger.posted.get(entry.event, ZERO)
            ledger.posted[entry.event] = redeemable + entry.redeemable, qualifying + entry.qualifying
        if entry.period_id == period_id:
            ledger.totals[member_id] = ledger.totals.get(member_id, 0) + entry.qualifying
    begins = posted[:BEGINNING]
    steps = chain.from_iterable(_STEPS.decode(one.steps) for one in begins)
    kinds = {_kind(one.entry) for one in begins}
    ledger.stories[member_id] = len(kinds), len({(step.rule, step.kind) for step in steps})


def _accounts(tx: Transaction, house: House) -> Iterable[LedgerAccount]:
    return chain.from_iterable(ledger_accounts(tx, house, bucket) for bucket in range(house.bucket_count))


def _balance(account: LedgerAccount) -> int:
    return sum(entry.redeemable for entry in account.entries)


def _kind(entry: PointEntry) -> str:
    """Return the kind of an entry, of a correction that of what it corrects."""
    return entry.corrects or entry.kind


def causes_of(ledger: Ledger, terminal_id: str) -> Counter[str]:
    """Return how many points of a till differ from what it answered, by the cause that HQ keeps."""
    found: Counter[str] = Counter()
    for _, day in ledger.days:
        if day.terminal_id == terminal_id:
            found.update(day.awards)
    return found
