"""Somebody joins at a till: headquarters opens what it sealed, and the member is there with all points."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from hq_server.audit import Difference
from hq_server.background import settle
from hq_server.backups import back_up
from hq_server.house import load_house
from hq_server.joining import member_of
from hq_server.members import Member, find_member, look_ups_of
from hq_server.read_later import Looked, take
from hq_server.store.database import Database
from loyalty_core.errors import BadInput
from loyalty_core.events import Event, MemberEnrolled
from loyalty_core.lookups import hashed, masked_name
from loyalty_core.sealing import PersonalData, seal_to, sealed_hash
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, purchase, visit
from tests.hq.test_audit import run_audit
from tests.hq.test_cli import Shell, shell
from tests.hq.test_read_later import without
from tests.hq.till import NOW_MS, Till

__all__ = ["shell"]
COPY = (
    "INSERT INTO enrolments SELECT store_id, terminal_id, epoch, {}, {}, sealed_hash, occurred_at_ms,"
    " business_day, consent_version, consent_language, state, member_id, salt, blob FROM enrolments"
)
PHONE, CARD = "+821012345678", "2000123456782"
KIM = PersonalData("김철수", PHONE, (CARD,), 3_000, 2, "ko", NOW_MS)


@pytest.fixture
def desk(hq: Hq) -> Desk:
    return Desk(hq)


def who(desk: Desk, text: str) -> tuple[Member, list[str]]:
    with desk.hq.reading() as tx:
        house = load_house(tx)
        member = find_member(tx, house, text, "KR").member
        return member, sorted(look_ups_of(tx, house, member.member_id))


async def chores(hq: Hq) -> None:
    """Do what a running server does beside its tills."""
    database = Database(hq.config.place, lambda: None)
    await settle(database, hq.clock(), 60_000)
    database.close()


def test_who_joins_at_a_till_is_a_member_with_all_that_was_earned_meanwhile(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    joined = till.enrolment(KIM)
    desk.send(till, joined, purchase("1", member=joined.member), visit(f"card:{CARD}", at=NOW_MS + 1))
    member, look_ups = who(desk, "010-1234-5678")
    assert member == Member(
        member_of(joined.sealed_hash), "김철수", PHONE, joined.business_day, "S012", 3_000
    )
    assert look_ups == [f"card:{CARD}", f"phone:{PHONE}"]
    assert (hq.balances(), hq.exceptions()) == ({member.member_id: 22}, [])
    desk.send(till)
    row = till.members[member.member_id]
    assert row.masked_name == masked_name("김철수")
    assert set(joined.look_ups) <= set(row.look_ups)
    assert row.stamp is not None
    assert row.stamp.seq == 3
    assert hq.sql("SELECT state, member_id FROM enrolments") == [("made", member.member_id)]
    run_audit(hq)


def test_what_was_held_elsewhere_becomes_theirs(hq: Hq, desk: Desk) -> None:
    here, there = desk.till(), desk.till("S099")
    desk.send(there, purchase("1", 5_000, hashed(f"phone:{PHONE}", there.store_key), store="S099"))
    desk.send(there, purchase("2", 3_000, f"card:{CARD}", store="S099"))
    desk.send(here, here.enrolment(KIM))
    assert list(hq.balances().values()) == [8]
    assert hq.exceptions() == []
    run_audit(hq)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_order_of_arrival_does_not_matter(hq: Hq, desk: Desk, order: tuple[int, ...]) -> None:
    """Two tills that hear nothing of each other enrol the same person, and a third sells to them."""
    tills = [desk.till(), desk.till(), desk.till("S099")]
    first, second = tills[0].enrolment(KIM), tills[1].enrolment(KIM, at=NOW_MS + 5)
    brought: list[list[Event]] = [
        [first, purchase("1", 10_000, first.member)],
        [second, purchase("2", 20_000, second.member)],
        [purchase("3", 40_000, hashed(f"phone:{PHONE}", tills[2].store_key), store="S099")],
    ]
    for number in order:
        desk.send(tills[number], *brought[number])
    await chores(hq)
    with hq.reading() as tx:
        assert tx.one("accounts.member_count") == (1,)
    assert list(hq.balances().values()) == [70]
    assert hq.exceptions() == []
    member, look_ups = who(desk, CARD)
    assert (member.name, look_ups) == ("김철수", [f"card:{CARD}", f"phone:{PHONE}"])
    for till in tills[:2]:
        desk.send(till)
        assert set(first.look_ups) <= set(till.members[member.member_id].look_ups)
    run_audit(hq)


@pytest.mark.parametrize("turned", [False, True])
def test_who_is_enrolled_under_two_names_is_told_whichever_comes_first(
    hq: Hq, desk: Desk, turned: bool
) -> None:
    tills = [desk.till(), desk.till()]
    people = [KIM, msgspec.structs.replace(KIM, name="김영희")]
    told = [
        (till, joined, purchase(str(number), 10_000, joined.member))
        for number, (till, joined) in enumerate(
            (till, till.enrolment(person, NOW_MS + number))
            for number, (till, person) in enumerate(zip(tills, people, strict=True))
        )
    ]
    for till, *events in reversed(told) if turned else told:
        desk.send(till, *events)
    assert list(hq.balances().values()) == [20]
    second = tills[0] if turned else tills[1]
    assert hq.exceptions() == [("enrolment_differs", f"{second.terminal_id}.1.1")]
    run_audit(hq)


def test_a_headquarters_that_was_restored_makes_the_same_member_again(
    hq: Hq, desk: Desk, tmp_path: Path
) -> None:
    till = desk.till()
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    joined = till.enrolment(KIM)
    desk.send(till, joined, purchase("1", member=joined.member))
    before = who(desk, PHONE), hq.balances()
    hq.bring_back(tmp_path / "backup.db")
    with hq.reading() as tx:
        assert tx.one("accounts.member_count") == (0,)
    till.cursors = []
    desk.exchange(till, till.batch(1))
    assert (who(desk, PHONE), hq.balances()) == before
    run_audit(hq)


def test_a_batch_that_comes_twice_makes_one_member(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, till.enrolment(KIM))
    before = hq.sql("SELECT * FROM enrolments")
    desk.send(till)
    assert hq.sql("SELECT * FROM enrolments") == before
    run_audit(hq)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "김영희"}, "another name"),
        ({"birthday": 4_000}, "another birthday"),
        ({"cards": (CARD, "A77")}, "a card or phone that nobody has"),
    ],
)
def test_nothing_of_a_member_who_is_there_is_changed(
    hq: Hq, desk: Desk, change: dict[str, object], said: str
) -> None:
    one, other = desk.till(), desk.till()
    desk.send(one, one.enrolment(KIM))
    before = who(desk, CARD)
    desk.send(other, other.enrolment(msgspec.structs.replace(KIM, **change)))
    assert who(desk, CARD) == before
    assert hq.exceptions() == [("enrolment_differs", f"{other.terminal_id}.1.1")]
    ((detail,),) = hq.sql("SELECT detail FROM arrival_exceptions WHERE kind = 'enrolment_differs'")
    assert said in detail
    assert "김" not in detail
    run_audit(hq)


def test_who_gives_less_of_the_same_is_no_difference(hq: Hq, desk: Desk) -> None:
    one, other = desk.till(), desk.till()
    desk.send(one, one.enrolment(KIM))
    desk.send(other, other.enrolment(msgspec.structs.replace(KIM, cards=(), birthday=None)))
    assert hq.exceptions() == []


def test_cards_of_two_members_are_told_and_move_nothing(hq: Hq, desk: Desk) -> None:
    hq.members(f"member_id,lookups,name\nM1,{CARD},A\nM2,{PHONE},B\n")
    till = desk.till()
    desk.send(till, till.enrolment(KIM))
    assert hq.exceptions() == [("enrolment_differs", f"{till.terminal_id}.1.1")]
    assert (who(desk, CARD)[0].name, who(desk, PHONE)[0].name) == ("A", "B")
    assert hq.sql("SELECT state, length(blob) FROM enrolments") == [("refused", 0)]
    run_audit(hq)


def test_people_who_name_the_same_card_in_one_batch_are_taken_one_after_the_other(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    lee = PersonalData("이순신", "", (CARD,), None, 0, "", NOW_MS)
    park = PersonalData("박문수", "+821099998888", (), None, 0, "", NOW_MS)
    desk.send(till, till.enrolment(KIM, NOW_MS + 2), till.enrolment(lee, NOW_MS + 1), till.enrolment(park))
    assert who(desk, CARD)[0].name == "이순신"
    assert who(desk, "+821099998888")[0].name == "박문수"
    assert hq.sql("SELECT state FROM enrolments ORDER BY seq") == [("known",), ("made",), ("made",)]
    assert hq.exceptions() == [("enrolment_differs", f"{till.terminal_id}.1.1")]
    run_audit(hq)


def test_what_was_sealed_may_come_later(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    joined = till.enrolment(KIM)
    sealed, till.sealed = till.sealed, []
    desk.send(till, joined, purchase("1", member=joined.member))
    kinds = [kind for kind, _ in hq.exceptions()]
    assert kinds == ["enrolment_waiting", "member_unknown"]
    run_audit(hq)
    till.sealed = sealed
    desk.send(till)
    assert (list(hq.balances().values()), hq.exceptions()) == ([12], [])
    run_audit(hq)


def broken_hash(till: Till, joined: MemberEnrolled) -> MemberEnrolled:
    return msgspec.structs.replace(joined, sealed_hash=bytes(32))


def sealed_to_another(till: Till, joined: MemberEnrolled) -> MemberEnrolled:
    blob = seal_to(till.hq_key, KIM, os.urandom(32))
    till.sealed = [msgspec.structs.replace(till.sealed[0], blob=blob)]
    return msgspec.structs.replace(joined, sealed_hash=sealed_hash(till.sealed[0].salt, blob))


def other_look_ups(till: Till, joined: MemberEnrolled) -> MemberEnrolled:
    return msgspec.structs.replace(joined, look_ups=(hashed("phone:+821000000000", till.store_key),))


def other_consent(till: Till, joined: MemberEnrolled) -> MemberEnrolled:
    return msgspec.structs.replace(joined, consent_version=7)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (broken_hash, "enrolment_waiting"),
        (sealed_to_another, "enrolment_broken"),
        (other_look_ups, "enrolment_broken"),
        (other_consent, "enrolment_broken"),
    ],
)
def test_what_does_not_fit_makes_nobody_and_is_told(
    hq: Hq, desk: Desk, change: Callable[[Till, MemberEnrolled], MemberEnrolled], kind: str
) -> None:
    till = desk.till()
    desk.send(till, change(till, till.enrolment(KIM)))
    assert hq.exceptions() == [(kind, f"{till.terminal_id}.1.1")]
    with hq.reading() as tx:
        assert tx.one("accounts.member_count") == (0,)
    assert hq.sql("SELECT length(salt), length(blob) FROM enrolments") == [(0, 0)]
    run_audit(hq)


def test_a_birthday_to_come_is_told(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, till.enrolment(msgspec.structs.replace(KIM, birthday=DAY + 30)))
    assert [kind for kind, _ in hq.exceptions()] == ["enrolment_differs"]
    assert hq.sql("SELECT state, length(blob) FROM enrolments") == [("refused", 0)]
    run_audit(hq)


def test_who_is_forgotten_leaves_nothing_of_the_enrolment_but_that_it_was(hq: Hq, desk: Desk) -> None:
    one, other = desk.till(), desk.till()
    joined = one.enrolment(KIM)
    desk.send(one, joined, purchase("1", member=joined.member))
    desk.send(other, other.enrolment(KIM))
    desk.erase(member_of(joined.sealed_hash))
    assert hq.sql("SELECT length(salt), length(blob) FROM enrolments") == [(0, 0), (0, 0)]
    words = ("김철수", PHONE, CARD, *[name[2:] for name in joined.look_ups])
    for table in set(hq.tables()) - {"batches", "events"}:
        told = str(hq.sql(f"SELECT * FROM {table}"))  # noqa: S608
        assert [word for word in words if word in told] == [], table
    desk.send(one)
    assert hq.sql("SELECT length(blob) FROM enrolments") == [(0,), (0,)]
    run_audit(hq)


def test_what_nobody_waits_for_is_not_kept(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    till.enrolment(KIM)
    desk.send(till, purchase("1", member=None))
    assert hq.sql("SELECT * FROM enrolments") == []


def test_member_show_says_how_somebody_joined(shell: Shell, hq: Hq, desk: Desk) -> None:
    one, other = desk.till(), desk.till()
    desk.send(one, one.enrolment(KIM))
    desk.send(other, other.enrolment(msgspec.structs.replace(KIM, consent_version=0, consent_language="")))
    again = f"event {other.terminal_id}.1.1"
    told = shell.run("member", "show", PHONE, "--explain", "--language", "en")[1].splitlines()
    assert told[1:3] == [
        f"joined on 2026-11-21 at {one.terminal_id}, consent version 2 (ko): event {one.terminal_id}.1.1",
        f"enrolled again on 2026-11-21 at {other.terminal_id}, the built-in consent: {again}",
    ]
    told = shell.run("member", "show", PHONE, "--language", "ko")[1].splitlines()
    assert told[1] == f"2026-11-21 {one.terminal_id}에서 가입, 동의문 2판 (ko): 이벤트 {one.terminal_id}.1.1"
    assert shell.json("member", "show", PHONE)["enrolments"][0] == {
        "event": f"{one.terminal_id}.1.1",
        "store": "S012",
        "business_date": "2026-11-21",
        "consent_version": 2,
        "consent_language": "ko",
        "state": "made",
    }


def test_a_record_that_an_earlier_release_could_not_read_waits_for_what_it_seals(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    joined = till.enrolment(KIM)
    sealed, till.sealed = till.sealed, []
    with without(MemberEnrolled):
        desk.send(till, joined)
    assert [kind for kind, _ in hq.exceptions()] == ["record_unreadable"]
    with hq.writing() as tx:
        take(tx, Looked(hq.clock()), hq.clock(), 60_000)
    assert [kind for kind, _ in hq.exceptions()] == ["enrolment_waiting"]
    till.sealed = sealed
    desk.send(till)
    assert hq.exceptions() == []
    assert who(desk, PHONE)[0].name == "김철수"
    run_audit(hq)


def test_other_texts_under_a_consent_that_is_published_are_refused(hq: Hq) -> None:
    def version(number: int, consent: int, text: str) -> str:
        said = f'[consent]\nversion = {consent}\nko = "예"\nen = "{text}"\n'
        return PROGRAMME.replace("version = 1\n", f"version = {number}\n", 1) + said

    hq.publish(version(2, 1, "yes"))
    with pytest.raises(BadInput) as caught:
        hq.publish(version(3, 1, "no"))
    assert caught.value.code == "consent_changed"
    hq.publish(version(3, 2, "no"))
    hq.publish(version(4, 1, "yes"))


async def test_a_house_of_before_is_given_a_key_that_stays(hq: Hq) -> None:
    hq.tamper("DELETE FROM sealing_keys")
    await chores(hq)
    found = hq.sql("SELECT public_key FROM sealing_keys")
    assert len(found) == 1
    await chores(hq)
    assert hq.sql("SELECT public_key FROM sealing_keys") == found


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE enrolments SET member_id = 'M9'",
        "UPDATE enrolments SET consent_version = 9",
        "UPDATE enrolments SET business_day = business_day + 1",
        "UPDATE enrolments SET state = 'known', member_id = ''",
        "UPDATE enrolments SET member_id = 'M1'",
        "UPDATE enrolments SET blob = salt",
        "DELETE FROM enrolments",
        COPY.format("branch", 2),
        COPY.format("9", 1),
        "UPDATE enrolments SET seq = 99",
    ],
)
def test_the_audit_finds_an_enrolment_that_does_not_follow(hq: Hq, desk: Desk, change: str) -> None:
    hq.members("member_id\nM1\n")
    till = desk.till()
    desk.send(till, till.enrolment(KIM), visit("id:M1"))
    run_audit(hq)
    hq.tamper(change)
    with pytest.raises(Difference):
        run_audit(hq)
