"""What follows from the journal is filled anew from it, and is what it was."""

from __future__ import annotations

from edge_agent.repair.checking import check_derived
from edge_agent.repair.rebuilding import rebuild
from edge_agent.store.database import transaction
from tests.edge.repair.day import DERIVED, dump, lived
from tests.edge.till import Till


def test_every_derived_table_is_filled_anew_as_it_was(till: Till) -> None:
    lived(till)
    before = dump(till.conn, *DERIVED)
    assert all(before[table] for table in DERIVED if table != "redemption")
    assert check_derived(till.conn) is None
    with transaction(till.conn):
        rebuild(till.conn, till.recorder)
    assert dump(till.conn, *DERIVED) == before
