"""Journals: the bytes that tills sent verify, chain, and say what the events and facts say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from hq_server.accept import Terminal, keys_of
from hq_server.archive.moving import named_in
from hq_server.archive.seeing import WithArchive, names_at
from hq_server.arrivals import Arrivals
from hq_server.audit.closings import Counts, Returned, add_counts, check_counts
from hq_server.audit.comparing import Audited, Progress, differs
from hq_server.audit.enrolments import check_enrolment_count, check_enrolments
from hq_server.audit.stamps import Stamps
from hq_server.closings import closing_of
from hq_server.lineage import name_of
from hq_server.read_later import waits
from hq_server.store.connection import Row, Transaction
from hq_server.store.sqlite.archives import Key
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import EventId
from loyalty_core.journal import Record, chain, first_hash, unpack_record
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.units import Seq
from loyalty_core.wire import unpack


def audit_journals(tx: Transaction, done: Audited, stamps: Stamps, progress: Progress) -> int | None:
    """Check every journal and return how many facts were filed with other stores.

    Of batches whose bytes are in an archive that is not at hand only the hashes are compared, and no sum in
    which they would be; then None.
    """
    visiting, enrolled, returned = 0, 0, Returned(tx)
    counts = {tuple(row[:4]): row[4] for row in tx.all("arrivals.event_counts")}
    ends: dict[tuple[str, str, int, int, int], bytes] = {}
    journals = tx.all("arrivals.journals")
    left = {(*row[:2], *row[6:9]) for row in journals if row[6] is not None}
    for store_id, terminal_id, epoch, branch, head, head_hash, *parent in journals:
        terminal = Terminal(store_id, terminal_id, "", "", b"", epoch)
        where = f"{terminal_id}, epoch {epoch}" + (f", branch {branch}" if branch else "")
        seq, last = _start(ends, (store_id, terminal_id, epoch, branch), parent, where)
        begins = seq
        counted: Counts = {}
        unseen = done.unseen
        followed = closing_of(tx, terminal, epoch, branch).counted
        for row in tx.each(
            "arrivals.batches", store_id=store_id, terminal_id=terminal_id, epoch=epoch, branch=branch
        ):
            before = last
            if not row[3]:
                places = (store_id, terminal_id, epoch, branch)
                for number, value in _unseen(tx, places, row, seq, where):
                    seq, last = number, value
                    if (*places, number) in left:
                        ends[*places, number] = value
                done.unseen += 1
                continue
            records, last, seq = _batch(tx, terminal, row, seq, last, where)
            first = seq - len(records) + 1
            for number, value in enumerate(chain(before, records), start=first):
                if (store_id, terminal_id, epoch, branch, number) in left:
                    ends[store_id, terminal_id, epoch, branch, number] = value
            if isinstance(tx, WithArchive):
                _check_names(tx, Key(store_id, terminal_id, epoch, branch, row[0]), seq, records, where)
            says = _said(records, first)
            arrived = _events(tx, terminal, epoch, branch, records, says)
            numbered = [(number, one) for number, one in says if isinstance(one, Record)]
            add_counts(counted, numbered)
            within = [(number, one) for number, one in numbered if number <= followed]
            returned.take(terminal, epoch, branch, within)
            visiting += len(arrived.visiting)
            enrolled += check_enrolments(tx, terminal, (epoch, branch, first, seq), arrived.enrolled)
            stamps.named(terminal_id, arrived.touched)
            done.batches += 1
            done.events += len(records)
            progress("events", len(records))
        if done.unseen == unseen:
            check_counts(tx, terminal, epoch, branch, counted, where)
        if (seq, last) != (head, head_hash):
            differs(where, f"its batches end at record {seq}, its head says {head}, or their hashes differ")
        if counts.pop((store_id, terminal_id, epoch, branch), 0) != seq - begins:
            differs(where, f"there are not {seq - begins} events")
    if counts:
        differs(str(next(iter(counts))), "events stand here of a journal that has no head")
    if done.unseen:
        return None
    returned.check()
    check_enrolment_count(tx, enrolled)
    return visiting


def _check_names(tx: WithArchive, key: Key, last_seq: int, records: tuple[bytes, ...], where: str) -> None:
    if tx.one("arrivals.archived", **msgspec.structs.asdict(key)) is None:
        return
    if names_at(tx, key) != named_in(tx, key, last_seq, records):
        differs(where, f"the names beside the archived batch from record {key.first_seq} on are not its own")


def _unseen(
    tx: Transaction, journal: tuple[str, str, int, int], row: Row, seq: int, where: str
) -> list[tuple[int, bytes]]:
    """Return seq and hash of each record of a batch that is in an archive, as they are kept beside it."""
    first_seq, last_seq, last_hash, _, kept = row
    if tx.one("arrivals.archived", **msgspec.structs.asdict(Key(*journal, first_seq))) is None:
        differs(f"{where}, batch from record {first_seq}", "it has no bytes, and is in no archive")
    kept = last_hash if first_seq == last_seq else kept or b""
    hashes = [kept[at : at + len(last_hash)] for at in range(0, len(kept), len(last_hash))]
    if first_seq != seq + 1 or len(hashes) != last_seq - seq or hashes[-1] != last_hash:
        differs(where, f"what is kept of the archived batch from record {first_seq} on does not fit")
    return list(zip(range(first_seq, last_seq + 1), hashes, strict=True))


def _start(
    ends: Mapping[tuple[str, str, int, int, int], bytes],
    journal: tuple[str, str, int, int],
    parent: Sequence[int | None],
    where: str,
) -> tuple[int, bytes]:
    """Return the record that a journal begins after, and its hash: of a branch, where it leaves another."""
    store_id, terminal_id, epoch, branch = journal
    parent_epoch, parent_branch, parent_seq = parent
    if parent_epoch is None or parent_branch is None or parent_seq is None:
        return 0, first_hash(terminal_id, epoch)
    found = ends.get((store_id, terminal_id, parent_epoch, parent_branch, parent_seq))
    if found is None or (parent_epoch, parent_branch) >= (epoch, branch):
        differs(where, f"it follows record {parent_seq} of epoch {parent_epoch}, which is not there")
    return (parent_seq, found) if parent_epoch == epoch else (0, first_hash(terminal_id, epoch))


def _batch(
    tx: Transaction, terminal: Terminal, row: Row, seq: int, last: bytes, where: str
) -> tuple[tuple[bytes, ...], bytes, int]:
    """Return the records of a kept batch that follow `seq`, the hash of the last, and its seq."""
    first_seq, last_seq, last_hash, envelope, kept = row
    try:
        batch = unpack(open_sealed(envelope, "dangol/batch/1", keys_of(tx, terminal)), Batch)
        records = unpack_records(batch.packed)
    except LoyaltyError as error:
        differs(f"{where}, batch from record {first_seq}", str(error))
    skipped = first_seq - batch.first_seq
    hashes = [batch.before, *chain(batch.before, records)]
    if first_seq != seq + 1 or skipped < 0 or last_seq != batch.first_seq + len(records) - 1:
        differs(where, f"a batch says records {first_seq} to {last_seq}, its bytes and the one before do not")
    if hashes[skipped] != last or hashes[-1] != last_hash:
        differs(f"{where}, batch from record {first_seq}", "its chain does not follow from the record before")
    if kept not in (None, b"".join(hashes[skipped + 1 :])):
        differs(f"{where}, batch from record {first_seq}", "the hashes beside it are not its records'")
    return records[skipped:], last_hash, last_seq


def _said(records: tuple[bytes, ...], first: int) -> list[tuple[int, Record | LoyaltyError]]:
    """Return the seq of each record and what it says, or why it cannot be read."""
    found: list[tuple[int, Record | LoyaltyError]] = []
    for seq, record in enumerate(records, start=first):
        try:
            found.append((seq, unpack_record(record)))
        except LoyaltyError as error:
            found.append((seq, error))
    return found


def _events(
    tx: Transaction,
    terminal: Terminal,
    epoch: int,
    branch: int,
    records: tuple[bytes, ...],
    says: list[tuple[int, Record | LoyaltyError]],
) -> Arrivals:
    """Compare events with what their records say; return what they say."""
    arrived, first = Arrivals(tx, terminal), says[0][0]
    for record, (seq, said) in zip(records, says, strict=True):
        arrived.take(EventId(terminal.terminal_id, epoch, branch, Seq(seq)), record, said)
    stands = tx.all(
        "arrivals.events_between",
        store_id=terminal.store_id,
        terminal_id=terminal.terminal_id,
        epoch=epoch,
        branch=branch,
        first_seq=first,
        last_seq=first + len(records) - 1,
    )
    for row, should in zip(stands, arrived.events, strict=False):
        if row != should[4:]:
            event_id = EventId(terminal.terminal_id, epoch, branch, Seq(row[0]))
            later = row[3] != "taken" and row[3] != should[7] != "unreadable"
            if later and waits(tx, terminal.store_id, event_id):
                raise LoyaltyError(
                    f"event {event_id} can be read now and is not taken yet: audit again while hq-server "
                    "serve runs, which takes it or says in hq-server exceptions list why not",
                    code="records_pending",
                )
            differs(
                f"event {event_id}",
                "it is not what its record says",
            )
    if len(stands) != len(records):
        differs(name_of(terminal.terminal_id, epoch, branch), f"events from record {first} on are missing")
    _visiting(tx, arrived)
    return arrived


def _visiting(tx: Transaction, arrived: Arrivals) -> None:
    """Check that facts about receipts of other stores are filed there."""
    for store_id, *fact in arrived.visiting:
        keys = msgspec.json.encode(fact[:1]).decode()
        if (*fact, 1) not in tx.all("arrivals.facts", store_id=store_id, keys=keys):
            where = ".".join(str(part) for part in (*fact[1:3], fact[4]))
            differs(f"event {where}", f"its fact in store {store_id!s} is missing or differs")
