"""Which journals there are, how long they are and what of them waits, found without reading them through."""

from __future__ import annotations

from edge_agent.store import journal, outbox
from edge_agent.store.database import Connection
from loyalty_core.messages import Acknowledgement, Incarnation
from tests.edge.till import Till


def _write(conn: Connection, epoch: int, branch: int, records: int) -> None:
    conn.executemany(
        "INSERT INTO journal (epoch, branch, seq, record, hash) VALUES (?, ?, ?, x'90', zeroblob(32))",
        [(epoch, branch, seq) for seq in range(1, records + 1)],
    )


def test_a_till_without_records_has_no_journal(till: Till) -> None:
    assert journal.epochs(till.conn) == []
    assert (journal.count(till.conn), outbox.waiting(till.conn)) == (0, (0, None, None))


def test_every_epoch_and_branch_is_found_in_order_and_counted(till: Till) -> None:
    for epoch, branch, records in ((3, 0, 4), (1, 2, 1), (1, 0, 3), (7, 0, 2)):
        _write(till.conn, epoch, branch, records)
    assert journal.epochs(till.conn) == [(1, 0), (1, 2), (3, 0), (7, 0)]
    assert journal.count(till.conn) == 10


def test_what_waits_is_summed_over_epochs_and_the_oldest_is_named(till: Till) -> None:
    _write(till.conn, 1, 0, 3)
    _write(till.conn, 1, 1, 5)
    _write(till.conn, 2, 0, 4)
    assert outbox.waiting(till.conn) == (7, 1, 1)
    life = Incarnation(1, b"r" * 16)
    outbox.acknowledge(till.conn, Acknowledgement("S012-T03", 1, 0, 3, bytes(32), life))
    outbox.acknowledge(till.conn, Acknowledgement("S012-T03", 2, 0, 1, bytes(32), life))
    assert outbox.waiting(till.conn) == (3, 2, 2)
