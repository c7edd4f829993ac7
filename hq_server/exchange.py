"""One round trip with a till: verify, keep and post what it brings; answer with what it lacks.

Three steps, each on its own: opening needs no write; `apply` is one write transaction; the answer is read
after that one is durable, so nothing is acknowledged that could be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from hq_server import deliver
from hq_server.accept import (
    Opened,
    Run,
    Terminal,
    check_approved,
    check_key,
    open_exchange,
    terminal_of_key,
)
from hq_server.archive.seeing import BatchArchived
from hq_server.clock_reports import note_clocks
from hq_server.clocks import note_meeting
from hq_server.closings import closing_of, follow
from hq_server.config import CLOCK_TOLERANCE_MS, HqConfig
from hq_server.enrolments import sealing_public_key, take_enrolments
from hq_server.epochs import Own, Standing, own, stand
from hq_server.handed_back import take_back
from hq_server.holds import answer_asks
from hq_server.house import House, load_house
from hq_server.keeping import Kept, keep
from hq_server.key_book import Keyring
from hq_server.keys import keys_in_reach
from hq_server.lineage import Journals
from hq_server.open_days import note_open_days
from hq_server.poison import write_without_poison
from hq_server.quotas import Visit
from hq_server.seen import note_seen
from hq_server.snapshots import pages
from hq_server.spread import spread
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from hq_server.technicians import told_to
from loyalty_core.envelope import seal
from loyalty_core.events import EventId, MemberEnrolled
from loyalty_core.lineage import Segment
from loyalty_core.messages import (
    BATCHES_MAX,
    Acknowledgement,
    Answer,
    Directive,
    Exchange,
    Refusal,
    Reply,
    Wanted,
)
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack

RETURNED_BYTES_MAX: Final = 6 * 1024 * 1024
"""The most of its own batches that a till is given back at once: one of any size fits."""

QUEUE_SHARE: Final = 10
"""A till is told of so many times fewer members while it brings a queue: most would be told of again."""


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer needs besides the database: HQ's private keys and the bounds."""

    keys: Keyring
    snapshot_rows_max: int
    next_in_ms: int
    clock_tolerance_ms: int = CLOCK_TOLERANCE_MS


def answering_of(config: HqConfig) -> Answering:
    """Return what answers need, as the settings say."""
    return Answering(
        keys=Keyring(lambda: [key for key, _ in keys_in_reach(config, "server")]),
        snapshot_rows_max=config.limits.snapshot_rows_max,
        next_in_ms=config.limits.next_in_ms,
        clock_tolerance_ms=config.clock_tolerance_ms,
    )


class Outcome(msgspec.Struct, frozen=True):
    """What came of a request: refusals, how the till stands, answers to asks.

    `batches` had news, which were `events`.
    """

    refusals: tuple[Refusal, ...]
    standing: Standing
    answers: tuple[Answer, ...]
    batches: int
    events: int


async def exchange(
    database: Database, answering: Answering, body: bytes, now_ms: EpochMs, visit: Visit
) -> tuple[bytes, Outcome]:
    """Return the signed reply to a till's request, and what came of it.

    Raises:
        TooMuch: the terminal has had its share for now.
        BadWire, BadEnvelope: the bytes are no signed request.
        TerminalRefused: the terminal is unknown, pending or revoked.
        Busy: another process holds the database.
    """

    def open_(tx: Transaction) -> Opened:
        return open_exchange(tx, body, load_house(tx).newest.programme_id, now_ms, visit.admit)

    opened = await database.read(open_)
    visit.add(sum(sum(map(len, run.records)) for run in opened.runs if isinstance(run, Run)))
    outcome = await take(database, answering, opened, now_ms, spent=visit.worked)
    reply = await database.read(lambda tx: answer(tx, answering, opened, outcome, now_ms))
    return reply, outcome


async def take(
    database: Database,
    answering: Answering,
    opened: Opened,
    now_ms: EpochMs,
    *,
    carried: bool = False,
    spent: Callable[[float], None] = lambda _: None,
) -> Outcome:
    """Take all that a request brings: first programmes that headquarters lost, then the rest by `apply`.

    `spent` hears what the latter took, as of `Database.write`.
    """
    refused = await take_back(
        database, answering.keys, opened.terminal.store_id, opened.exchange.programmes, now_ms
    )
    tolerance_ms = answering.clock_tolerance_ms

    def applied(tx: Transaction, opened: Opened) -> Outcome:
        return apply(tx, opened, now_ms, carried=carried, clock_tolerance_ms=tolerance_ms)

    outcome = await write_without_poison(database, opened, applied, spent)
    return msgspec.structs.replace(outcome, refusals=(*refused, *outcome.refusals))


def apply(
    tx: Transaction,
    opened: Opened,
    now_ms: EpochMs,
    *,
    carried: bool = False,
    clock_tolerance_ms: int = CLOCK_TOLERANCE_MS,
) -> Outcome:
    """Accept, spread and post a request. A batch that is refused does not hold up the others.

    `carried` if it came by hand: when it was made is not known. A till's clock may be so far off as
    `clock_tolerance_ms`.
    """
    tx.one("arrivals.lock_store", store_id=opened.terminal.store_id)
    house = load_house(tx)
    terminal = terminal_of_key(tx, opened.signed_by) or opened.terminal
    check_key(tx, terminal, opened.signed_by, now_ms)
    check_approved(terminal)
    request = opened.exchange
    journals = Journals(tx, terminal.store_id, terminal.terminal_id)
    results = [
        run if isinstance(run, Refusal) else keep(tx, journals, terminal, run, request.older, now_ms)
        for run in opened.runs
    ]
    kept = [one for one in results if isinstance(one, Kept)]
    held = [one for one in results if not isinstance(one, Refusal)]
    refused = [one for one in results if isinstance(one, Refusal)]
    standing = stand(tx, journals, terminal, request, held, refused, now_ms)
    enrolled: Sequence[tuple[EventId, MemberEnrolled]] = ()
    if kept:
        spreading = spread(tx, house, terminal, kept, now_ms)
        deliver.deliver(tx, house, terminal, spreading, now_ms)
        deliver.dispute(tx, house, spreading, now_ms)
        follow(tx, terminal, kept, now_ms)
        note_clocks(tx, house, terminal, kept, now_ms, carried=carried, tolerance_ms=clock_tolerance_ms)
        enrolled = spreading.enrolled
    take_enrolments(tx, house, terminal, enrolled, request.sealed, now_ms)
    refusals = (*refused, *standing.refusals)
    events = sum(len(one.records) for one in kept)
    if standing.behind:
        # Somebody may have repeated an old request: neither is the till seen by it, nor are points held.
        return Outcome(refusals, standing, (), len(kept), events)
    place = standing.place
    if place is not None and not carried:
        note_meeting(tx, terminal, place, now_ms)
    if place is not None:
        state = closing_of(tx, terminal, place.epoch, place.branch)
        if state.counted == place.end:
            note_open_days(tx, terminal, place, state.last_day, now_ms)
    placed = not request.asks or own(journals, request, standing.brought).lineage is not None
    asks = request.asks if placed else ()
    answers = answer_asks(tx, house, terminal, asks, now_ms)
    note_seen(tx, terminal, request, now_ms, news=bool(kept))
    return Outcome(refusals, standing, answers, len(kept), events)


def answer(tx: Transaction, answering: Answering, opened: Opened, outcome: Outcome, now_ms: EpochMs) -> bytes:
    """Return the signed reply: acknowledgements, refusals, members that changed, programmes, keys."""
    house, request, terminal = load_house(tx), opened.exchange, opened.terminal
    signing = answering.keys.signing(tx)
    signers = signing.to(request.hq_key)
    store = tx.one("arrivals.store", store_id=terminal.store_id)
    look_up_key: bytes = store[4] if store else b""
    cursors = request.cursors
    rows_max = answering.snapshot_rows_max
    if _brings_queue(opened):
        rows_max = max(1, rows_max // QUEUE_SHARE)
    journals = Journals(tx, terminal.store_id, terminal.terminal_id)
    till = own(journals, request, outcome.standing.brought)
    lineage = till.lineage or ()
    snapshot, more = (
        pages(tx, house, terminal, lineage, look_up_key, cursors.buckets, now_ms, rows_max)
        if is_told(house, request, till)
        else ((), True)
    )
    keys, more_keys = signing.book.told_to(request.hq_key, request.programme_key)
    # Who has not been told of all keys yet cannot believe what the last of them has signed.
    envelopes = [] if more_keys else tx.all("house.programme_envelopes", after=cursors.programme_version)
    returned, archived = _returned(journals, request, lineage)
    reply = Reply(
        nonce=request.nonce,
        incarnation=house.incarnation,
        hq_time_ms=now_ms,
        receipts=_acknowledgements(house, signers, terminal, outcome.standing),
        refusals=(*outcome.refusals, *archived),
        pages=snapshot,
        programmes=tuple([envelope for (envelope,) in envelopes]),
        answers=outcome.answers,
        directives=(*outcome.standing.directives, *_programmes_lost(house, request)),
        next_in_ms=0 if more or more_keys else answering.next_in_ms,
        keys=keys,
        returned=returned,
        sealing_public_key=sealing_public_key(tx),
        technicians=told_to(tx, terminal.store_id, request.technicians, now_ms),
    )
    return seal("dangol/reply/1", pack(reply), *signers)


def is_told(house: House, request: Exchange, till: Own) -> bool:
    """Tell whether a till is told of members: all its own records are known, its cursors are of this life.

    Since one of before a restore nobody knows what has changed: the till asks again, from the first.
    """
    return till.whole and request.incarnation in (None, house.incarnation)


def _programmes_lost(house: House, request: Exchange) -> Iterator[Directive]:
    """Yield what asks a till for programmes of which it has later ones than headquarters: it was restored."""
    newest = house.newest.version
    if request.cursors.programme_version > newest:
        yield Directive("programmes", newest)


def _returned(
    journals: Journals, request: Exchange, lineage: Sequence[Segment]
) -> tuple[tuple[bytes, ...], tuple[Refusal, ...]]:
    """Return the till's own batches that hold the records it wants, as many as a reply takes.

    Beside them why one is not there that it wants: it is in the archive.
    """
    wanted, found = request.wants, list[bytes]()
    if wanted is None:
        return (), ()
    try:
        for envelope in _wanted(journals, wanted, lineage):
            if len(found) == BATCHES_MAX or sum(map(len, found)) + len(envelope) > RETURNED_BYTES_MAX:
                break
            found.append(envelope)
    except BatchArchived as error:
        return tuple(found), (Refusal(wanted.epoch, wanted.first_seq, error.code, str(error), 0),)
    return tuple(found), ()


def _wanted(journals: Journals, wanted: Wanted, lineage: Sequence[Segment]) -> Iterator[bytes]:
    """Yield the batches of a lineage that hold these records."""
    for segment in lineage:
        if segment.epoch != wanted.epoch or segment.end < wanted.first_seq:
            continue
        end = min(segment.end, wanted.last_seq)
        yield from journals.batches(msgspec.structs.replace(segment, end=end), wanted.first_seq)


def _brings_queue(opened: Opened) -> bool:
    """Tell whether the till brings records and has more of them to bring."""
    brought = sum(len(run.records) for run in opened.runs if isinstance(run, Run))
    return 0 < brought < opened.exchange.health.waiting


def _acknowledgements(
    house: House, signers: tuple[bytes, ...], terminal: Terminal, standing: Standing
) -> tuple[bytes, ...]:
    made = []
    for one in standing.held:
        place = one.place
        held = Acknowledgement(
            terminal.terminal_id, place.epoch, place.branch, place.end, one.hash, house.incarnation
        )
        made.append(seal("dangol/receipt/1", pack(held), *signers))
    return tuple(made)
