"""New members at the till: known at once by phone and card, sealed to HQ, until it tells of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge_agent.redeeming import Redeeming, redemption_id_of
from edge_agent.spendable import Wanted
from edge_agent.store import enrolments, entries
from edge_agent.store.database import transaction
from edge_agent.sync.questions import Told
from loyalty_core.errors import BadInput
from loyalty_core.events import MemberEnrolled, MemberPresented, VisitRecorded
from loyalty_core.lookups import hashed
from loyalty_core.messages import MemberRow
from loyalty_core.sealing import sealed_hash, unseal
from tests.edge.conftest import MakeTill
from tests.edge.joining import NAME, NEW_CARD, PHONE, join, refused
from tests.edge.made import (
    CARD,
    MOONLIGHT,
    OTHER_CARD,
    SEALING_KEY,
    STORE_KEY,
    at,
    day,
    keyed,
    member,
    programme,
    purchase,
)
from tests.edge.till import Till

E164 = "+821098765432"
BY_PHONE, BY_CARD = hashed(f"phone:{E164}", STORE_KEY), hashed(f"card:{NEW_CARD}", STORE_KEY)
CONSENT = '\n[consent]\nversion = 3\nko = "동의"\nen = "I agree"\n'


def told(*look_ups: str, member_id: str = "M9") -> MemberRow:
    """Return HQ's word on who joined."""
    own = hashed(f"id:{member_id}", STORE_KEY)
    return member(member_id, look_ups=(own, *look_ups), balance=0, qualifying=0, masked_name="홍*동")


def test_the_record_names_who_they_are_by_a_hash_and_hq_alone_can_read_it(till: Till) -> None:
    join(till, card=NEW_CARD)
    (record,) = till.records()
    event = record.event
    assert isinstance(event, MemberEnrolled)
    assert (event.member, event.look_ups) == (BY_PHONE, (BY_PHONE, BY_CARD))
    assert (event.consent_version, event.consent_language, record.adapter) == (0, "ko", "http")
    one = enrolments.read(till.conn, event.provisional)
    assert one is not None
    assert sealed_hash(one.salt, one.blob) == event.sealed_hash
    person = unseal(SEALING_KEY, one.blob)
    assert (person.name, person.phone, person.cards) == (NAME, E164, (NEW_CARD,))
    assert (person.birthday, person.consented_at_ms) == (day("1990-05-31"), at("2026-12-05 12:00"))


def test_a_card_alone_is_recorded_as_it_was_read(till: Till) -> None:
    join(till, phone=None, card=f"]C1{NEW_CARD[:4]} {NEW_CARD[4:]}")
    (record,) = till.records()
    assert record.event.member == f"card:{NEW_CARD}"
    assert till.standing(NEW_CARD).masked_name == "홍*동"


def test_nothing_of_the_person_stands_in_clear_on_the_disk(till: Till) -> None:
    join(till, name="Hong Gil-dong", card=NEW_CARD)
    refused(till, name="Hong Gil-dong", phone="+")
    till.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    disk = b"".join(path.read_bytes() for path in till.config.data_dir.iterdir() if path.is_file())
    for text in ("Gil-dong", PHONE, E164, E164[3:], "98765432", "1990-05-31"):
        assert text.encode() not in disk, text


@pytest.mark.parametrize("spelled", [PHONE, "01098765432", "+82 10 9876 5432", NEW_CARD])
def test_they_are_found_by_every_spelling_and_earn_at_once(till: Till, spelled: str) -> None:
    join(till, card=NEW_CARD)
    outcome = till.record(purchase("1", member=spelled))
    assert outcome.redeemable > 0
    for text in (PHONE, NEW_CARD):
        stands = till.standing(text)
        assert (stands.masked_name, stands.tier, stands.member_id) == ("홍*동", "BRONZE", None)
        assert stands.balance == outcome.redeemable


def test_what_was_bought_under_their_card_before_is_theirs(till: Till) -> None:
    before = till.points(purchase("1", member=NEW_CARD)) + till.points(purchase("2", member=PHONE))
    join(till, card=NEW_CARD)
    assert till.balance(PHONE) == till.balance(NEW_CARD) == before


def test_what_was_bought_under_another_spelling_of_their_card_is_theirs(till: Till) -> None:
    before = till.points(purchase("1", member="AB-1234"))
    join(till, card="AB1234")
    assert till.balance(PHONE) == before


def test_a_card_that_was_shown_before_they_joined_is_theirs(till: Till) -> None:
    when = at("2026-12-05 11:59")
    with transaction(till.conn):
        event = MemberPresented(None, when, day("2026-12-05"))
        keyed(till.recorder, till.conn, event, NEW_CARD, "shown", "shown")
    join(till, card=NEW_CARD)
    bought = purchase("1", member=None, on="2026-12-05") | {"occurred_at": "2026-12-05T12:00:00+09:00"}
    points = till.points(bought)
    assert till.balance(PHONE) == points > 0


def test_they_give_way_to_hqs_word_and_their_points_go_with_them(till: Till) -> None:
    account = join(till, card=NEW_CARD).account
    points = till.points(purchase("1", member=NEW_CARD))
    till.appear(told(BY_PHONE, BY_CARD))
    for text in (PHONE, NEW_CARD):
        stands = till.standing(text)
        assert (stands.member_id, stands.balance) == ("M9", points)
    assert not entries.has_account(till.conn, account)
    till.appear(msgspec.structs.replace(told(), gone=True, look_ups=()))
    assert till.standing(PHONE).masked_name is None


def test_where_the_phone_was_somebodys_the_card_is_nobodys_again(till: Till) -> None:
    join(till, card=NEW_CARD)
    till.appear(told(BY_PHONE, member_id="A"))
    assert till.standing(PHONE).member_id == "A"
    assert till.standing(NEW_CARD).masked_name is None
    assert till.record(purchase("1", member=NEW_CARD)).account == BY_CARD


@pytest.mark.parametrize(
    "rows",
    [
        [told(BY_PHONE, member_id="A")],
        [told(BY_CARD, member_id="B")],
        [told(BY_PHONE, member_id="A"), told(BY_CARD, member_id="B")],
    ],
    ids=["the phone is another's", "the card is another's", "they are of two"],
)
@pytest.mark.parametrize("together", [True, False])
def test_where_they_are_not_one_each_has_their_own(till: Till, rows: list[MemberRow], together: bool) -> None:
    by_card = till.points(purchase("1", member=NEW_CARD))
    join(till, card=NEW_CARD)
    by_card += till.points(purchase("2", member=NEW_CARD))
    by_phone = till.points(purchase("3", member=PHONE, net_minor=70_000))
    for batch in [rows] if together else [[row] for row in rows]:
        till.appear(*batch)
    assert (till.balance(NEW_CARD), till.balance(PHONE)) == (by_card, by_phone)
    assert by_card != by_phone


def test_the_same_again_is_the_same_before_and_after_hq_has_told(till: Till) -> None:
    first = join(till)
    again = join(till)
    assert (again.event, again.account, again.repeated) == (first.event, first.account, True)
    till.appear(told(BY_PHONE))
    assert join(till).account == "id:M9"
    assert len(till.records()) == 1


def test_the_same_key_for_somebody_else_is_a_conflict(till: Till) -> None:
    join(till)
    assert refused(till, key="k1", name="김철수").code == "idempotency_conflict"
    with transaction(till.conn):
        visit = VisitRecorded(None, at("2026-12-05 11:00"), day("2026-12-05"), "till", None)
        keyed(till.recorder, till.conn, visit, CARD, "k2", "visit")
    till.conn.execute("UPDATE source SET content = x'' WHERE natural_key = 'key/k2'")  # lost, and repaired
    assert refused(till, key="k2", phone="010-1111-2222").code == "idempotency_conflict"


def test_who_joined_here_cannot_join_again(till: Till) -> None:
    join(till, card=NEW_CARD)
    for changed in ({"phone": "+82-10-9876-5432"}, {"phone": None, "card": NEW_CARD}):
        error = refused(till, **changed)
        assert error.code == "member_known"
        assert "홍*동" in str(error)


@pytest.mark.parametrize("card", [CARD, f"{CARD[:7]} {CARD[7:]}"])
def test_who_is_known_cannot_join_and_nothing_but_the_masked_name_is_told(till: Till, card: str) -> None:
    till.know(member(masked_name="김*수", balance=4711))
    error = refused(till, card=card)
    assert error.code == "member_known"
    assert "김*수" in str(error)
    assert "4711" not in str(error)
    assert "M1" not in str(error)


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("member_missing", {"phone": None}),
        ("name_invalid", {"name": "  "}),
        ("name_invalid", {"name": "x" * 65}),
        ("name_invalid", {"name": "a\x00b"}),
        ("phone_invalid", {"phone": "010-98"}),
        ("phone_invalid", {"phone": CARD}),
        ("card_invalid", {"card": "2000123456783"}),
        ("card_invalid", {"card": "010-1234-5678"}),
        ("card_invalid", {"card": ""}),
        ("birthday_invalid", {"birthday": "1899-12-31"}),
        ("birthday_invalid", {"birthday": "2026-12-06"}),
        ("birthday_invalid", {"birthday": "31.5.1990"}),
        ("consent_needed", {"consent": 1}),
    ],
)
def test_what_cannot_be_is_refused(till: Till, code: str, changed: dict[str, Any]) -> None:
    assert refused(till, **changed).code == code


def test_the_programmes_own_text_must_be_the_one_that_was_agreed_to(make_till: MakeTill) -> None:
    till = make_till(programme(text=MOONLIGHT + CONSENT))
    assert refused(till).code == "consent_needed"
    join(till, consent=3)
    event = till.records()[-1].event
    assert isinstance(event, MemberEnrolled)
    assert event.consent_version == 3


def test_without_hqs_key_nobody_joins(till: Till) -> None:
    till.conn.execute("DELETE FROM sealing_key")
    assert refused(till).code == "sealing_key_missing"


def test_nothing_is_sealed_to_a_damaged_key(till: Till) -> None:
    till.conn.execute("UPDATE sealing_key SET public_key = CAST(x'00' || substr(public_key, 2) AS BLOB)")
    assert refused(till).code == "sealing_key_missing"


def test_they_spend_before_hq_has_told_of_them_only_what_hq_grants(till: Till) -> None:
    join(till)
    for number in range(10):
        till.record(purchase(str(number), member=PHONE, net_minor=1_000_000, on=f"2026-11-{number + 10}"))
    redeeming = Redeeming(till.config, till.clock, till.recorder)
    wanted = Wanted(
        redemption_id=redemption_id_of("S012-T03", "r"),
        natural_key="key/r",
        content=b"r",
        member=PHONE,
        points=1000,
    )
    with transaction(till.conn), pytest.raises(BadInput, match="without it 0 more points") as refusal:
        redeeming.authorise(till.conn, till.books(), wanted, None)
    assert refusal.value.code == "allowance_exceeded"
    granted = Told(granted=1000, until_monotonic_ms=till.clock.monotonic_ms() + 60_000)
    before = till.balance(PHONE)
    with transaction(till.conn):
        redeeming.authorise(till.conn, till.books(), wanted, granted)
    till.appear(told(BY_PHONE))
    with transaction(till.conn):
        redeeming.commit(till.conn, till.books(), wanted.redemption_id, None)
    assert till.balance(PHONE) == before - 1000


DAMAGE = {
    "name": "UPDATE enrolment SET masked_name = '김*동'",
    "account": "UPDATE enrolment SET account = 'h:0'",
    "seal": "UPDATE enrolment SET blob = CAST(x'0000000000000000' || substr(blob, 9) AS BLOB)",
    "look-up": "UPDATE enrolment_look_up SET provisional = 'x'",
    "gone": "DELETE FROM enrolment",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_row_is_nobodys_and_the_sale_is_recorded(till: Till, damage: str) -> None:
    join(till)
    till.conn.execute(damage)
    assert till.record(purchase("1", member=PHONE)).account == BY_PHONE
    assert till.standing(PHONE).masked_name is None


def test_a_card_with_letters_is_found_however_it_is_hyphenated(till: Till) -> None:
    join(till, phone=None, card="AB-1234")
    points = till.points(purchase("1", member="AB-1234"))
    assert till.balance("AB1234") == till.balance("AB-12-34") == points
    till.appear(told(hashed("card:AB1234", STORE_KEY)))
    assert till.standing("AB-1234").balance == points


def test_another_members_id_that_reads_like_their_card_takes_nothing_of_theirs(till: Till) -> None:
    join(till, card=NEW_CARD)
    points = till.points(purchase("1", member=NEW_CARD))
    till.appear(member(NEW_CARD, OTHER_CARD, look_ups=(hashed(f"id:{NEW_CARD}", STORE_KEY),), balance=0))
    assert till.balance(PHONE) == points
