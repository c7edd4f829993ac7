"""Where a run belongs among what headquarters holds is told by hashes that are kept beside the batches."""

from __future__ import annotations

import pytest

from hq_server import lineage
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase
from tests.hq.test_audit import run_audit


@pytest.mark.parametrize("before_hashes_were_kept", [False, True])
async def test_where_a_run_belongs_is_told_without_unpacking_what_is_kept_unless_it_has_no_hashes(
    hq: Hq, tills: Tills, monkeypatch: pytest.MonkeyPatch, before_hashes_were_kept: bool
) -> None:
    """Or a till with many branches and large batches would hold up all others."""
    first = await tills.join()
    for number in range(4):
        first.record(purchase(str(number)))
    second = first.copied()
    for number in range(4, 8):
        first.record(purchase(str(number)))
        second.record(purchase(f"b{number}"))
    third = second.copied()
    del third.records[6:]
    third.record(purchase("c"))
    if not before_hashes_were_kept:
        monkeypatch.setattr(lineage, "_unpacked", None)
    await tills.send(first)
    assert second.acknowledged(await tills.send(second, second.batch(2, 5), second.batch(6))) == {1: 8}
    kept = hq.sql("SELECT branch, first_seq, length(hashes) / 32 FROM batch_hashes ORDER BY 1, 2")
    assert kept == [(0, 1, 8), (1, 6, 3)]
    if before_hashes_were_kept:
        hq.sql("DELETE FROM batch_hashes")
    assert third.acknowledged(await tills.send(third, third.batch(7))) == {1: 7}
    parted = hq.sql(
        "SELECT branch, seq, parent_seq FROM heads JOIN journals USING (terminal_id, epoch, branch)"
    )
    assert parted == [(0, 8, None), (1, 8, 4), (2, 7, 6)]
    run_audit(hq)
