"""A person is forgotten: who they were is gone, what was earned and signed stays as it was."""

from __future__ import annotations

import pytest

from hq_server.decisions import said
from hq_server.erasing import propose_erasure
from hq_server.importing import import_rows
from hq_server.members_csv import NewMember
from loyalty_core.lookups import hashed
from tests.hq.accounts import MEMBERS, net
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import back, purchase, void
from tests.hq.test_audit import run_audit
from tests.hq.test_decisions import refused
from tests.hq.till import NOW_MS

PERSONAL = ("홍길동", "1234-5678", "+821012345678", "2000123456782", "1990", "5555")


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS)
    return Desk(hq)


def test_nothing_of_the_person_is_left_in_any_row_but_signed_records(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, purchase("1", member="card:5555"), purchase("2", member="card:2000123456782"))
    secret = hashed("phone:+821077776666", till.store_key)
    desk.send(till, purchase("3", member=secret))
    desk.attach("5555", "M1")
    desk.attach("010-7777-6666", "M1")
    before = net(hq)
    desk.erase("M1")
    for table in set(hq.tables()) - {"batches", "events"}:
        told = str(hq.sql(f"SELECT * FROM {table}"))  # noqa: S608
        assert [word for word in (*PERSONAL, secret[2:]) if word in told] == [], table
    assert hq.sql("SELECT look_up FROM look_ups WHERE member_id = 'M1' AND look_up LIKE 'id:%'") == [
        ("id:M1",)
    ]
    assert net(hq) == before
    run_audit(hq)


@pytest.mark.parametrize("at_once", [True, False])
def test_every_spelling_of_the_forgotten_persons_card_is_still_theirs(
    hq: Hq, desk: Desk, *, at_once: bool
) -> None:
    hq.members("member_id,lookups\nM3,GOLD-77\n")
    desk.erase("M3")
    till = desk.till()
    names = ["id:GOLD-77", "id:GOLD77", "id:GOL-D77", "card:GOLD77"]
    sales = [purchase(str(number), member=name) for number, name in enumerate(names)]
    for sale in [sales] if at_once else [[one] for one in sales]:
        desk.send(till, *sale)
    assert (hq.balances(), hq.exceptions()) == ({"M3": 48}, [])
    run_audit(hq)


def test_every_till_that_knew_the_person_forgets_them(desk: Desk) -> None:
    here, there = desk.till("S012"), desk.till("S099")
    desk.send(there, purchase("1", store="S099"))
    desk.send(here)
    desk.erase("M1")
    for till in (here, there):
        desk.send(till)
        row = till.members["M1"]
        assert (row.gone, row.masked_name, row.look_ups) == (True, "", ())


def test_what_comes_late_still_counts_as_the_erased_members(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    secret = hashed("phone:+821077776666", till.store_key)
    desk.send(till, purchase("1", member="card:2000123456782"), purchase("2", 5_000, secret))
    desk.send(till, purchase("5", 1_000, "id:AB-12"))
    desk.attach(f"h:S012:{secret[2:]}", "M1")
    desk.attach("id:AB-12", "M1")
    desk.erase("M1")
    desk.send(
        till,
        purchase("6", 7_000, "id:AB-12"),
        purchase("3", 4_000, "id:M1"),
        purchase("4", 2_000, "card:2000123456782"),
        back(of="2", net=1_000, at=NOW_MS + 3),
        void("1", at=NOW_MS + 4),
    )
    assert hq.balances() == {"M1": 18}
    assert hq.exceptions() == []
    run_audit(hq)


def test_an_erased_member_is_not_imported_again_nor_decided_about(hq: Hq, desk: Desk) -> None:
    desk.erase("M1")

    def rows(*members: NewMember) -> list[str]:
        now = hq.clock()
        found = desk.write(lambda tx, _: import_rows(tx, list(enumerate(members, 2)), now))
        return [bad.code for bad in found.refused]

    def member(member_id: str, *look_ups: str) -> NewMember:
        return NewMember(
            member_id=member_id,
            look_ups=look_ups,
            name="A",
            phone=None,
            joined_on=None,
            home_store=None,
            birthday=None,
        )

    assert rows(member("M1")) == ["member_erased"]
    # A card stays with what was bought by it; a phone is its owner's to give again.
    assert rows(member("M8", "card:2000123456782")) == ["look_up_taken"]
    assert rows(member("M9", "phone:+821012345678")) == []
    with refused("member_erased"):
        desk.attach("77", "M1")
    with refused("member_erased"):
        desk.merge("M2", "M1")
    run_audit(hq)


def test_erasing_takes_two_people_and_is_proposed_once(hq: Hq, desk: Desk) -> None:
    def propose() -> int:
        return desk.write(
            lambda tx, house: propose_erasure(tx, house, "M1", said("kim", "asked"), hq.clock())
        )

    number = propose()
    with refused("erasure_waits"):
        propose()
    with refused("same_person"):
        desk.approve(number, "kim")
    assert hq.sql("SELECT name FROM members WHERE member_id = 'M1'") == [("홍길동",)]
    desk.refuse(number)
    number = propose()
    desk.approve(number)
    assert hq.sql("SELECT name, erased FROM members WHERE member_id = 'M1'") == [("", 1)]


def test_who_counts_as_one_is_erased_as_one(hq: Hq, desk: Desk) -> None:
    desk.merge("M2", "M1")
    with refused("merged_away"):
        desk.erase("M2")
    desk.erase("M1")
    assert hq.sql("SELECT count(*) FROM members WHERE erased = 1") == [(2,)]
    run_audit(hq)


def test_a_merge_between_proposal_and_approval_asks_for_a_new_proposal(hq: Hq, desk: Desk) -> None:
    number = desk.write(lambda tx, house: propose_erasure(tx, house, "M1", said("kim", "asked"), hq.clock()))
    desk.merge("M2", "M1")
    with refused("merges_changed"):
        desk.approve(number)
    assert desk.decision(number).state == "waiting"


def test_a_birthday_bonus_stays_though_the_birthday_is_forgotten(hq: Hq, desk: Desk) -> None:
    bonus = '[[bonus]]\nid = "birthday"\npoints = 30\nbirthday = true\non = "purchase"\n'
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("[[tier]]", bonus + "[[tier]]", 1))
    till = desk.till()
    desk.send(till, purchase("1"), purchase("2", 5_000, "id:M2"))
    assert hq.balances() == {"M1": 42, "M2": 5}
    desk.erase("M1")
    desk.erase("M2")
    assert hq.sql("SELECT birthday IS NULL, birthday < 0 FROM members ORDER BY member_id") == [
        (0, 1),
        (1, None),
    ]
    desk.send(till, purchase("3", 3_000))
    # The bonus is for each purchase of that day, so the late one has it too.
    assert hq.balances() == {"M1": 75, "M2": 5}
    run_audit(hq)
