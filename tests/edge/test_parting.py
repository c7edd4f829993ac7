"""Members who were one by headquarters' decision, and are two again."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest

from edge_agent.store import entries, members, redemptions, sources
from edge_agent.store.database import transaction
from edge_agent.store.integrity import verify
from edge_agent.sync.install import install
from loyalty_core.lookups import hashed
from loyalty_core.messages import Incarnation, MemberRow, Reply
from tests.edge.conftest import MakeTill
from tests.edge.made import (
    CARD,
    MOONLIGHT,
    OTHER_CARD,
    STORE_KEY,
    at,
    claimed,
    member,
    programme,
    purchase,
    returned,
    stamp,
    visit,
    void,
)
from tests.edge.redemptions.redeeming_till import RedeemingTill, receipt, rich
from tests.edge.redemptions.test_points_given_back import voided
from tests.edge.till import Till

ONE = member("M1", CARD, balance=0, qualifying=0)
OTHER = member("M2", OTHER_CARD, balance=0, qualifying=0)
BOTH = member("M1", balance=0, qualifying=0, look_ups=ONE.look_ups + OTHER.look_ups, also=("M2",))


@pytest.fixture
def till(till: Till) -> Till:
    """Return a till that knows two members."""
    till.appear(ONE, OTHER)
    return till


def merge(till: Till) -> None:
    till.appear(member("M2", gone=True), BOTH)


def unmerge(till: Till, *rows: MemberRow) -> None:
    till.appear(*(rows or (ONE, OTHER)))


def balances(till: Till) -> tuple[int, int]:
    return till.balance(CARD), till.balance(OTHER_CARD)


def booked(till: Till, account: str) -> set[tuple[int, int]]:
    """Return (seq of an event, seq of whose points it moved) under an account."""
    return {(cause.seq, of.seq) for cause, of in entries.moves_of(till.conn, account, "S012-T03")}


@pytest.mark.parametrize("rows", list(permutations([ONE, OTHER])))
def test_each_gets_back_what_was_theirs(till: Till, rows: tuple[MemberRow, MemberRow]) -> None:
    till.record(purchase("1"))
    till.record(purchase("2", member=OTHER_CARD, net_minor=50_000))
    merge(till)
    assert till.balance() == till.balance(OTHER_CARD) == 62
    till.record(purchase("3", member=OTHER_CARD, net_minor=7_000))
    unmerge(till, *rows)
    assert balances(till) == (12 + 7, 50), "what was sold meanwhile was recorded as the first one's"
    assert verify(till.conn) is None


def test_who_stood_for_another_and_is_not_told_of_by_a_restored_headquarters_has_parted(till: Till) -> None:
    till.record(purchase("1"))
    till.record(purchase("2", member=OTHER_CARD, net_minor=50_000))
    merge(till)
    reply = Reply(b"n" * 16, Incarnation(2, b"restored"), at("2026-11-20 12:00"), (), (), (), (), (), (), 1)
    with transaction(till.conn):
        install(till.conn, reply)
    till.appear(OTHER)
    with transaction(till.conn):
        install(till.conn, reply)
    assert members.read(till.conn, "M1") is None
    assert till.balance(OTHER_CARD) == 50


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_who_go_on_together_to_a_third_have_not_parted(till: Till, order: tuple[int, ...]) -> None:
    """What an event of the one moved of the other's stands: of two visits of a day one counts."""
    till.record(visit("late", "2026-11-20 10:00", member=OTHER_CARD))
    merge(till)
    till.record(visit("early", "2026-11-20 09:00"))
    assert till.balance() == 10
    third = member("M3", balance=0, qualifying=0, look_ups=(hashed("id:M3", STORE_KEY), *BOTH.look_ups))
    third = msgspec.structs.replace(third, also=("M1", "M2"))
    rows = (member("M1", gone=True), member("M2", gone=True), third)
    till.appear(*[rows[place] for place in order])
    assert (till.balance(), till.balance("M3")) == (10, 10)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_who_go_on_to_a_third_have_not_parted_though_it_is_told_in_several_answers(
    till: Till, order: tuple[int, ...]
) -> None:
    till.record(visit("late", "2026-11-20 10:00", member=OTHER_CARD))
    merge(till)
    till.record(visit("early", "2026-11-20 09:00"))
    third = member("M3", balance=0, qualifying=0, look_ups=(hashed("id:M3", STORE_KEY), *BOTH.look_ups))
    third = msgspec.structs.replace(third, also=("M1", "M2"))
    rows = (member("M1", gone=True), member("M2", gone=True), third)
    for place in order:
        till.appear(rows[place])
    assert (till.balance(), till.balance("M3")) == (10, 10)


THIRD = msgspec.structs.replace(
    member("M3", balance=0, qualifying=0, look_ups=(hashed("id:M3", STORE_KEY), *ONE.look_ups)), also=("M1",)
)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    "rows", [*permutations([member("M1", gone=True), OTHER, THIRD]), *permutations([OTHER, THIRD])]
)
def test_who_goes_on_alone_to_a_third_leaves_the_other_what_is_theirs(
    till: Till, rows: tuple[MemberRow, ...], together: bool
) -> None:
    """A restored headquarters may not tell of the one who is gone."""
    till.record(purchase("1"))
    till.record(purchase("2", member=OTHER_CARD, net_minor=50_000))
    merge(till)
    restored = Reply(b"n" * 16, Incarnation(2, b"restored"), 1, (), (), (), (), (), (), 1)
    with transaction(till.conn):
        install(till.conn, restored)
    for told in [rows] if together else [(row,) for row in rows]:
        till.appear(*told)
    with transaction(till.conn):
        install(till.conn, restored)
    assert (till.balance("M3"), till.balance(OTHER_CARD)) == (12, 50)


def test_who_is_gone_leaves_the_other_what_is_theirs(till: Till) -> None:
    till.record(purchase("1"))
    till.record(purchase("2", member=OTHER_CARD, net_minor=50_000))
    merge(till)
    till.appear(member("M1", gone=True), OTHER)
    assert till.balance(OTHER_CARD) == 50


def test_what_is_said_again_of_one_tells_of_that_one(till: Till) -> None:
    till.record(purchase("2", member=OTHER_CARD))
    merge(till)
    unmerge(till)
    again = till.record(purchase("2", member="M2"))
    assert (again.repeated, again.account, again.redeemable) == (True, "id:M2", 12)
    assert till.record(returned(original=purchase("2")["receipt"])).account == "id:M2"
    assert balances(till) == (0, 0)


def test_what_came_while_they_were_one_goes_with_its_purchase(till: Till) -> None:
    till.record(purchase("1"))
    till.record(purchase("2", member=OTHER_CARD))
    till.record(visit("v", "2026-11-20 09:00", member=OTHER_CARD))
    merge(till)
    till.record(returned(original=purchase("2")["receipt"]))
    till.record(void("x", original=purchase("1")["receipt"]))
    unmerge(till)
    assert balances(till) == (0, 10)


def test_a_claimed_purchase_goes_with_who_claimed_it(till: Till) -> None:
    till.record(purchase("1", member=None))
    with transaction(till.conn):
        claimed(till.recorder, till.conn, OTHER_CARD, purchase("1")["receipt"], "2026-11-21 10:00", "k")
    merge(till)
    unmerge(till)
    assert balances(till) == (0, 12)
    source = sources.find(till.conn, "purchase/S012/T03/20777/1", "S012-T03")
    assert source is not None
    assert source.account == "id:M2"


def test_what_was_recorded_for_a_card_before_it_was_known_is_its_members(till: Till) -> None:
    card = "88887777"
    till.record(purchase("1", member=card))
    known = member("M2", OTHER_CARD, balance=0, look_ups=(*OTHER.look_ups, hashed(f"card:{card}", STORE_KEY)))
    till.appear(known)
    merge(till)
    unmerge(till, ONE, known)
    assert balances(till) == (0, 12)


def test_what_the_event_of_one_moved_of_the_others_is_no_more(till: Till) -> None:
    """The second visit of a day gives nothing; when the first one goes, it does."""
    till.record(visit("v1", "2026-11-20 09:00"))
    till.record(visit("v2", "2026-11-20 10:00", member=OTHER_CARD))
    merge(till)
    till.record(visit("v0", "2026-11-20 08:00"))
    assert (3, 2) in booked(till, "id:M1")
    row = member("M2", OTHER_CARD, balance=10, qualifying=10, stamp=stamp(2))
    unmerge(till, member("M1", balance=10, qualifying=10, stamp=stamp(3)), row)
    assert booked(till, "id:M1") == {(1, 1), (3, 1), (3, 3)}
    assert booked(till, "id:M2") == {(2, 2)}
    assert balances(till) == (10, 10)


def test_a_bonus_over_the_period_goes_with_what_brought_it(make_till: MakeTill) -> None:
    second = '[[bonus]]\nid = "second"\non = "visit"\npoints = 7\nper = "period"\nnth = 2\n'
    till = make_till(programme(text=f"{MOONLIGHT}\n{second}"))
    till.appear(ONE, OTHER)
    for number in (1, 2):
        till.record(visit(f"v{number}", f"2026-10-0{number} 13:00", member=OTHER_CARD))
    assert balances(till) == (0, 27)
    merge(till)
    unmerge(till)
    assert balances(till) == (0, 27)


def test_what_was_said_of_a_merge_is_kept_with_the_member(till: Till) -> None:
    merge(till)
    row = members.read(till.conn, "M1")
    assert row is not None
    assert row.also == ("M2",)


@pytest.mark.parametrize("rows", list(permutations([rich(), rich(member_id="M2", card=OTHER_CARD)])))
def test_redemptions_go_back_too(
    tmp_path_factory: pytest.TempPathFactory, rows: tuple[MemberRow, ...]
) -> None:
    till = RedeemingTill(tmp_path_factory.mktemp("till"))
    till.appear(*rows)
    spent = till.authorise(1000, member=OTHER_CARD)
    till.record(purchase("1", on="2026-12-05"))
    till.commit(spent, receipt())
    open_one = till.authorise(1200, member=OTHER_CARD)
    both = rich(look_ups=ONE.look_ups + OTHER.look_ups, also=("M2",), balance=10_000)
    till.appear(member("M2", gone=True), both)
    assert till.balance() == 9_024
    till.appear(*rows)
    assert balances(till) == (5_024, 4_000)
    kept = redemptions.find(till.conn, open_one.redemption.redemption_id, "S012-T03")
    assert kept is not None
    assert kept.account == "id:M2"
    till.commit(open_one)
    till.record(voided("1"))
    assert balances(till) == (5_000, 3_800)
    till.close()
