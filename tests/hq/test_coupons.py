"""Coupons: signed, told to tills, open until used or past, and known when used twice."""

from __future__ import annotations

import base64

import pytest

from loyalty_core.envelope import key_id, open_sealed
from loyalty_core.events import CouponUsed
from loyalty_core.messages import CouponIssued
from loyalty_core.wire import unpack
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY
from tests.hq.test_audit import run_audit
from tests.hq.test_decisions import REWARD, refused
from tests.hq.till import NOW_MS


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("[[tier]]", REWARD + "[[tier]]", 1))
    hq.members(MEMBERS)
    return Desk(hq)


def used(coupon: str, redemption: str, at: int = NOW_MS, member: str | None = "id:M1") -> CouponUsed:
    return CouponUsed(member, at, DAY, coupon, redemption, None)


def test_a_coupon_is_signed_by_headquarters_and_told_to_tills(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till)
    desk.issue("M1", "ball", (DAY, DAY + 9))
    (coupon,) = desk.coupons("M1")
    assert coupon.state == "open"
    code = base64.urlsafe_b64decode(coupon.code + "=" * (-len(coupon.code) % 4))
    keys = {key_id(hq.public_key): hq.public_key}
    signed = unpack(open_sealed(code, "dangol/coupon/1", keys), CouponIssued)
    names = (("en", "golf ball"), ("ko", "골프공"))
    assert signed == CouponIssued("C1", "M1", "ball", names, 0, DAY, DAY + 9)
    desk.send(till)
    assert till.members["M1"].coupons == (code,)
    run_audit(hq)


def test_a_used_coupon_is_told_no_more_and_a_second_use_is_known(hq: Hq, desk: Desk) -> None:
    one, other = desk.till(), desk.till()
    desk.issue("M1", "ball", (DAY, DAY + 9))
    desk.send(one, used("C1", "R1"))
    assert [coupon.state for coupon in desk.coupons("M1")] == ["used"]
    assert one.members["M1"].coupons == ()
    (second,) = desk.send(other, used("C1", "R2", NOW_MS + 5))
    (coupon,) = desk.coupons("M1")
    assert (coupon.state, len(coupon.used_at)) == ("used_twice", 2)
    assert hq.exceptions() == [("coupon_used_twice", str(second))]
    run_audit(hq)


@pytest.mark.parametrize("coupon", ["C9", "C1", "X", "c1", "C01", "C" + "9" * 30])
def test_the_use_of_a_coupon_that_headquarters_never_gave_is_an_exception(
    hq: Hq, desk: Desk, coupon: str
) -> None:
    assert desk.propose() == 1
    (use,) = desk.send(desk.till(), used(coupon, "R1"))
    assert hq.exceptions() == [("coupon_unknown", str(use))]
    desk.merge("M2", "M1")
    desk.unmerge("M2")
    assert hq.exceptions() == [("coupon_unknown", str(use))]
    run_audit(hq)


def test_the_use_of_another_members_coupon_is_an_exception_unless_they_are_one(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.issue("M2", "ball", (DAY, DAY + 9))
    desk.issue("M2", "ball", (DAY, DAY + 9))
    (use,) = desk.send(till, used("C1", "R1"))
    unknown = [("coupon_unknown", str(use))]
    assert hq.exceptions() == unknown
    desk.merge("M2", "M1")
    assert hq.exceptions() == []
    (again,) = desk.send(till, used("C2", "R2"))
    assert hq.exceptions() == []
    desk.unmerge("M2")
    assert hq.exceptions() == [*unknown, ("coupon_unknown", str(again))]
    run_audit(hq)


def test_of_two_uses_the_first_is_asked_whose_the_coupon_is(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.issue("M1", "ball", (DAY, DAY + 9))
    (right,) = desk.send(till, used("C1", "R1", NOW_MS + 5))
    assert hq.exceptions() == []
    hq.clock.now += 1
    (wrong,) = desk.send(till, used("C1", "R2", NOW_MS, "id:M2"))
    told = [("coupon_unknown", str(wrong)), ("coupon_used_twice", str(right))]
    assert hq.exceptions() == told
    hq.clock.now += 1
    desk.send(till, used("C1", "R3", NOW_MS + 9))
    assert len(hq.exceptions()) == 3
    opened = "SELECT opened_at_ms FROM arrival_exceptions WHERE kind = 'coupon_unknown'"
    assert hq.sql(opened) == [(NOW_MS + 1,)]


def test_who_used_a_coupon_without_a_name_or_by_an_unknown_card_is_asked_for(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    for _ in range(2):
        desk.issue("M1", "ball", (DAY, DAY + 9))
    nobody, stranger = desk.send(till, used("C1", "R1", member=None), used("C2", "R2", member="card:5555"))
    unknown = [("coupon_unknown", str(nobody)), ("coupon_unknown", str(stranger))]
    assert hq.exceptions() == [*unknown, ("member_unknown", "card:5555")]
    desk.attach("5555", "M1")
    assert hq.exceptions() == unknown[:1]
    run_audit(hq)


def test_a_coupon_ends_after_its_last_day(hq: Hq, desk: Desk) -> None:
    desk.issue("M1", "ball", (DAY - 3, DAY))
    assert [coupon.state for coupon in desk.coupons("M1")] == ["open"]
    hq.clock.now += 86_400_000
    assert [coupon.state for coupon in desk.coupons("M1")] == ["expired"]


def test_a_coupon_that_cannot_be_is_refused(desk: Desk) -> None:
    for reward, days, code in (
        ("car", (DAY, DAY), "reward_unknown"),
        ("ball", (DAY + 1, DAY), "coupon_dates"),
        ("ball", (DAY - 9, DAY - 1), "coupon_dates"),
        ("ball", (DAY, DAY + 1_099), "coupon_dates"),
        ("ball", (DAY + 1, DAY + 1_099), "coupon_dates"),
        ("ball", (DAY - 1, DAY + 1_098), "coupon_dates"),
        ("ball", (2_932_531, 2_932_896), "coupon_dates"),
        ("ball", (-719_162, DAY), "coupon_dates"),
    ):
        with refused(code):
            desk.issue("M1", reward, days)
    desk.merge("M2", "M1")
    for member in ("M1", "M2") * 10:
        desk.issue(member, "ball", (DAY, DAY + 1_098))
    with refused("coupon_too_many"):
        desk.issue("M2", "ball", (DAY, DAY))
    till = desk.till()
    desk.send(till)
    assert len(till.members["M1"].coupons) == 20
