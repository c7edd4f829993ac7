"""What tiers give: gifts and coupons once a member, validity period and benefit, wherever it was cut off."""

from __future__ import annotations

import pytest

from hq_server.account_view import standing
from hq_server.closes.gifts import GiftView, gifts, gifts_of, hand_over
from hq_server.coupons import holder_of
from loyalty_core.errors import BadInput
from loyalty_core.events import CouponUsed
from loyalty_core.units import Day
from tests.hq.closes.half_year import LAST, HalfYear
from tests.hq.conftest import PROGRAMME
from tests.hq.till import Till

START = LAST + 16
CUP = '{ kind = "gift", name = { ko = "찻잔", en = "a cup" } }'
RULES = (
    PROGRAMME.replace("version = 1", "version = 2")
    .replace('code = "SILVER"\nfrom = 100\n', f'code = "SILVER"\nfrom = 100\nbenefits = [{CUP}]\n')
    .replace(
        'code = "GOLD"\nfrom = 300\n',
        f'code = "GOLD"\nfrom = 300\nbenefits = [{CUP}, {{ kind = "coupon", reward = "tea" }},'
        ' { kind = "discount", percent = "5" }]\n',
    )
    + 'downgrade = "one_step"\n[[reward]]\nid = "tea"\npoints = 50\nname = { ko = "차", en = "tea" }\n'
)


def closed(half: HalfYear, rules: str = RULES, **points: int) -> Till:
    """Let members have bought for so many points when the half-year is closed; go to the new validity."""
    half.hq.publish(rules)
    half.hq.members("member_id\n" + "".join(f"{name}\n" for name in points))
    till = half.till()
    for name, amount in points.items():
        half.sell(till, name, amount)
    half.close_days(till, LAST - 1, LAST)
    half.close()
    half.go_to(START)
    return till


def given(half: HalfYear) -> dict[str, list[str]]:
    """Return what each member was given, by validity period."""
    found: dict[str, list[str]] = {}
    for member, validity, benefit in half.hq.sql(
        "SELECT member_id, validity, benefit FROM benefits ORDER BY member_id, validity, benefit"
    ):
        found.setdefault(member, []).append(f"{validity} {benefit.split(':')[0]}")
    return found


def test_they_are_given_once_on_the_day_on_which_the_tier_begins(half: HalfYear) -> None:
    closed(half, BRONZE=99, SILVER=100, GOLD=300)
    half.go_to(START - 1)
    assert half.give() == 0
    half.go_to(START)
    assert half.give() == 3
    assert half.give() == 0
    half.go_to(START + 1)
    assert half.give() == 0
    assert given(half) == {"SILVER": ["2027-H1 gift"], "GOLD": ["2027-H1 coupon", "2027-H1 gift"]}


def test_where_it_was_cut_off_it_goes_on_and_gives_nothing_twice(half: HalfYear) -> None:
    closed(half, M1=100, M2=300)
    half.give()
    half.hq.sql("UPDATE buckets SET given_through = 0")
    assert half.give() == 0
    assert half.hq.sql("SELECT count(*) FROM benefits") == [(3,)]
    assert half.hq.sql("SELECT count(*) FROM coupons") == [(1,)]


def test_a_coupon_of_a_tier_is_signed_told_to_tills_and_taken_once(half: HalfYear) -> None:
    till = closed(half, M1=300)
    half.give()
    (coupon,) = half.desk.coupons("M1")
    assert (coupon.reward, coupon.state, coupon.from_date, coupon.until_date) == (
        "tea",
        "open",
        "2027-01-16",
        "2027-07-15",
    )
    assert coupon.coupon_id.startswith("B")
    half.desk.exchange(till)
    (told,) = till.members["M1"].coupons
    assert half.desk.read(lambda tx, _: holder_of(tx, coupon.coupon_id)) == "M1"
    half.desk.send(till, CouponUsed("id:M1", half.hq.clock(), Day(START), coupon.coupon_id, "R1", None))
    assert half.desk.coupons("M1")[0].state == "used"
    assert [kind for kind, _ in half.hq.exceptions() if kind.startswith("coupon")] == []
    assert told


def test_who_keeps_the_tier_is_given_its_benefits_for_the_next_half_year_again(half: HalfYear) -> None:
    till = closed(half, M1=100, M2=300)
    half.give()
    after = LAST + 181
    half.go_to(after + 1)
    half.sell(till, "M1", 100, day=after)
    half.close_days(till, *range(LAST + 1, after + 1))
    half.close("2027-H1")
    half.go_to(after + 16)
    half.give()
    assert given(half)["M1"] == ["2027-H1 gift", "2027-H2 gift"]


def fallen(half: HalfYear, grace: int = 0) -> int:
    """Let M1, who held GOLD, fall to SILVER at the next close; return the first day of the new validity."""
    rules = RULES.replace('downgrade = "one_step"', f'downgrade = "one_step"\ngrace_days = {grace}')
    till = closed(half, rules, M1=300)
    half.give()
    after = LAST + 181
    half.go_to(after + 1)
    half.close_days(till, *range(LAST + 1, after + 1))
    half.close("2027-H1")
    half.go_to(after + 16)
    return after + 16


def test_who_falls_is_given_what_the_lower_tier_gives_like_everyone_who_holds_it(half: HalfYear) -> None:
    start = fallen(half)
    assert half.give() == 1
    assert given(half) == {"M1": ["2027-H1 coupon", "2027-H1 gift", "2027-H2 gift"]}
    half.hq.sql("UPDATE buckets SET given_through = 0")
    half.go_to(start + 1)
    assert half.give() == 0


def test_who_falls_later_for_grace_is_given_it_when_the_lower_tier_begins(half: HalfYear) -> None:
    start = fallen(half, grace=30)
    assert half.give() == 0
    half.go_to(start + 29)
    assert half.give() == 0
    half.go_to(start + 30)
    assert half.give() == 1
    assert given(half)["M1"] == ["2027-H1 coupon", "2027-H1 gift", "2027-H2 gift"]


def test_a_tier_that_late_points_raise_gives_what_the_higher_one_adds(half: HalfYear) -> None:
    till = closed(half, M1=200)
    half.give()
    assert given(half) == {"M1": ["2027-H1 gift"]}
    half.sell(till, "M1", 100, number="late")
    half.go_to(START + 1)
    assert half.give() == 1
    assert given(half) == {"M1": ["2027-H1 coupon", "2027-H1 gift"]}


def test_a_tier_raised_before_it_begins_gives_only_what_the_higher_one_has(half: HalfYear) -> None:
    half.hq.publish(RULES)
    half.hq.members("member_id\nM1\n")
    till = half.till()
    half.sell(till, "M1", 299)
    half.close_days(till, LAST - 1, LAST)
    half.close()
    half.sell(till, "M1", 1, number="late")
    for day in (LAST + 2, START, START + 1):
        half.go_to(day)
        half.give()
    assert given(half) == {"M1": ["2027-H1 coupon", "2027-H1 gift"]}


def test_a_monthly_upgrade_and_the_close_after_it_give_once_for_the_same_half_year(half: HalfYear) -> None:
    half.hq.publish(RULES.replace('downgrade = "one_step"', 'upgrade = "monthly"'))
    half.hq.members("member_id\nM1\n")
    till = half.till()
    half.sell(till, "M1", 100)
    half.upgrade()
    half.go_to(LAST + 2)
    assert half.give() == 1
    half.close_days(till, LAST - 1, LAST)
    half.close()
    half.go_to(START)
    assert half.give() == 0
    assert given(half) == {"M1": ["2027-H1 gift"]}


def test_a_granted_tier_gives_what_it_has_as_if_the_gap_had_been_closed(half: HalfYear) -> None:
    closed(half, M1=298, M2=300)
    for member in ("M1", "M2"):
        half.grant(member, "GOLD", START)
    half.give()
    assert given(half) == {
        "M1": ["2027-H1 coupon", "2027-H1 gift"],
        "M2": ["2027-H1 coupon", "2027-H1 gift"],
    }


BALL = '{ kind = "gift", name = { ko = "공", en = "a ball" } }'
UNLIKE = RULES.replace(f"from = 100\nbenefits = [{CUP}]", f"from = 100\nbenefits = [{BALL}]")
"""SILVER gives what GOLD does not."""


def names(half: HalfYear) -> set[tuple[str, str]]:
    """Return what each member was given, of which tier."""
    return set(half.hq.sql("SELECT member_id, tier || ' ' || kind FROM benefits"))


def test_who_is_granted_a_tier_is_given_what_who_earned_it_is_and_no_more(half: HalfYear) -> None:
    closed(half, UNLIKE, M1=298, M2=300)
    half.grant("M1", "GOLD", START)
    half.give()
    assert names(half) == {(name, f"GOLD {kind}") for name in ("M1", "M2") for kind in ("gift", "coupon")}


@pytest.mark.parametrize(("days", "left"), [(10, 1), (180, 1), (181, 0)])
def test_a_grant_that_ends_before_the_validity_leaves_what_the_tier_below_gives(
    half: HalfYear, days: int, left: int
) -> None:
    closed(half, UNLIKE, M1=298)
    half.grant("M1", "GOLD", START, days=days)
    half.give()
    half.go_to(START + days - 1)
    assert half.give() == 0
    half.go_to(START + days)
    assert half.give() == left
    lower = {("M1", "SILVER gift")} if left else set()
    assert names(half) == {("M1", "GOLD gift"), ("M1", "GOLD coupon")} | lower


@pytest.mark.parametrize(("gone", "stays"), [("M2", "M1"), ("M1", "M2")])
def test_of_two_who_became_one_before_the_day_the_higher_tier_gives_once(
    half: HalfYear, gone: str, stays: str
) -> None:
    closed(half, UNLIKE, M1=100, M2=300)
    half.go_to(LAST + 2)
    half.desk.merge(gone, stays)
    half.desk.derive()
    half.go_to(START)
    assert half.give() == 2
    assert names(half) == {("M2", "GOLD gift"), ("M2", "GOLD coupon")}
    (coupon,) = half.desk.coupons("M1", "M2")
    assert coupon.state == "open"
    half.go_to(START + 1)
    assert half.give() == 0


def test_two_who_became_one_are_given_by_a_close_as_one(half: HalfYear) -> None:
    half.hq.publish(RULES)
    half.hq.members("member_id\nM1\nM2\n")
    till = half.till()
    half.sell(till, "M1", 200)
    half.sell(till, "M2", 200)
    half.desk.merge("M2", "M1")
    half.desk.derive()
    half.close_days(till, LAST - 1, LAST)
    half.close()
    half.go_to(START)
    assert half.give() == 2
    assert given(half) == {"M1": ["2027-H1 coupon", "2027-H1 gift"]}


def test_who_was_another_when_the_tier_began_is_given_it_when_the_merge_is_undone(half: HalfYear) -> None:
    closed(half, M1=100, M2=100, M3=300)
    half.go_to(LAST + 2)
    half.desk.merge("M2", "M1")
    half.desk.merge("M3", "M1")
    half.go_to(START)
    half.give()
    assert given(half) == {"M3": ["2027-H1 coupon", "2027-H1 gift"]}
    half.go_to(START + 5)
    assert half.give() == 0
    half.desk.unmerge("M2")
    half.desk.unmerge("M3")
    half.go_to(START + 6)
    assert half.give() == 2
    assert given(half) == {
        "M1": ["2027-H1 gift"],
        "M2": ["2027-H1 gift"],
        "M3": ["2027-H1 coupon", "2027-H1 gift"],
    }
    half.go_to(START + 7)
    assert half.give() == 0


def test_who_was_erased_since_is_given_nothing_when_a_merge_is_undone(half: HalfYear) -> None:
    closed(half, M1=100, M2=100)
    half.go_to(LAST + 2)
    half.desk.merge("M2", "M1")
    half.go_to(START)
    assert half.give() == 1
    half.desk.unmerge("M2")
    half.desk.erase("M2")
    half.go_to(START + 1)
    assert half.give() == 0


def test_points_that_come_when_the_tier_is_over_give_nothing_of_it(half: HalfYear) -> None:
    till = closed(half, M1=99)
    assert half.give() == 0
    half.go_to(LAST + 181 + 16)
    half.sell(till, "M1", 201, number="late")
    half.go_to(LAST + 181 + 17)
    assert half.tiers()["M1"][2] == "GOLD"
    assert half.give() == 0
    assert half.desk.coupons("M1") == []


@pytest.mark.parametrize(("day", "pieces"), [(LAST + 181 + 15, 2), (LAST + 181 + 16, 1)])
def test_where_nobody_gave_in_time_a_coupon_that_would_be_over_is_left_out(
    half: HalfYear, day: int, pieces: int
) -> None:
    closed(half, M1=300)
    half.go_to(day)
    assert half.give() == pieces
    assert len(half.desk.coupons("M1")) == pieces - 1


def test_the_discount_of_a_tier_is_told_with_it(half: HalfYear) -> None:
    closed(half, M1=300, M2=100)
    now = half.hq.clock()

    def discount(member: str) -> str | None:
        return half.desk.read(lambda tx, house: standing(tx, house, member, now).discount)

    assert (discount("M1"), discount("M2")) == ("5", None)


def test_who_was_erased_is_given_nothing(half: HalfYear) -> None:
    closed(half, M1=300)
    half.desk.erase("M1")
    assert half.give() == 0


def waiting(half: HalfYear) -> list[GiftView]:
    return half.desk.read(lambda tx, _: gifts(tx, waiting=True))


def test_a_gift_waits_until_it_is_handed_out_which_it_is_once(half: HalfYear) -> None:
    closed(half, M1=100, M2=300)
    half.give()
    found = waiting(half)
    assert sorted((one.member_id, one.names["en"], one.tier, one.validity) for one in found) == [
        ("M1", "a cup", "SILVER", "2027-H1"),
        ("M2", "a cup", "GOLD", "2027-H1"),
    ]
    one = found[0]
    done = half.desk.write(lambda tx, house: hand_over(tx, house, one.gift_id, "lee", half.hq.clock()))
    assert (done.handed_by, done.handed_at) == ("lee", "2027-01-16T02:31:00Z")
    assert waiting(half) == found[1:]
    with pytest.raises(BadInput) as caught:
        handed(half, one.gift_id)
    assert caught.value.code == "gift_handed_out"
    assert half.desk.read(lambda tx, house: gifts_of(tx, house, one.member_id)) == [done]


def test_a_gift_of_who_was_erased_waits_no_more(half: HalfYear) -> None:
    closed(half, M1=100, M2=100)
    half.give()
    half.desk.erase("M1")
    assert [one.member_id for one in waiting(half)] == ["M2"]
    assert len(half.desk.read(lambda tx, _: gifts(tx))) == 2


def test_gifts_come_by_pages(half: HalfYear) -> None:
    closed(half, RULES, **{f"M{number}": 100 for number in range(5)})
    half.give()

    def page(after: str, count: int) -> list[GiftView]:
        return half.desk.read(lambda tx, _: gifts(tx, after=after, count=count))

    every = page("", 9)
    assert len(every) == 5
    assert page("", 2) == every[:2]
    assert page(every[1].gift_id, 2) == every[2:4]
    assert page(every[4].gift_id, 2) == []


def handed(half: HalfYear, gift_id: str) -> GiftView:
    return half.desk.write(lambda tx, house: hand_over(tx, house, gift_id, "lee", half.hq.clock()))


def test_two_who_became_one_after_both_were_given_are_handed_one_gift(half: HalfYear) -> None:
    closed(half, M1=100, M2=100)
    half.give()
    first, second = waiting(half)
    half.desk.merge("M2", "M1")

    def of_both(*, waiting: bool) -> list[GiftView]:
        return half.desk.read(lambda tx, house: gifts_of(tx, house, "M2", waiting=waiting))

    assert len(of_both(waiting=False)) == 2
    assert of_both(waiting=True) in ([first], [second])
    handed(half, second.gift_id)
    assert of_both(waiting=True) == []
    with pytest.raises(BadInput, match=f"the same gift as {second.gift_id}, which lee handed out") as caught:
        handed(half, first.gift_id)
    assert caught.value.code == "gift_handed_out"
    half.desk.unmerge("M2")
    assert handed(half, first.gift_id).handed_by == "lee"


def test_the_gift_of_who_was_erased_is_not_handed_out(half: HalfYear) -> None:
    closed(half, M1=100)
    half.give()
    (gift,) = waiting(half)
    half.desk.erase("M1")
    with pytest.raises(BadInput, match="member M1, who was erased") as caught:
        handed(half, gift.gift_id)
    assert caught.value.code == "member_erased"


@pytest.mark.parametrize("gift_id", ["B0.1", "C1", "B-1.1", "B1.01", "B99999.1", ""])
def test_a_gift_that_there_is_not_is_told(half: HalfYear, gift_id: str) -> None:
    with pytest.raises(BadInput) as caught:
        half.desk.write(lambda tx, house: hand_over(tx, house, gift_id, "lee", half.hq.clock()))
    assert caught.value.code == "gift_not_found"
