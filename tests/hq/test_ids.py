"""An id ends where it ends: a line break after it makes it none, though `$` of a pattern lets one pass."""

from __future__ import annotations

import pytest

from hq_server.fleet import check_id
from hq_server.receipt_keys import SetAside, filed_under
from loyalty_core.errors import BadInput
from loyalty_core.events import EventId, PurchaseRecorded, ReceiptKey
from loyalty_core.journal import Record
from loyalty_core.units import Seq


def test_of_a_store() -> None:
    check_id("S1", "store")
    with pytest.raises(BadInput, match="is not an id"):
        check_id("S1\n", "store")


def test_of_a_till_in_a_receipts_key() -> None:
    def record(till: str) -> Record:
        key = ReceiptKey("S1", till, 20_777, "1")
        event = PurchaseRecorded(None, 1_795_000_000_000, 20_777, key, 1000, 0, (), ())
        return Record(event=event, adapter="http", monotonic_ms=1)

    where = EventId("S1-T1", 1, 0, Seq(1))
    filed = filed_under(record("T1"), where, "S1")
    assert filed is not None
    with pytest.raises(SetAside, match="as none is spelled"):
        filed_under(record("T1\n"), where, "S1")
