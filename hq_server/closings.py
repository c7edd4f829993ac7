"""What journals hold of each business day against what their tills declare (`day_closed`), and watermarks.

Records are counted as they arrive, in the exchange's transaction: one row a day and kind of event that a
request touches, and only the days that it touches are compared, so that one more event costs the same however
many there are. A day to which late events have come is compared when the till has declared it again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hq_server.accept import Terminal
from hq_server.day_figures import (
    EVER,
    closed_differs,
    declared_of,
    held_of,
    journal_keys,
    numbered_of,
    said_of,
)
from hq_server.day_totals import take_totals
from hq_server.exceptions import ArrivalException, close_arrivals, restate_arrivals
from hq_server.keeping import Kept
from hq_server.lineage import Journals
from hq_server.open_days import note_gap, place_of
from hq_server.store.connection import Transaction
from loyalty_core.calendar import business_day, date_of
from loyalty_core.control import count_records, declared, differing, figures
from loyalty_core.envelope import peek
from loyalty_core.events import DayClosed
from loyalty_core.journal import Record
from loyalty_core.lineage import Segment
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.units import Day, EpochMs
from loyalty_core.wire import unpack


class Closing(msgspec.Struct, frozen=True):
    """How far a journal is counted, and its first and last day that were declared without a gap between.

    `behind` is 1 where records were kept before they were counted.
    """

    counted: int = 0
    behind: int = 0
    first_day: int | None = None
    last_day: int | None = None


class _Run(msgspec.Struct, frozen=True):
    """Records of one journal, those that can be read with their seqs, up to `last_seq`.

    `again` where what came after them was counted before them.
    """

    terminal: Terminal
    epoch: int
    branch: int
    numbered: list[tuple[int, Record]]
    last_seq: int
    received_at_ms: EpochMs
    now_ms: EpochMs
    again: bool = False


def follow(tx: Transaction, terminal: Terminal, kept: Sequence[Kept], now_ms: EpochMs) -> None:
    """Count kept runs, compare the days that they declare or change, and move the watermark.

    A journal whose earlier records are not counted yet waits for `count_earlier`.
    """
    for run in kept:
        state = closing_of(tx, terminal, run.epoch, run.branch)
        if run.branched:
            state = _branched(tx, terminal, run.last)
        if state.counted == run.first_seq - 1:
            numbered = numbered_of(run.first_seq, run.says)
            _take(tx, _Run(terminal, run.epoch, run.branch, numbered, run.last.end, now_ms, now_ms), state)


def count_again(
    tx: Transaction,
    terminal: Terminal,
    epoch: int,
    branch: int,
    numbered: Sequence[tuple[int, Record]],
    received_at_ms: EpochMs,
    now_ms: EpochMs,
) -> None:
    """Count records of a journal that could not be read when it was counted; they were received then.

    Days are compared again in every branch that shares them, and watermarks follow from all declarations.
    """
    state = closing_of(tx, terminal, epoch, branch)
    late = [(seq, record) for seq, record in numbered if seq <= state.counted]
    if not late:
        return
    run = _Run(terminal, epoch, branch, late, state.counted, received_at_ms, now_ms, again=True)
    closed, days = _count(tx, run)
    journals = Journals(tx, terminal.store_id, terminal.terminal_id)
    for one in journals.of(epoch):
        path = journals.path(Segment(epoch, one, EVER))
        if any(part.branch == branch and part.end >= late[0][0] for part in path):
            of_branch = msgspec.structs.replace(run, branch=one)
            if closed:
                _follow_again(tx, of_branch)
            _compare(tx, of_branch, days)


def count_earlier(tx: Transaction) -> bool:
    """Count one kept batch of a journal that is behind; returns whether there was one. Resumable."""
    row = tx.one("arrivals.closing_behind")
    if row is None:
        return False
    store_id, terminal_id, epoch, branch = row
    terminal = Terminal(store_id, terminal_id, "", "", b"", epoch)
    state = closing_of(tx, terminal, epoch, branch)
    batches = tx.all(
        "arrivals.batches_after", **journal_keys(terminal, epoch, branch), seq=state.counted, count=2
    )
    if not batches:
        done = msgspec.structs.replace(state, behind=0)
        tx.run(
            "arrivals.put_closing", **journal_keys(terminal, epoch, branch), **msgspec.structs.asdict(done)
        )
        return True
    first_seq, last_seq, envelope, received_at_ms = batches[0]
    batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
    says = [said_of(record) for record in unpack_records(batch.packed)[first_seq - batch.first_seq :]]
    came_ms = EpochMs(received_at_ms)
    run = _Run(terminal, epoch, branch, numbered_of(first_seq, says), last_seq, came_ms, came_ms)
    _take(tx, run, state, behind=int(len(batches) > 1))
    return True


def closing_of(tx: Transaction, terminal: Terminal, epoch: int, branch: int) -> Closing:
    """Return how far a journal is counted and closed."""
    row = tx.one("arrivals.closing", **journal_keys(terminal, epoch, branch))
    return Closing() if row is None else Closing(*row)


def _branched(tx: Transaction, terminal: Terminal, last: Segment) -> Closing:
    """Return how a branch begins: counted as far as it shares records, with the days that those close."""
    journals = Journals(tx, terminal.store_id, terminal.terminal_id)
    *shared, _ = journals.path(last)
    if not shared:
        return Closing()
    left = shared[-1]
    before = closing_of(tx, terminal, left.epoch, left.branch)
    row = tx.one(
        "arrivals.last_closed",
        **journal_keys(terminal, left.epoch, left.branch),
        seq=left.end,
        last_day=before.last_day,
    )
    last_day = None if row is None else row[0]
    return Closing(left.end, 0, None if last_day is None else before.first_day, last_day)


def _take(tx: Transaction, run: _Run, state: Closing, *, behind: int = 0) -> None:
    closed, days = _count(tx, run)
    first_day, last_day = _advance(tx, run, state, closed)
    _put(tx, run, state, Closing(run.last_seq, behind, first_day, last_day))
    _compare(tx, run, days)


def _follow_again(tx: Transaction, run: _Run) -> None:
    """Work out the watermark of a journal from its beginning."""
    state = closing_of(tx, run.terminal, run.epoch, run.branch)
    begins = _branched(tx, run.terminal, Segment(run.epoch, run.branch, EVER))
    rows = tx.all("arrivals.declarations", **journal_keys(run.terminal, run.epoch, run.branch))
    first_day, last_day = _advance(tx, run, begins, [day for (day,) in rows])
    _put(tx, run, state, msgspec.structs.replace(state, first_day=first_day, last_day=last_day))


def _count(tx: Transaction, run: _Run) -> tuple[list[int], set[Day]]:
    """Count a run and keep what it declares; returns the days that it declares, and all that it changes."""
    tallies = count_records(run.numbered)
    journal = tuple(journal_keys(run.terminal, run.epoch, run.branch).values())
    tx.many(
        "arrivals.count_day",
        [
            (
                *(*journal, day, code, tally.count, tally.net_minor, tally.redeemable, tally.qualifying),
                *(tally.first_seq, tally.last_seq),
            )
            for (day, code), tally in tallies.items()
        ],
    )
    take_totals(tx, run.terminal, run.epoch, run.branch, run.numbered, run.now_ms)
    closed = _believed(tx, run)
    tx.many(
        "arrivals.close_day",
        [
            (
                *(*journal, event.business_day, seq, msgspec.json.encode(declared(event)).decode()),
                event.occurred_at_ms,
            )
            for seq, event in closed
        ],
    )
    days = [event.business_day for _, event in closed]
    return days, {day for day, _ in tallies} | {Day(day) for day in days}


def _believed(tx: Transaction, run: _Run) -> list[tuple[int, DayClosed]]:
    """Return the declarations of days that are over; a till that was ahead of time says the others again."""
    closed = [(seq, record.event) for seq, record in run.numbered if isinstance(record.event, DayClosed)]
    if not closed:
        return []
    terminal, last = run.terminal, closed[-1][1].business_day
    today = business_day(run.received_at_ms, place_of(tx, terminal))
    name = (terminal.store_id, "clock_ahead", terminal.terminal_id)
    if last < today and not run.again:
        close_arrivals(tx, [name], run.now_ms)
    elif not run.again:
        sentence = f"{terminal.terminal_id} has closed {date_of(Day(last))}, which is not over: set its clock"
        restate_arrivals(tx, [ArrivalException(*name, sentence)], run.now_ms)
    return [(seq, event) for seq, event in closed if event.business_day < today]


def _advance(tx: Transaction, run: _Run, state: Closing, days: list[int]) -> tuple[int | None, int | None]:
    """Return the first day of the journal and the last one up to which no day is missing."""
    first, last = state.first_day, state.last_day
    for day in days:
        if first is None or last is None:
            first = last = day
            followed = _followed(tx, run)
            before = closing_of(tx, run.terminal, followed.epoch, followed.branch).last_day
            note_gap(tx, run.terminal, followed, before, day, run.now_ms)
        elif day == last + 1:
            last = day
    if last is not None and last != state.last_day:
        journal = journal_keys(run.terminal, run.epoch, run.branch)
        for (day,) in tx.all("arrivals.closed_after", **journal, business_day=last):
            if day != last + 1:
                break
            last = day
    return first, last


def _followed(tx: Transaction, run: _Run) -> Segment:
    """Return which journal this one follows; a till that began anew follows the epoch before."""
    journals = Journals(tx, run.terminal.store_id, run.terminal.terminal_id)
    lineage = journals.lineage(Segment(run.epoch, run.branch, EVER))
    before = [one for one in lineage if one.epoch < run.epoch]
    return before[-1] if before else Segment(run.epoch - 1, 0, EVER)


def _compare(tx: Transaction, run: _Run, days: set[Day]) -> None:
    terminal = run.terminal
    said = declared_of(tx, terminal, run.epoch, run.branch, days)
    held = held_of(tx, terminal, run.epoch, run.branch, said) if said else {}
    found, gone = [], []
    for day, word in said.items():
        holds = held.get(day, figures(()))
        name = closed_differs(terminal, run.epoch, run.branch, day)
        phrases = differing(word.figures, holds)
        if not phrases:
            gone.append(name)
        elif holds.last_seq < word.seq:
            sentence = (
                f"the till's figures against headquarters': {'; '.join(phrases)}. Run edge-agent verify "
                "there and hq-server audit here, then explain it with hq-server exceptions explain"
            )
            found.append(ArrivalException(*name, sentence))
    restate_arrivals(tx, found, run.now_ms)
    close_arrivals(tx, gone, run.now_ms)


def _put(tx: Transaction, run: _Run, before: Closing, state: Closing) -> None:
    """Keep how far a journal is counted and closed; a till that has closed a day more leaves none open."""
    journal = journal_keys(run.terminal, run.epoch, run.branch)
    tx.run("arrivals.put_closing", **journal, **msgspec.structs.asdict(state))
    if state.last_day != before.last_day:
        close_arrivals(tx, [(run.terminal.store_id, "day_open", run.terminal.terminal_id)], run.now_ms)
