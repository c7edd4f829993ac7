"""Where headquarters places a run of records, against comparing whole journals."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from loyalty_core.journal import chain, first_hash, place_run
from loyalty_core.units import Seq


@given(
    st.lists(st.binary(max_size=4), max_size=8),
    st.lists(st.binary(max_size=4), max_size=8),
    st.integers(1, 9),
    st.integers(0, 8),
)
def test_a_run_is_placed_where_comparing_the_journals_would_place_it(
    kept: list[bytes], theirs: list[bytes], first: int, count: int
) -> None:
    start = first_hash("T1", 1)
    head = len(kept)
    ours = dict(enumerate([start, *chain(start, kept)]))
    hashes = chain(start, theirs)
    before = (start if first == 1 else hashes[first - 2]) if first - 1 <= len(hashes) else b"?" * 32
    run = hashes[first - 1 : first - 1 + count]
    known = {seq: value for seq, value in ours.items() if first - 1 <= seq < first + len(run)}
    verdict = place_run(Seq(head), Seq(first), before, run, known)
    differing = next(
        (seq for seq in range(1, min(head, len(theirs)) + 1) if kept[seq - 1] != theirs[seq - 1]), None
    )
    if first > head + 1:
        assert (verdict.kind, verdict.seq) == ("gap", head + 1)
    elif before == b"?" * 32:
        assert verdict.kind == "fork"
    elif differing is not None and differing < first:
        assert (verdict.kind, verdict.seq) == ("fork", first - 1)
    elif differing is not None and differing < first + len(run):
        assert (verdict.kind, verdict.seq) == ("fork", differing)
    elif first + len(run) - 1 > head:
        assert (verdict.kind, verdict.seq) == ("next", max(first, head + 1))
    else:
        assert (verdict.kind, verdict.seq) == ("known", head)
