"""Decisions: numbered, by named people, never changed; points by hand need two of them and stay in bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from hq_server.audit import Difference
from hq_server.config import Adjustments
from loyalty_core.errors import BadInput
from tests.hq.accounts import MEMBERS, entries
from tests.hq.behind import Guarded, each_change
from tests.hq.conftest import Hq, copy_of
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, purchase
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS)
    return Desk(hq)


def refused(code: str) -> pytest.RaisesExc[BadInput]:
    return pytest.RaisesExc(BadInput, check=lambda error: error.code == code)


def test_points_move_only_when_another_person_has_approved(hq: Hq, desk: Desk) -> None:
    number = desk.propose("M1", 50, 20)
    assert (desk.decision(number).state, entries(hq)) == ("waiting", [])
    with refused("same_person"):
        desk.approve(number, "kim")
    with refused("same_person"):
        desk.approve(number, " KIM ")
    desk.approve(number)
    assert entries(hq) == [("adjustment", 50, 20)]
    assert desk.decision(number).given_by == "lee"
    run_audit(hq)


def test_a_refused_proposal_moves_nothing_for_good(hq: Hq, desk: Desk) -> None:
    number = desk.propose()
    desk.refuse(number)
    with refused("decision_judged"):
        desk.approve(number, "park")
    assert (desk.decision(number).state, entries(hq)) == ("refused", [])
    run_audit(hq)


def test_approving_twice_moves_points_once(hq: Hq, desk: Desk) -> None:
    number = desk.propose()
    desk.approve(number)
    with refused("decision_judged"):
        desk.approve(number)
    assert entries(hq) == [("adjustment", 50, 0)]


def test_what_nobody_decided_or_needs_no_second_person_is_not_approved(hq: Hq, desk: Desk) -> None:
    with refused("decision_not_found"):
        desk.approve(7)
    with refused("no_proposal"):
        desk.approve(desk.merge("M2", "M1"))


@pytest.mark.parametrize(
    ("points", "more", "code"),
    [
        ((0, 0), {}, "adjustment_empty"),
        ((101, 0), {}, "adjustment_too_large"),
        ((0, -101), {}, "adjustment_too_large"),
        ((100, -100), {}, None),
        ((-5, 0), {"kind": "goodwill"}, "goodwill_below_zero"),
        ((5, 0), {"code": "because"}, "reason_code_unknown"),
        ((5, 0), {"day": DAY + 1}, "date_ahead"),
        ((5, 0), {"day": DAY - 200}, "date_uncovered"),
        ((5, 0), {"by": " "}, "name_missing"),
        ((5, 0), {"by": "k\nim"}, "name_missing"),
    ],
)
def test_a_proposal_stays_in_bounds(
    desk: Desk, points: tuple[int, int], more: dict[str, object], code: str | None
) -> None:
    desk.limits = Adjustments(points_max=100)
    if code is None:
        desk.propose("M1", *points, **more)  # type: ignore[arg-type]
        return
    with refused(code):
        desk.propose("M1", *points, **more)  # type: ignore[arg-type]


def test_goodwill_of_a_period_ends_with_its_budget(desk: Desk) -> None:
    desk.limits = Adjustments(goodwill_points_max=100)
    first = desk.propose("M1", 60, 10, kind="goodwill")
    with refused("goodwill_spent"):
        desk.propose("M2", 0, 41, kind="goodwill")
    second = desk.propose("M2", 0, 40, kind="goodwill")
    desk.approve(first)
    desk.refuse(second)
    desk.propose("M2", 40, 40, kind="goodwill")
    desk.propose("M2", 5_000, 0)
    desk.limits = Adjustments(goodwill_points_max=99)
    with refused("goodwill_spent"):
        desk.approve(3)


def test_a_closed_period_takes_no_adjustment(hq: Hq, desk: Desk) -> None:
    waiting = desk.propose()
    hq.sql("INSERT INTO bucket_closes (bucket, period_id, entry_no) VALUES (3, '2026-H2', 0)")
    with refused("period_closed"):
        desk.propose()
    with refused("period_closed"):
        desk.approve(waiting)
    assert (desk.decision(waiting).state, entries(hq)) == ("waiting", [])


def test_an_adjustment_may_leave_a_debt_which_is_flagged(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase())
    desk.approve(desk.propose("M1", -20))
    assert hq.balances()["M1"] == -8
    assert ("overdrawn", "M1") in hq.exceptions()
    run_audit(hq)


FOREVER = (
    "UPDATE decisions SET reason = reason",
    "DELETE FROM decisions",
    "UPDATE verdicts SET approved = approved",
    "DELETE FROM verdicts",
    "INSERT OR REPLACE INTO decisions SELECT * FROM decisions WHERE number = 1",
    "INSERT OR REPLACE INTO verdicts SELECT * FROM verdicts",
    "INSERT INTO decisions SELECT 9, kind, subject, detail, reason, made_by, 1, 1, NULL FROM decisions",
    "INSERT INTO verdicts VALUES (2, 1, 'Kim ', 1)",
    "INSERT INTO verdicts VALUES (3, 1, 'lee', 1)",
    "INSERT INTO verdicts VALUES (99, 1, 'lee', 1)",
)


@pytest.mark.parametrize("change", each_change(FOREVER))
def test_a_decision_is_never_changed_and_never_judged_by_who_made_it(hq: Hq, desk: Desk, change: str) -> None:
    desk.approve(desk.propose())
    desk.propose()
    desk.merge("M2", "M1")
    with pytest.raises(Guarded, match=r"never|another person|waits for"):
        hq.sql(change)


DAMAGE = {
    "an adjustment that nobody approved": "DELETE FROM verdicts WHERE number = 1",
    "other points than were approved": "UPDATE decisions SET detail = replace(detail, '50', '51') "
    "WHERE number = 1",
    "a verdict by the same person": "UPDATE verdicts SET given_by = 'kim'",
    "a verdict by the same person, spelled otherwise": "UPDATE verdicts SET given_by = 'ＫIM '",
    "an adjustment that has become one person's": "DELETE FROM verdicts WHERE number = 1; "
    "UPDATE decisions SET needs_second = 0 WHERE number = 1",
    "a merge that has become a proposal": "UPDATE decisions SET needs_second = 1 WHERE kind = 'merge'",
    "a decision about no number": "UPDATE decisions SET detail = '{}' WHERE kind = 'adjustment'",
    "a placing on a day that no calendar has": "UPDATE decisions SET detail = replace(detail, '20777', "
    "'99999999999') WHERE kind = 'placing'",
    "a placing of no event": "UPDATE decisions SET subject = 'x' WHERE kind = 'placing'",
    "a store in no time zone": "UPDATE stores SET timezone = 'Nowhere'",
    "a store whose zone leads out of its folder": "UPDATE stores SET timezone = '../../etc'",
    "a verdict too many": "INSERT INTO verdicts VALUES (77, 1, 'lee', 1)",
    "a missing decision": "DELETE FROM decisions WHERE number = 2",
    "a merge that nobody decided": "UPDATE decisions SET kind = 'unmerge' WHERE kind = 'merge'",
    "a merge that is gone": "DELETE FROM merges",
    "a merge that is gone on the other side": "DELETE FROM merged",
    "a merge into another": "UPDATE decisions SET detail = replace(detail, 'M1', 'M3') WHERE kind = 'merge'",
    "a claim of another member": "UPDATE decisions SET subject = 'M1' WHERE kind = 'claim'",
    "a fact that nobody decided": "INSERT INTO visiting_facts SELECT store_id, receipt_key, terminal_id, 1, "
    "0, 99, record FROM visiting_facts WHERE terminal_id = '~hq' LIMIT 1",
    "a placing on another date": "UPDATE decisions SET detail = replace(detail, '20777', '20776') "
    "WHERE kind = 'placing'",
    "a person who was erased by nobody": "UPDATE members SET erased = 1, name = '', phone = NULL, "
    "home_store = '', birthday = NULL WHERE member_id = 'M2'",
    "a name of who was erased": "UPDATE members SET name = 'A' WHERE member_id = 'M4'",
    "an erased member who is back": "UPDATE members SET erased = 0 WHERE member_id = 'M4'",
    "a card of who was erased": "UPDATE look_ups SET member_id = 'M4' WHERE look_up LIKE 'card:20001234567%'",
    "an attachment that is gone": "DELETE FROM attachments",
    "an attachment to another": "UPDATE attachments SET member_id = 'M1'",
    "a coupon that is gone": "DELETE FROM coupons",
    "a coupon for longer": "UPDATE coupons SET until_day = until_day + 1",
    "a coupon that nobody issued": "INSERT INTO coupons SELECT bucket, 'M2', 'C99', until_day, envelope, 1 "
    "FROM coupons",
    "a coupon of another key": "UPDATE coupons SET envelope = CAST(replace(envelope, substr(envelope, -64), "
    "zeroblob(64)) AS BLOB)",
    "a stamp of who stands for both": "UPDATE stamps SET seq = 1 WHERE member_id = 'M1'",
}
REWARD = '[[reward]]\nid = "ball"\npoints = 10\nname = { ko = "골프공", en = "golf ball" }\n'


def fill(hq: Hq, desk: Desk) -> None:
    """Make one decision of every kind, each with its effect."""
    text = hq.sql("SELECT text FROM programmes")[0][0]
    hq.publish(text.replace("version = 1", "version = 2").replace("[tier_policy]", REWARD + "[tier_policy]"))
    hq.members("member_id,lookups,name\nM3,,C\nM4,2000123456805,D\n")
    till, other = desk.till(), desk.till("S099")
    desk.send(
        till,
        purchase("1", 30_000, "id:M2"),
        purchase("2", 5_000, None),
        purchase("3", 7_000, "card:5555"),
        purchase("4", 9_000, "card:2000123456805"),
        purchase("5", 4_000, "id:M3"),
        purchase("6", 3_000, "id:M2"),
    )
    desk.send(other, purchase("1", 2_000, "id:M1", store="S099"))
    desk.approve(desk.propose("M1", 50, 5))
    desk.merge("M2", "M1")
    desk.claim("S012/T01/2026-11-21/2", "M3")
    desk.attach("card:5555", "M3")
    desk.place(f"{till.terminal_id}.1.5", DAY - 1)
    desk.issue("M1", "ball", (DAY, DAY + 9))
    desk.erase("M4")
    desk.derive()


def test_the_audit_finds_every_decision_in_what_stands(hq: Hq, desk: Desk) -> None:
    fill(hq, desk)
    assert run_audit(hq).events == 7
    assert hq.balances() == {"M1": 85, "M2": 0, "M3": 16, "M4": 9}


@pytest.fixture(scope="module")
def filled(founded: Hq, tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """Such a ledger, to be copied."""
    made = copy_of(founded, tmp_path_factory.mktemp("filled"))
    made.members(MEMBERS)
    fill(made, Desk(made))
    run_audit(made)
    return made


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_audit_names_what_no_decision_explains(filled: Hq, tmp_path: Path, damage: str) -> None:
    hq = copy_of(filled, tmp_path)
    hq.tamper(*DAMAGE[damage].split("; "))
    with pytest.raises(Difference, match=r"[a-z]"):
        run_audit(hq)


def test_a_batch_that_a_decision_needs_is_named_by_its_till_and_record(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    (found,) = desk.send(till, back("r1", of=None))
    desk.send(till, purchase())
    desk.match(found, "S012/T01/2026-11-21/1")
    run_audit(hq)
    ((kept,),) = hq.sql("SELECT envelope FROM batches WHERE first_seq = 1")
    changed = kept[:60] + b"\0" + kept[61:]
    hq.tamper(f"UPDATE batches SET envelope = x'{changed.hex()}' WHERE first_seq = 1")  # noqa: S608
    with pytest.raises(Difference, match="S012-T01, epoch 1, batch from record 1: "):
        run_audit(hq)
    hq.tamper("DELETE FROM batches WHERE first_seq = 1")
    with pytest.raises(Difference, match="S012-T01, epoch 1: a batch says records 2 to 2"):
        run_audit(hq)


UNREADABLE = {
    1: "UPDATE decisions SET detail = 'x' WHERE number = 1",
    2: "UPDATE decisions SET detail = '{}' WHERE number = 2",
}


@pytest.mark.parametrize("number", UNREADABLE)
def test_what_a_decision_says_and_cannot_be_read_is_told_with_its_number(
    hq: Hq, desk: Desk, number: int
) -> None:
    desk.approve(desk.propose())
    desk.merge("M2", "M1")
    hq.tamper(UNREADABLE[number])
    with pytest.raises(Difference, match=f"decision {number}: what it says does not hold"):
        run_audit(hq)


def test_one_person_cannot_decide_what_takes_two(hq: Hq, desk: Desk) -> None:
    waiting = desk.propose()
    row = "SELECT 2, '{}', subject, detail, reason, made_by, 1, {}, 'k' FROM decisions WHERE number = 1"
    for kind in ("adjustment", "goodwill", "erasure"):
        with pytest.raises(Guarded, match="second person"):
            hq.sql(f"INSERT INTO decisions {row.format(kind, 0)}")
    with pytest.raises(Guarded, match="second person"):
        hq.sql(f"INSERT INTO decisions {row.format('merge', 1)}")
    desk.refuse(waiting)
    run_audit(hq)


AGAIN = (
    "INSERT OR REPLACE INTO decisions "
    "SELECT 2, kind, subject, detail, reason, made_by, 1, 1, 'k' FROM decisions"
)


@pytest.mark.sqlite("INSERT OR REPLACE")
def test_a_decision_is_not_replaced_by_another_under_its_key(hq: Hq, desk: Desk) -> None:
    desk.approve(desk.propose())
    hq.tamper("UPDATE decisions SET natural_key = 'k'")
    with pytest.raises(Guarded, match="never replaced"):
        hq.sql(AGAIN)
    hq.tamper("UPDATE decisions SET natural_key = 'other'")
    hq.sql(AGAIN)


def test_now_is_the_day_of_the_tests() -> None:
    assert NOW_MS // 86_400_000 == DAY
