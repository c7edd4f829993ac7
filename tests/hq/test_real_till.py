"""A till of the real agent and headquarters: once they have talked, both show the same of every member."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from edge_agent.store.database import transaction
from loyalty_core.events import MemberPresented, ReceiptKey, RedemptionCommitted
from tests.edge import made
from tests.edge.made import CARD, OTHER_CARD, PHONE, at, day, purchase, returned
from tests.hq.accounts import PERIOD_RULES
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.real_till import RealTill
from tests.hq.streams import CARDS, Stream

THIRD_CARD = "2000123456805"
MEMBERS = f"member_id,lookups,name,phone,home_store\nM1,{CARD},홍길동,,S012\nM2,{OTHER_CARD},김철수,,S012\n"


@pytest.fixture
def till(hq: Hq, tmp_path: Path) -> RealTill:
    hq.clock.now = at(made.NOW)
    hq.members(MEMBERS)
    folder = tmp_path / "till"
    folder.mkdir()
    return RealTill(folder, hq)


def spend(till: RealTill, member_id: str, points: int, number: str = "1") -> None:
    """Commit a redemption of this member's that paid for a receipt."""
    receipt = ReceiptKey("S012", "T03", day("2026-11-20"), number)
    event = RedemptionCommitted(
        f"id:{member_id}", at("2026-11-20 11:00"), day("2026-11-20"), "R1", points, points, "", receipt
    )
    with transaction(till.conn):
        till.recorder.spend(till.conn, till.recorder.books(till.conn), f"id:{member_id}", event)


@pytest.mark.parametrize("buyer", [CARD, None])
def test_points_given_back_to_another_than_the_buyer_are_counted_once(
    hq: Hq, till: RealTill, buyer: str | None
) -> None:
    till.record(purchase(member=buyer))
    spend(till, "M2", 5)
    till.exchange()
    assert till.balance(OTHER_CARD) == hq.balances()["M2"] == -5
    till.record(returned())
    assert till.balance(OTHER_CARD) == 0
    till.exchange()
    assert till.balance(OTHER_CARD) == hq.balances()["M2"] == 0


def test_who_bought_under_an_unknown_card_and_paid_with_points_turns_out_to_be_one(
    hq: Hq, till: RealTill
) -> None:
    till.record(purchase(member=THIRD_CARD))
    spend(till, "M2", 5)
    till.record(returned(net_minor=3_990))
    till.record(returned("r2"))
    hq.members(f"member_id,lookups,name,phone,home_store\nM2,{OTHER_CARD};{THIRD_CARD},김철수,,S012\n")
    till.exchange()
    assert till.balance(OTHER_CARD) == till.balance(THIRD_CARD) == hq.balances()["M2"]
    till.record(purchase("2", member=THIRD_CARD))
    assert till.balance(OTHER_CARD) == hq.balances()["M2"] + 12


def claim_of_an_offer(till: RealTill, card: str) -> None:
    """Show two cards before an anonymous receipt; what the first was offered claims it."""
    for key, shown in (("a", card), ("b", OTHER_CARD)):
        with transaction(till.conn):
            event = MemberPresented(None, at("2026-11-20 10:30"), day("2026-11-20"))
            made.keyed(till.recorder, till.conn, event, shown, key, shown)
    offer = till.record(purchase(member=None)).offers[0]
    till.claim(offer.recorded, purchase()["receipt"], "2026-11-20 10:40", "c")


@pytest.mark.parametrize(("card", "lookups", "phone"), [(THIRD_CARD, THIRD_CARD, ""), (PHONE, "", PHONE)])
def test_what_an_unknown_card_claims_of_an_offer_is_its_members_once_that_is_known(
    hq: Hq, till: RealTill, card: str, lookups: str, phone: str
) -> None:
    claim_of_an_offer(till, card)
    till.exchange()
    hq.members(f"member_id,lookups,name,phone,home_store\nM8,{lookups},이영희,{phone},S012\n")
    till.exchange()
    assert till.balance(card) == till.balance("M8") == hq.balances()["M8"] == 12
    assert hq.exceptions() == []


def test_what_an_unknown_card_claims_of_an_offer_is_whose_it_is_decided_to_be(hq: Hq, till: RealTill) -> None:
    claim_of_an_offer(till, THIRD_CARD)
    till.exchange()
    Desk(hq).attach(THIRD_CARD, "M1")
    till.exchange()
    assert till.balance(CARD) == till.balance(THIRD_CARD) == hq.balances()["M1"] == 12
    assert hq.exceptions() == []


# Days of trade

EVERYBODY = (
    "member_id,lookups,name,phone,home_store\n"
    f"M1,{CARDS[0]},홍길동,,S012\nM2,{CARDS[1]},김철수,,S012\nM3,{CARDS[2]},이영희,,S012\n"
)


def shown(till: RealTill) -> dict[str, tuple[int, int]]:
    """Return what a till shows of each member: the balance, and the points of the half-year."""
    standings = [till.standing(member, on="2026-11-23") for member in ("M1", "M2", "M3")]
    return {one.member_id or "": (one.balance, one.qualifying) for one in standings}


def held(hq: Hq) -> dict[str, tuple[int, int]]:
    """Return what headquarters holds of each."""
    nothing = {f"M{number}": (0, 0) for number in (1, 2, 3)}
    rows = hq.sql("SELECT member_id, sum(redeemable), sum(qualifying) FROM totals GROUP BY member_id")
    return nothing | {member: (redeemable, qualifying) for member, redeemable, qualifying in rows}


def joined(hq: Hq, folder: Path, *, count: int) -> list[RealTill]:
    hq.clock.now = at(made.NOW)
    folders = [folder / f"till{number}" for number in range(count)]
    for one in folders:
        one.mkdir()
    return [RealTill(one, hq) for one in folders]


def traded(hq: Hq, folder: Path, seed: int, *, cap: int, count: int = 1) -> list[RealTill]:
    """Return tills that have had some days of trade and have not talked yet."""
    rules = PERIOD_RULES.replace("points = 60", f"points = {cap}")
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + rules)
    tills = joined(hq, folder, count=count)
    stream = Stream(seed, tills, in_order=False)
    for _ in range(60):
        stream.step()
    return tills


@pytest.mark.parametrize("seed", range(4))
def test_one_till_shows_before_it_talks_what_headquarters_makes_of_it(
    hq: Hq, tmp_path: Path, seed: int
) -> None:
    hq.members(EVERYBODY)
    (till,) = traded(hq, tmp_path, seed, cap=1000)
    before = shown(till)
    till.exchange()
    assert shown(till) == before == held(hq)
    till.close()


@pytest.mark.parametrize("seed", range(4))
def test_a_full_cap_lets_a_till_show_less_before_it_talks_and_never_more(
    hq: Hq, tmp_path: Path, seed: int
) -> None:
    hq.members(EVERYBODY)
    (till,) = traded(hq, tmp_path, seed, cap=25)
    before = shown(till)
    till.exchange()
    assert shown(till) == held(hq)
    assert all(before[member][0] <= points[0] for member, points in held(hq).items())
    till.close()


@pytest.mark.parametrize("seed", range(4))
def test_three_tills_and_a_card_that_nobody_knows_yet_show_the_same_after_they_have_talked(
    hq: Hq, tmp_path: Path, seed: int
) -> None:
    hq.members("\n".join(EVERYBODY.split("\n")[:3]))
    tills = traded(hq, tmp_path, seed, cap=60, count=3)
    hq.members(EVERYBODY)
    for till in (*tills, *tills):
        till.exchange()
    assert [shown(till) for till in tills] == [held(hq)] * 3
    for till in tills:
        till.close()


@pytest.mark.parametrize("seed", range(4))
def test_what_the_only_till_claims_in_order_of_time_is_what_headquarters_awards(
    hq: Hq, tmp_path: Path, seed: int
) -> None:
    hq.members(EVERYBODY)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + PERIOD_RULES)
    (till,) = joined(hq, tmp_path, count=1)
    stream = Stream(seed, [till], in_order=True)
    done = {stream.step() for _ in range(80)}
    till.exchange()
    assert {"_sale", "_visit", "_return", "_void", "_claim", "_copy", "_undo", "_sync"} <= done
    assert shown(till) == held(hq)
    found = hq.sql("SELECT cause, claimed_redeemable, redeemable FROM award_differences")
    assert all(cause == "nothing_claimed" and points < 0 for cause, _, points in found), (
        "only what came back while the purchase was nobody's is not claimed"
    )
    till.close()


@pytest.mark.parametrize("seed", range(2))
def test_members_who_are_merged_and_parted_again_stand_alike_on_both_sides(
    hq: Hq, tmp_path: Path, seed: int
) -> None:
    hq.members(EVERYBODY)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + PERIOD_RULES)
    tills, desk = joined(hq, tmp_path, count=2), Desk(hq)
    stream = Stream(seed, tills, in_order=False)
    merge, part = partial(desk.merge, "M2", "M1"), partial(desk.unmerge, "M2")
    for turn in (merge, part, merge, part):
        for _ in range(20):
            stream.step()
        for till in (*tills, *tills):
            till.exchange()
        heads = [str(till.standing(card, on="2026-11-23").member_id) for card in CARDS for till in tills]
        stand = {name: held(hq)[name] for name in heads}
        assert [shown(till) for till in tills] == [stand, stand]
        turn()
    for till in tills:
        till.close()
