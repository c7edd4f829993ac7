"""Redemptions are what the journal says of them, also when their table is filled anew."""

from __future__ import annotations

from edge_agent import closing
from edge_agent.repair.rebuilding import rebuild
from edge_agent.store.database import transaction
from tests.edge.made import purchase, void
from tests.edge.redemptions.redeeming_till import HOLD, RedeemingTill, code, coupon_of, receipt, rich
from tests.edge.repair.day import DERIVED, dump


def test_every_redemption_is_filled_anew_as_it_was(till: RedeemingTill) -> None:
    till.know(rich(coupons=(coupon_of(),)))
    till.commit(till.authorise(1000), receipt("1"))
    till.record(purchase("1", on="2026-12-05"))
    key = purchase("1", on="2026-12-05")["receipt"]
    till.record(
        void("v1", original=key, occurred_at="2026-12-05T11:00:00+09:00") | {"receipt": key | {"number": "v"}}
    )
    till.cancel(till.authorise(1000))
    till.commit(till.authorise(coupon=code()), receipt("2"))
    till.authorise(1000)
    till.clock.go_on(HOLD + 1)
    assert till.lapse() == 1
    till.authorise(1000, receipt=receipt("9"))
    with transaction(till.conn):
        closing.close_some(till.conn, till.recorder)
    before = dump(till.conn, *DERIVED)
    states = sorted(row[1] for row in before["redemption"])
    assert states == ["authorised", "cancelled", "committed", "committed", "lapsed"]
    with transaction(till.conn):
        rebuild(till.conn, till.recorder)
    assert dump(till.conn, *DERIVED) == before
