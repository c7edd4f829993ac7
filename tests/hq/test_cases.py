"""An appeal and what comes of it: alike is alike, two people rule, and points stay as they are."""

from __future__ import annotations

import pytest

from hq_server.config import Grants
from hq_server.decisions import decision, decisions
from hq_server.desk import evidence
from hq_server.desk.figures import figures
from hq_server.desk.near_misses import near_misses
from hq_server.desk.rulings import ruling_of
from hq_server.metrics import of_ledger
from loyalty_core.errors import BadInput
from tests.hq.appeals import JANUARY_5, JANUARY_16, JULY_15, PERIOD, TOTALS, Appeals, appeals, closed, desk
from tests.hq.conftest import Hq
from tests.hq.events import DAY, back
from tests.hq.test_audit import run_audit

__all__ = ["closed", "desk"]


def refused(code: str) -> pytest.RaisesExc[BadInput]:
    return pytest.RaisesExc(BadInput, check=lambda error: error.code == code)


def test_the_figures_say_what_waits_for_people(desk: Appeals) -> None:
    def waiting() -> tuple[float, ...]:
        families = {one.name: one for one in desk.read(lambda tx, _: of_ledger(tx, desk.hq.clock()))}
        names = ("dangol_hq_cases_open", "dangol_hq_decisions_waiting")
        return tuple(families[name].samples[0].value for name in names)

    assert waiting() == (0, 0)
    number = desk.open("M1")
    desk.open("M4")
    assert waiting() == (2, 0)
    made = desk.ask(number)
    assert waiting() == (2, 1)
    desk.approve(made)
    desk.post()
    assert waiting() == (1, 0)


# Alike is alike


def test_a_grant_covers_everyone_with_the_same_or_a_smaller_gap(desk: Appeals) -> None:
    before = desk.hq.sql("SELECT * FROM totals")
    number = desk.open("M1")
    assert desk.state(number) == "open"
    made = desk.ask(number)
    assert (desk.state(number), desk.granted()) == ("proposed", {})
    desk.approve(made)
    assert (desk.post(), desk.post()) == (3, 0)
    assert desk.granted() == {"M1": "SILVER", "M2": "SILVER", "M3": "SILVER"}
    assert desk.covered(made) == {"M1": "granted", "M2": "granted", "M3": "granted"}
    assert desk.state(number) == "granted"
    assert desk.hq.sql("SELECT * FROM totals") == before


def test_all_who_are_covered_have_their_open_cases_settled_by_one_ruling(desk: Appeals) -> None:
    mine, others, nearer = desk.open("M1"), desk.open("M3"), desk.open("M4")
    made = desk.grant(mine)
    assert [desk.state(each) for each in (mine, others, nearer)] == ["granted", "granted", "open"]
    assert desk.file(others).case.decisions[0].number == made
    with refused("case_settled"):
        desk.ask(others)


def test_who_was_refused_before_is_granted_with_all_who_stand_alike(desk: Appeals) -> None:
    desk.deny(desk.open("M3"))
    desk.grant(desk.open("M1"))
    assert set(desk.granted()) == {"M1", "M2", "M3"}


def test_a_later_ruling_covers_those_only_whom_none_does_yet(desk: Appeals) -> None:
    desk.grant(desk.open("M1"))
    made = desk.grant(desk.open("M4"))
    assert desk.covered(made) == {"M4": "granted"}


def test_two_proposals_never_cover_one_member(desk: Appeals) -> None:
    first, other = desk.open("M1"), desk.open("M3")
    made = desk.ask(first)
    with refused("ruling_waits"):
        desk.ask(other)
    with refused("ruling_waits"):
        desk.ask(first)
    desk.refuse(made)
    assert (desk.state(first), desk.granted(), desk.post()) == ("open", {}, 0)
    desk.grant(other)
    assert set(desk.granted()) == {"M1", "M2", "M3"}


def test_one_alone_takes_a_reason_that_the_settings_let_pass_and_is_counted(desk: Appeals) -> None:
    number = desk.open("M1")
    with refused("unlike_needs_code"):
        desk.ask(number, alone=True)
    made = desk.grant(number, "hardship", alone=True)
    assert desk.granted() == {"M1": "SILVER"}
    ruling = ruling_of(desk.decision(made))
    assert (ruling.alone, ruling.left_out, ruling.members) == (True, 2, 1)


def test_who_stands_alone_is_ruled_on_as_alike(desk: Appeals) -> None:
    made = desk.grant(desk.open("M7"), alone=True)
    ruling = ruling_of(desk.decision(made))
    assert (ruling.alone, ruling.left_out, ruling.tier) == (False, 0, "GOLD")


def test_refusing_who_stands_like_a_granted_one_takes_a_reason_too(desk: Appeals) -> None:
    desk.grant(desk.open("M1"), "hardship", alone=True)
    alike, nearer, further = desk.open("M3"), desk.open("M2"), desk.open("M4")
    for number in (alike, nearer):
        with refused("unlike_needs_code"):
            desk.deny(number)
    assert desk.decision(desk.deny(further)).detail.endswith('"unlike":false}')
    made = desk.decision(desk.deny(alike, "till-fault"))
    assert '"unlike":true' in made.detail
    assert desk.state(alike) == "refused"


def test_evidence_names_everyone_who_stands_alike_and_how_they_were_ruled_on(desk: Appeals) -> None:
    desk.deny(desk.open("M3"))
    desk.grant(desk.open("M2"))
    found = desk.file(desk.open("M4")).now
    assert found is not None
    assert [(one.member_id, one.missing, one.ruled) for one in found.alike.listed] == [
        ("M2", 1, "granted"),
        ("M1", 3, "open"),
        ("M3", 3, "refused"),
        ("M4", 4, "open"),
    ]
    assert (found.alike.members, found.alike.ruled) == (4, {"granted": 1, "open": 2, "refused": 1})
    assert sum(move.members for move in found.moves) == 3


# Two people


def test_a_grant_is_approved_by_another_person_than_who_proposed_it(desk: Appeals) -> None:
    made = desk.ask(desk.open("M1"))
    with refused("same_person"):
        desk.approve(made, "KIM")
    assert (desk.post(), desk.granted()) == (0, {})
    desk.approve(made)
    with refused("decision_judged"):
        desk.refuse(made)
    desk.post()
    assert len(desk.granted()) == 3


# Bounds


def test_grants_of_a_period_end_with_their_budget(desk: Appeals) -> None:
    desk.grants = Grants(per_period_max=3)
    made = desk.ask(desk.open("M1"))
    with refused("grants_spent"):
        desk.ask(desk.open("M7"))
    desk.refuse(made)
    desk.grant(2)
    with refused("grants_spent"):
        desk.ask(1)
    made = desk.ask(1, "hardship", alone=True)
    desk.grants = Grants(per_period_max=1)
    with refused("grants_spent"):
        desk.approve(made)
    assert desk.decision(made).state == "waiting"


def test_of_two_proposals_that_race_for_the_last_grants_one_is_told(desk: Appeals) -> None:
    desk.grants = Grants(per_period_max=3)
    one, other = desk.open("M1"), desk.open("M7")
    first = desk.ask(one)
    with refused("grants_spent"):
        desk.ask(other)
    desk.approve(first)
    desk.post()
    assert len(desk.granted()) == 3


@pytest.mark.parametrize(
    ("day", "code"),
    [(JANUARY_16 - 1, "until_outside"), (JANUARY_16, None), (JULY_15, None), (JULY_15 + 1, "until_outside")],
)
def test_a_grant_holds_within_the_validity_of_what_was_missed(
    desk: Appeals, day: int, code: str | None
) -> None:
    number = desk.open("M1")
    if code is not None:
        with refused(code):
            desk.ask(number, until=day)
        return
    made = desk.ask(number, until=day)
    desk.approve(made)
    desk.post()
    assert set(desk.hq.sql("SELECT from_day, until_day FROM grants")) == {(JANUARY_16, day)}


def test_a_grant_begins_with_the_business_day_after_its_approval(desk: Appeals) -> None:
    made = desk.ask(desk.open("M1"))
    desk.on(JANUARY_16 + 20)
    desk.approve(made)
    desk.post()
    assert set(desk.hq.sql("SELECT from_day, until_day FROM grants")) == {(JANUARY_16 + 21, JULY_15)}


def test_a_cost_is_told_of_a_proposal_where_it_was_estimated_for_just_these(
    desk: Appeals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> int | None:
        made = desk.ask(desk.open("M1"))
        (one,) = [one for one in desk.read(lambda tx, _: decisions(tx)) if one.number == made]
        desk.refuse(made)
        desk.withdraw(ruling_of(one).case)
        return ruling_of(one).discount_minor

    assert told() == 0
    monkeypatch.setattr(evidence, "LOOKED_AT_MAX", 2)
    assert told() is None


def test_a_proposal_that_waited_past_its_end_is_not_approved_any_more(desk: Appeals) -> None:
    made = desk.ask(desk.open("M1"), until=JANUARY_16 + 3)
    desk.on(JANUARY_16 + 3)
    with refused("until_outside"):
        desk.approve(made)
    desk.refuse(made)
    desk.on(JULY_15)
    assert desk.file(1).case.moot == "over"


def test_what_was_approved_and_is_posted_too_late_has_lapsed(desk: Appeals) -> None:
    made = desk.ask(desk.open("M7"), until=JANUARY_16 + 3)
    desk.approve(made)
    desk.on(JANUARY_16 + 3)
    desk.post()
    assert (desk.covered(made), desk.granted()) == ({"M7": "lapsed"}, {})


def test_an_unknown_reason_code_is_refused(desk: Appeals) -> None:
    number = desk.open("M1")
    for rule in (desk.ask, desk.deny):
        with refused("reason_code_unknown"):
            rule(number, "because")


def test_what_was_approved_is_posted_a_bucket_a_time_and_goes_on_after_a_cut(desk: Appeals) -> None:
    made = desk.ask(desk.open("M1"))
    desk.approve(made)
    ruled = []
    while done := desk.post_once():
        ruled.append((done, len(desk.granted())))
    assert ruled == [(1, 1), (1, 2), (1, 3)]
    assert desk.state(1) == "granted"


# What may be asked


def test_only_what_was_just_missed_in_a_closed_period_is_a_case(hq: Hq, desk: Appeals) -> None:
    with refused("period_open"):
        desk.open("M1", period="2027-H1")
    with refused("period_unknown"):
        desk.open("M1", period="2027")
    desk.open("M1")
    with refused("case_open"):
        desk.open("M1")
    with refused("member_not_found"):
        desk.open("M99")
    with refused("case_not_found"):
        desk.file(99)
    with refused("case_words"):
        desk.open("M2", words="x" * 2_001)
    with refused("case_words"):
        desk.open("M2", words="\x1b[2J")


def test_at_the_top_nothing_was_missed(desk: Appeals) -> None:
    desk.stand({"M5": 900})
    with refused("no_gap"):
        desk.open("M5")


def test_who_holds_the_tier_anyhow_has_no_case(desk: Appeals) -> None:
    desk.grant(desk.open("M1"))
    with refused("case_moot"):
        desk.open("M3")


def test_a_case_is_withdrawn_once_and_may_be_opened_again(desk: Appeals) -> None:
    number = desk.open("M1")
    made = desk.ask(number)
    with refused("ruling_waits"):
        desk.withdraw(number)
    desk.refuse(made)
    desk.withdraw(number)
    with refused("case_settled"):
        desk.withdraw(number)
    assert (desk.state(number), desk.state(desk.open("M1"))) == ("withdrawn", "open")


# What happens meanwhile


def test_late_points_that_close_the_gap_make_a_case_moot_and_it_says_so(desk: Appeals) -> None:
    number = desk.open("M1")
    desk.stand({"M1": 3})
    case = desk.file(number).case
    assert (case.state, case.moot, case.missing, case.missing_now) == ("moot", "reached", 3, 0)
    with refused("case_moot"):
        desk.ask(number)
    with refused("case_moot"):
        desk.deny(number)
    desk.withdraw(number)
    assert desk.state(number) == "withdrawn"


def test_who_reached_it_meanwhile_is_left_out_and_the_others_are_granted(desk: Appeals) -> None:
    number = desk.open("M1")
    made = desk.ask(number)
    desk.stand({"M1": 3})
    desk.approve(made)
    desk.post()
    assert desk.covered(made) == {"M1": "moot", "M2": "granted", "M3": "granted"}
    assert desk.state(number) == "moot"


def test_who_was_erased_is_granted_nothing_and_their_words_are_gone(desk: Appeals) -> None:
    number = desk.open("M1", words="I, Hong, was ill")
    made = desk.ask(number)
    desk.erase("M1")
    desk.approve(made)
    desk.post()
    assert desk.covered(made) == {"M1": "erased", "M2": "granted", "M3": "granted"}
    case = desk.file(number).case
    assert (case.state, case.moot, case.words) == ("moot", "erased", "")
    assert desk.hq.sql("SELECT count(*) FROM cases WHERE words LIKE '%Hong%'") == [(0,)]


def test_a_case_of_who_was_merged_goes_on_for_who_stands_for_them(desk: Appeals) -> None:
    number = desk.open("M1")
    desk.merge("M1", "M6")
    case = desk.file(number).case
    assert (case.member_id, case.counts_as, case.missing_now, case.state) == ("M1", "M6", 3, "open")
    made = desk.grant(number)
    assert desk.covered(made) == {"M2": "granted", "M3": "granted", "M6": "granted"}
    assert desk.state(number) == "granted"


def test_two_who_became_one_have_reached_it_together(desk: Appeals) -> None:
    number = desk.open("M1")
    made = desk.ask(number)
    desk.merge("M1", "M3")
    assert desk.file(number).case.moot == "reached"
    desk.approve(made)
    desk.post()
    assert desk.covered(made) == {"M1": "moot", "M2": "granted", "M3": "moot"}


def test_what_was_taken_back_after_the_close_lowers_no_closed_total(desk: Appeals) -> None:
    number = desk.open("M1")
    desk.send(desk.till(), back("r1", of="n1", net=50_000, day=JANUARY_5, of_day=DAY))
    found = desk.file(number).now
    assert found is not None
    assert (found.qualifying, found.missing, found.by_close) == (97, 3, 50)
    assert (found.alike_qualifying, found.alike_missing) == (97, 3)


def test_a_decision_of_another_kind_is_no_ruling_on_a_case(desk: Appeals) -> None:
    desk.merge("M6", "M5")
    number = desk.open("M1")
    assert desk.file(number).case.decisions == ()
    with desk.hq.reading() as tx:
        assert decision(tx, 1).kind == "merge"


def test_the_evidence_stays_as_it_was_when_it_was_gathered(desk: Appeals) -> None:
    number = desk.open("M1")
    desk.stand({"M1": 1})
    made = desk.ask(number)
    told = desk.file(number)
    assert [(one.decision, one.evidence["missing"]) for one in told.gathered] == [(None, 3), (made, 2)]
    assert told.now is not None
    assert (told.now.missing, told.case.period) == (2, PERIOD)


FOREVER = (
    "UPDATE cases SET words = 'other'",
    "UPDATE cases SET missing = 1",
    "UPDATE cases SET state = 'open', decision = NULL WHERE number = 1",
    "DELETE FROM cases",
    "INSERT OR REPLACE INTO cases SELECT * FROM cases WHERE number = 1",
    "UPDATE case_evidence SET evidence = '{}'",
    "DELETE FROM case_evidence",
    "INSERT OR REPLACE INTO case_evidence SELECT * FROM case_evidence",
    "UPDATE covered SET outcome = 'refused'",
    "UPDATE covered SET missing = 1",
    "DELETE FROM covered",
    "INSERT OR REPLACE INTO covered SELECT * FROM covered",
)


def test_what_was_asked_known_and_ruled_is_never_changed(desk: Appeals) -> None:
    desk.grant(desk.open("M1"))
    desk.deny(desk.open("M4"))
    for change in FOREVER:
        with pytest.raises(Exception, match=r"never|once|only its outcome"):
            desk.hq.sql(change)


def test_the_desk_rules_in_the_same_way_wherever_its_data_lies(hq: Hq) -> None:
    desk = appeals(hq, TOTALS)
    made = desk.ask(desk.open("M1"))
    desk.approve(made)
    assert (desk.post(), desk.post()) == (3, 0)
    desk.deny(desk.open("M4"))
    desk.refuse(desk.ask(desk.open("M7")))
    desk.withdraw(3)
    desk.merge("M7", "M6")
    near = desk.read(lambda tx, house: near_misses(tx, house, PERIOD, hq.clock()))
    assert [(one.member_id, one.ruled) for one in near.listed] == [
        ("M2", "granted"),
        ("M1", "granted"),
        ("M3", "granted"),
        ("M6", "open"),
        ("M4", "refused"),
    ]
    told = desk.read(lambda tx, house: figures(tx, house, desk.grants, PERIOD, hq.clock()))
    assert (told.used, told.in_all.granted, told.in_all.refused) == (3, 3, 1)
    desk.erase("M1")
    assert desk.file(1).case.words == ""
    run_audit(hq)
    for change in ("DELETE FROM covered", "DELETE FROM cases", "DELETE FROM case_evidence"):
        with pytest.raises(Exception, match="never"):
            hq.sql(change)
