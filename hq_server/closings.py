"""What journals hold of each business day against what their tills declare (`day_closed`), and watermarks.

Records are counted as they arrive, in the exchange's transaction: one row a day and kind of event that a
request touches, and only the days that it touches are compared, so that one more event costs the same however
many there are. A day to which late events have come is compared when the till has declared it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.day_totals import take_totals
from hq_server.exceptions import ArrivalException, close_arrivals, restate_arrivals
from hq_server.keeping import Kept
from hq_server.lineage import Journals, name_of
from hq_server.open_days import note_gap, place_of
from hq_server.store.connection import Transaction, Value
from loyalty_core.calendar import business_day, date_of
from loyalty_core.control import DayFigures, Tally, add_tallies, count_records, declared, differing, figures
from loyalty_core.envelope import peek
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import DayClosed
from loyalty_core.journal import Record, unpack_record
from loyalty_core.lineage import Segment
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.units import Day, EpochMs
from loyalty_core.wire import unpack

EVER: Final = 2**62
"""Beyond the end of any journal."""
_FIGURES: Final = msgspec.json.Decoder(DayFigures)


class Closing(msgspec.Struct, frozen=True):
    """How far a journal is counted, and its first and last day that were declared without a gap between.

    `behind` is 1 where records were kept before they were counted.
    """

    counted: int = 0
    behind: int = 0
    first_day: int | None = None
    last_day: int | None = None


class Declared(msgspec.Struct, frozen=True):
    """A till's last word on a day: the seq of its `day_closed`, the figures, and when it was written."""

    seq: int
    figures: DayFigures
    closed_at_ms: int


class _Run(msgspec.Struct, frozen=True):
    """Records of one journal, those that can be read with their seqs, up to `last_seq`."""

    terminal: Terminal
    epoch: int
    branch: int
    numbered: list[tuple[int, Record]]
    last_seq: int
    received_at_ms: EpochMs


def follow(tx: Transaction, terminal: Terminal, kept: Sequence[Kept], now_ms: EpochMs) -> None:
    """Count kept runs, compare the days that they declare or change, and move the watermark.

    A journal whose earlier records are not counted yet waits for `count_earlier`.
    """
    for run in kept:
        state = closing_of(tx, terminal, run.epoch, run.branch)
        if run.branched:
            state = _branched(tx, terminal, run)
        if state.counted == run.first_seq - 1:
            numbered = _numbered(run.first_seq, run.says)
            _take(tx, _Run(terminal, run.epoch, run.branch, numbered, run.last.end, now_ms), state, behind=0)


def count_earlier(tx: Transaction) -> bool:
    """Count one kept batch of a journal that is behind; returns whether there was one. Resumable."""
    row = tx.one("arrivals.closing_behind")
    if row is None:
        return False
    store_id, terminal_id, epoch, branch = row
    terminal = Terminal(store_id, terminal_id, "", "", b"", epoch)
    state = closing_of(tx, terminal, epoch, branch)
    batches = tx.all(
        "arrivals.batches_after", **_journal(terminal, epoch, branch), seq=state.counted, count=2
    )
    if not batches:
        _put(tx, terminal, epoch, branch, msgspec.structs.replace(state, behind=0))
        return True
    first_seq, last_seq, envelope, received_at_ms = batches[0]
    batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
    says = [_said(record) for record in unpack_records(batch.packed)[first_seq - batch.first_seq :]]
    run = _Run(terminal, epoch, branch, _numbered(first_seq, says), last_seq, EpochMs(received_at_ms))
    _take(tx, run, state, behind=int(len(batches) > 1))
    return True


def closing_of(tx: Transaction, terminal: Terminal, epoch: int, branch: int) -> Closing:
    """Return how far a journal is counted and closed."""
    row = tx.one("arrivals.closing", **_journal(terminal, epoch, branch))
    return Closing() if row is None else Closing(*row)


def held_of(
    tx: Transaction, terminal: Terminal, epoch: int, branch: int, days: Iterable[int]
) -> dict[int, DayFigures]:
    """Return what a journal holds of these business days, those with anything; also what it shares."""
    journals = Journals(tx, terminal.store_id, terminal.terminal_id)
    wanted, found = _json(days), dict[tuple[Day, int], Tally]()
    for one in journals.path(Segment(epoch, branch, EVER)) if branch else [Segment(epoch, branch, EVER)]:
        journal = _journal(terminal, one.epoch, one.branch)
        kept = {
            (day, code): Tally(*tally)
            for day, code, *tally in tx.all("arrivals.counts_of_days", **journal, days=wanted)
        }
        add_tallies(found, _up_to(journals, one, kept))
    tallies: dict[int, list[tuple[int, Tally]]] = {}
    for (day, code), tally in found.items():
        tallies.setdefault(day, []).append((code, tally))
    return {day: figures(of_day) for day, of_day in tallies.items()}


def declared_of(
    tx: Transaction, terminal: Terminal, epoch: int, branch: int, days: Iterable[int]
) -> dict[int, Declared]:
    """Return the last word on these business days, where there is one."""
    rows = tx.all("arrivals.closed_days", **_journal(terminal, epoch, branch), days=_json(days))
    return {day: Declared(seq, _FIGURES.decode(said), closed_at_ms) for day, seq, said, closed_at_ms in rows}


def closed_differs(terminal: Terminal, epoch: int, branch: int, day: int) -> tuple[str, str, str]:
    """Return the name of the exception that a till's word on a day and what is held of it make."""
    name = name_of(terminal.terminal_id, epoch, branch)
    return terminal.store_id, "day_closed_differs", f"{name}/{date_of(Day(day))}"


def _branched(tx: Transaction, terminal: Terminal, run: Kept) -> Closing:
    """Return how a branch begins: counted as far as it shares records, with the days that those close."""
    journals = Journals(tx, terminal.store_id, terminal.terminal_id)
    *shared, _ = journals.path(run.last)
    if not shared:
        return Closing()
    left = shared[-1]
    before = closing_of(tx, terminal, left.epoch, left.branch)
    row = tx.one(
        "arrivals.last_closed",
        **_journal(terminal, left.epoch, left.branch),
        seq=left.end,
        last_day=before.last_day,
    )
    last_day = None if row is None else row[0]
    return Closing(left.end, 0, None if last_day is None else before.first_day, last_day)


def _up_to(
    journals: Journals, segment: Segment, kept: Mapping[tuple[Day, int], Tally]
) -> dict[tuple[Day, int], Tally]:
    """Return what of a journal's counts lies in a segment: what goes beyond its end is counted again."""
    found = {key: tally for key, tally in kept.items() if tally.last_seq <= segment.end}
    beyond = {key: tally for key, tally in kept.items() if tally.first_seq <= segment.end < tally.last_seq}
    if beyond:
        first = min(tally.first_seq for tally in beyond.values())
        numbered: dict[int, Record] = {}
        for envelope in journals.batches(segment, first):
            batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
            says = [_said(record) for record in unpack_records(batch.packed)]
            numbered |= dict(_numbered(batch.first_seq, says))
        inside = [(seq, record) for seq, record in sorted(numbered.items()) if first <= seq <= segment.end]
        found |= {key: tally for key, tally in count_records(inside).items() if key in beyond}
    return found


def _take(tx: Transaction, run: _Run, state: Closing, *, behind: int) -> None:
    tallies = count_records(run.numbered)
    journal = tuple(_journal(run.terminal, run.epoch, run.branch).values())
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
    take_totals(tx, run.terminal, run.epoch, run.branch, run.numbered, run.received_at_ms)
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
    first_day, last_day = _advance(tx, run, state, [event.business_day for _, event in closed])
    _put(tx, run.terminal, run.epoch, run.branch, Closing(run.last_seq, behind, first_day, last_day))
    _compare(tx, run, {day for day, _ in tallies} | {Day(event.business_day) for _, event in closed})
    if last_day != state.last_day:
        name = (run.terminal.store_id, "day_open", run.terminal.terminal_id)
        close_arrivals(tx, [name], run.received_at_ms)


def _believed(tx: Transaction, run: _Run) -> list[tuple[int, DayClosed]]:
    """Return the declarations of days that are over; a till that was ahead of time says the others again."""
    closed = [(seq, record.event) for seq, record in run.numbered if isinstance(record.event, DayClosed)]
    if not closed:
        return []
    terminal, last = run.terminal, closed[-1][1].business_day
    today = business_day(run.received_at_ms, place_of(tx, terminal))
    name = (terminal.store_id, "clock_ahead", terminal.terminal_id)
    if last < today:
        close_arrivals(tx, [name], run.received_at_ms)
    else:
        sentence = f"{terminal.terminal_id} has closed {date_of(Day(last))}, which is not over: set its clock"
        restate_arrivals(tx, [ArrivalException(*name, sentence)], run.received_at_ms)
    return [(seq, event) for seq, event in closed if event.business_day < today]


def _advance(tx: Transaction, run: _Run, state: Closing, days: list[int]) -> tuple[int | None, int | None]:
    """Return the first day of the journal and the last one up to which no day is missing."""
    first, last = state.first_day, state.last_day
    for day in days:
        if first is None or last is None:
            first = last = day
            followed = _followed(tx, run)
            before = closing_of(tx, run.terminal, followed.epoch, followed.branch).last_day
            note_gap(tx, run.terminal, followed, before, day, run.received_at_ms)
        elif day == last + 1:
            last = day
    if last is not None and last != state.last_day:
        journal = _journal(run.terminal, run.epoch, run.branch)
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
    restate_arrivals(tx, found, run.received_at_ms)
    close_arrivals(tx, gone, run.received_at_ms)


def _put(tx: Transaction, terminal: Terminal, epoch: int, branch: int, state: Closing) -> None:
    tx.run("arrivals.put_closing", **_journal(terminal, epoch, branch), **msgspec.structs.asdict(state))


def _numbered(first_seq: int, says: Iterable[Record | LoyaltyError]) -> list[tuple[int, Record]]:
    return [(seq, said) for seq, said in enumerate(says, start=first_seq) if isinstance(said, Record)]


def _said(record: bytes) -> Record | LoyaltyError:
    try:
        return unpack_record(record)
    except LoyaltyError as error:
        return error


def _journal(terminal: Terminal, epoch: int, branch: int) -> dict[str, Value]:
    return {
        "store_id": terminal.store_id,
        "terminal_id": terminal.terminal_id,
        "epoch": epoch,
        "branch": branch,
    }


def _json(days: Iterable[int]) -> str:
    return msgspec.json.encode(list(days)).decode()
