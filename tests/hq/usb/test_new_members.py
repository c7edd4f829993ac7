"""Who joins at a till without a line is a member once its files were carried, or its line is back."""

from __future__ import annotations

import pytest

from tests.edge.joining import NAME, NEW_CARD, PHONE, join
from tests.edge.made import purchase
from tests.hq.conftest import Hq
from tests.hq.sticks import Stick
from tests.hq.test_audit import run_audit
from tests.hq.usb.carrying import MakeTill, waiting


@pytest.mark.parametrize("road", ["line", "stick"])
def test_who_joined_is_the_member_with_all_points_at_every_till_of_the_store(
    hq: Hq, make_till: MakeTill, stick: Stick, road: str
) -> None:
    till, other = make_till(), make_till()
    join(till, card=NEW_CARD)
    till.record(purchase("1", member=PHONE))
    till.record(purchase("2", member=NEW_CARD))
    for one in (till, other):
        if road == "stick":
            stick.round(one, hq)
        else:
            one.exchange()
    ((member_id, name),) = hq.sql("SELECT member_id, name FROM members WHERE member_id LIKE 'N%'")
    assert name == NAME
    assert hq.balances() == {member_id: 24}
    for one in (till, other):
        for text in (PHONE, NEW_CARD):
            standing = one.standing(text)
            assert (standing.member_id, one.balance(text)) == (member_id, 24)
    assert waiting(till) == 0
    assert hq.exceptions() == []
    run_audit(hq)
