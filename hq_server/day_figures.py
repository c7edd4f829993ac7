"""What a journal holds of a business day, and what its till declares of it. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.lineage import Journals, name_of
from hq_server.store.connection import Transaction, Value
from loyalty_core.calendar import date_of
from loyalty_core.control import DayFigures, Tally, add_tallies, count_records, figures
from loyalty_core.envelope import peek
from loyalty_core.errors import LoyaltyError
from loyalty_core.journal import Record, unpack_record
from loyalty_core.lineage import Segment
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.units import Day
from loyalty_core.wire import unpack

EVER: Final = 2**62
"""Beyond the end of any journal."""
_FIGURES: Final = msgspec.json.Decoder(DayFigures)


class Declared(msgspec.Struct, frozen=True):
    """A till's last word on a day: the seq of its `day_closed`, the figures, and when it was written."""

    seq: int
    figures: DayFigures
    closed_at_ms: int


def held_of(
    tx: Transaction, terminal: Terminal, epoch: int, branch: int, days: Iterable[int]
) -> dict[int, DayFigures]:
    """Return what a journal holds of these business days, those with anything; also what it shares."""
    journals = Journals(tx, terminal.store_id, terminal.terminal_id)
    wanted, found = _json(days), dict[tuple[Day, int], Tally]()
    for one in journals.path(Segment(epoch, branch, EVER)) if branch else [Segment(epoch, branch, EVER)]:
        journal = journal_keys(terminal, one.epoch, one.branch)
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
    rows = tx.all("arrivals.closed_days", **journal_keys(terminal, epoch, branch), days=_json(days))
    return {day: Declared(seq, _FIGURES.decode(said), closed_at_ms) for day, seq, said, closed_at_ms in rows}


def closed_differs(terminal: Terminal, epoch: int, branch: int, day: int) -> tuple[str, str, str]:
    """Return the name of the exception that a till's word on a day and what is held of it make."""
    name = name_of(terminal.terminal_id, epoch, branch)
    return terminal.store_id, "day_closed_differs", f"{name}/{date_of(Day(day))}"


def numbered_of(first_seq: int, says: Iterable[Record | LoyaltyError]) -> list[tuple[int, Record]]:
    """Return the records that can be read, with their seqs."""
    return [(seq, said) for seq, said in enumerate(says, start=first_seq) if isinstance(said, Record)]


def said_of(record: bytes) -> Record | LoyaltyError:
    """Return what a record says, or why it cannot be read."""
    try:
        return unpack_record(record)
    except LoyaltyError as error:
        return error


def journal_keys(terminal: Terminal, epoch: int, branch: int) -> dict[str, Value]:
    """Return the parameters that name a journal."""
    return {
        "store_id": terminal.store_id,
        "terminal_id": terminal.terminal_id,
        "epoch": epoch,
        "branch": branch,
    }


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
            says = [said_of(record) for record in unpack_records(batch.packed)]
            numbered |= dict(numbered_of(batch.first_seq, says))
        inside = [(seq, record) for seq, record in sorted(numbered.items()) if first <= seq <= segment.end]
        found |= {key: tally for key, tally in count_records(inside).items() if key in beyond}
    return found


def _json(days: Iterable[int]) -> str:
    return msgspec.json.encode(list(days)).decode()
