"""Whatever the totals: whoever has the same or a smaller gap is covered, or named with why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

import hypothesis.strategies as st
from hypothesis import given, settings

from hq_server.config import Grants
from hq_server.decisions import said
from hq_server.desk.cases import appeal, open_case
from hq_server.desk.rulings import Asked, propose_grant
from hq_server.house import load_house
from hq_server.references import bucket_of
from hq_server.store.connection import Connection, Transaction, writing
from loyalty_core.errors import BadInput
from loyalty_core.tiers import gap
from tests.hq.appeals import PERIOD, TOTALS, Appeals, closed

__all__ = ["closed"]
ASSESSED: Final = {"M5", "M7"}
"""Who holds SILVER by the close, whatever their total is made here."""
OTHERS: Final = sorted(TOTALS)[1:]
near = st.one_of(st.integers(90, 100), st.integers(290, 300), st.integers(-3, 310))
drawn = st.fixed_dictionaries(dict.fromkeys(TOTALS, near))


class _Undo(Exception):
    """Ends a transaction as if it had never been."""


def test_whoever_has_the_same_or_a_smaller_gap_is_covered_or_named(closed: Appeals) -> None:
    ladder = closed.read(lambda _, house: house.newest.ladder)
    now, by = closed.hq.clock(), said("kim", "so near")

    @settings(max_examples=60, deadline=None)
    @given(drawn, st.sets(st.sampled_from(OTHERS), max_size=2), st.booleans())
    def holds(totals: dict[str, int], granted: set[str], alone: bool) -> None:
        mine = gap(totals["M1"], ladder)
        if mine is None:
            return
        gaps = {member: gap(points, ladder) for member, points in totals.items()}
        alike = {
            member
            for member, theirs in gaps.items()
            if theirs is not None and theirs.tier == mine.tier and theirs.missing <= mine.missing
        }
        held = alike & (granted | (ASSESSED if mine.tier.code == "SILVER" else set()))
        with _standing(connection, totals) as tx:
            _grant(tx, granted, mine.tier.code)
            house = load_house(tx)
            evidence = appeal(tx, house, "M1", PERIOD, now)
            number = open_case(tx, house, "M1", evidence, "", "kim", now)
            asked = Asked(reason_code="hardship" if alone else "near-miss", alone=alone)
            made = propose_grant(tx, house, Grants(), number, asked, evidence, by, now)
            covered = {row[0] for row in tx.all("accounts.covered_by", decision=made, count=100)}
            named = {one.member_id: one.ruled for one in evidence.alike.listed}
        assert named.keys() == alike
        assert {member for member, ruled in named.items() if ruled == "holds"} == held
        assert covered == ({"M1"} if alone else alike - held)

    with closed.hq.opened() as connection:
        holds()


def test_the_same_total_gets_the_same_evidence(closed: Appeals) -> None:
    now = closed.hq.clock()

    @settings(max_examples=40, deadline=None)
    @given(drawn, st.sampled_from(sorted(TOTALS.keys() - ASSESSED - {"M1"})))
    def same(totals: dict[str, int], other: str) -> None:
        totals[other] = totals["M1"]
        found: list[object] = []
        with _standing(connection, totals) as tx:
            for member in ("M1", other):
                try:
                    one = appeal(tx, load_house(tx), member, PERIOD, now)
                    found.append((one.tier, one.missing, one.alike, one.moves))
                except BadInput as error:
                    found.append(error.code)
        assert found[0] == found[1]

    with closed.hq.opened() as connection:
        same()


@contextmanager
def _standing(connection: Connection, totals: Mapping[str, int]) -> Iterator[Transaction]:
    """Lend a transaction in which members have these totals, and undo it."""
    with suppress(_Undo), writing(connection) as tx:
        for member, points in totals.items():
            bucket = bucket_of(member, 64)
            row = tx.one("accounts.total_of", bucket=bucket, member_id=member, period_id=PERIOD)
            more = points - (row[0] if row else 0)
            tx.many("accounts.add_to_total", [(bucket, member, PERIOD, 0, more, 0)])
        yield tx
        raise _Undo


def _grant(tx: Transaction, granted: set[str], tier: str) -> None:
    for member in granted:
        tx.run(
            "accounts.add_grant",
            bucket=bucket_of(member, 64),
            member_id=member,
            decision=99,
            period_id=PERIOD,
            tier=tier,
            from_day=0,
            until_day=99_999,
            granted_at_ms=1,
        )
