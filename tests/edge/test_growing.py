"""A long day that grows by its last receipt is as if it had been derived anew for each."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent import growing, own_facts
from edge_agent.recorder import Outcome, Recorder
from edge_agent.store import programmes
from edge_agent.store.database import transaction
from loyalty_core.errors import BadInput
from loyalty_core.lookups import hashed
from loyalty_core.messages import MemberRow
from tests.edge.made import (
    CARD,
    MOONLIGHT,
    OTHER_CARD,
    STORE_KEY,
    day,
    member,
    programme,
    purchase,
    recorded,
    returned,
    stamp,
    visit,
    void,
)
from tests.edge.till import Till

LIMITED: Final = """
[[earn]]
id = "first-two"
on = ["visit", "purchase"]
points = 5
limit_per_day = 2
[[weight]]
id = "golden"
on = "purchase"
tiers = ["GOLD"]
times = "2"
[[cap]]
id = "of-the-day"
points = 90
per = "day"
"""
THIRD_CARD: Final = "2000123456805"
NUMBERS: Final = st.integers(1, 12)
MINUTES: Final = st.integers(0, 59)
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(("sale", "sale", "sale", "visit", "nobody", "undone", "elsewhere")), MINUTES
        ),
        st.tuples(st.sampled_from(("void", "return", "named")), NUMBERS),
        st.tuples(st.just("told"), NUMBERS),
        st.tuples(st.just("rules"), st.just(8)),
        st.tuples(st.just("epoch"), st.just(0)),
    ),
    min_size=8,
    max_size=40,
)


class Undone(Exception):
    """What a transaction did is undone."""


class Busy:
    """A till at which a card is used all day; one that is `forgetful` derives the day anew each time."""

    def __init__(self, folder: Path, *, forgetful: bool) -> None:
        self.till = Till(folder, programme(text=MOONLIGHT + LIMITED))
        self.till.know(member())
        self._forgetful = forgetful
        self._number = self._late = 0

    def do(self, what: str, which: int) -> Outcome | str | None:
        if self._forgetful:
            self.till.recorder._days._growing = growing.GrowingDays()
        match what:
            case "void":
                return self.said(void(str(which)))
            case "return":
                original = purchase(str(which))["receipt"]
                return self.said(returned(f"r{self.next()}", original=original, net_minor=7000))
            case "named":
                return self.said(purchase(str(which)))
            case "told":
                tier = ("BRONZE", "GOLD")[which % 2]
                self.till.know(member(tier=tier, stamp=stamp(which // 6)))
                return None
            case "rules":
                text = MOONLIGHT + LIMITED.replace("90", "70")
                with transaction(self.till.conn):
                    programmes.put(self.till.conn, which, programme(which, text))
                return None
            case "epoch":
                self.till.go_on()
                return None
        self._late += which // 10
        minute = min(self._late, 59) if which % 3 else which
        said = {"occurred_at": f"2026-11-20T10:{minute:02}:00+09:00", "net_minor": 9000 + 1000 * which}
        if what == "visit":
            return self.said(visit(f"v{self.next()}", f"2026-11-20 10:{minute:02}"))
        if what == "undone":
            self.undone(purchase(f"u{which}", **said))
            return None
        if what == "elsewhere":
            return self.said(purchase(str(self.next()), **said), self.another())
        return self.said(purchase(str(self.next()), **said, **({"member": None} if what == "nobody" else {})))

    def said(self, receipt: dict[str, Any], recorder: Recorder | None = None) -> Outcome | str:
        try:
            with transaction(self.till.conn):
                return recorded(recorder or self.till.recorder, self.till.conn, receipt)
        except BadInput as error:
            return error.code

    def undone(self, receipt: dict[str, Any]) -> None:
        with suppress(Undone), transaction(self.till.conn):
            recorded(self.till.recorder, self.till.conn, receipt)
            raise Undone

    def another(self) -> Recorder:
        """Return what remembers nothing, such as that of another process."""
        return Recorder(self.till.config, self.till.clock)

    def next(self) -> int:
        self._number += 1
        return self._number

    def booked(self) -> list[tuple[Any, ...]]:
        return self.till.conn.execute("SELECT * FROM entry ORDER BY 1, 2, 3, 4, 5, 6, 7, 8").fetchall()


@pytest.fixture
def _days_are_soon_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "LONG_FROM", 2)


@pytest.mark.usefixtures("_days_are_soon_long")
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_a_day_that_grows_is_booked_and_told_as_if_each_receipt_had_it_derived_anew(
    steps: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        grown, anew = Busy(Path(folder) / "a", forgetful=False), Busy(Path(folder) / "b", forgetful=True)
        for what, which in steps:
            one, other = grown.do(what, which), anew.do(what, which)
            assert told(one) == told(other)
            assert grown.booked() == anew.booked()
        assert grown.till.standing() == anew.till.standing()
        grown.till.close()
        anew.till.close()


def told(what: Outcome | str | None) -> object:
    """Return an outcome with what earns on its day in one order: it is a set."""
    if not isinstance(what, Outcome):
        return what
    earning = sorted(what.earning or (), key=lambda one: one.item.order)
    return msgspec.structs.replace(what, earning=earning)


def test_a_receipt_that_is_the_last_of_a_long_day_reads_nothing_else_of_the_day(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minute in range(growing.LONG_FROM):
        till.record(purchase(str(minute), occurred_at=f"2026-11-20T10:{minute:02}:00+09:00"))
    monkeypatch.delattr(own_facts, "read")
    assert till.points(purchase("late", occurred_at="2026-11-20T11:00:00+09:00")) == 12
    assert till.points(purchase("last", occurred_at="2026-11-20T11:01:00+09:00")) == 12
    with pytest.raises(AttributeError):
        till.record(purchase("before", occurred_at="2026-11-20T10:30:00+09:00"))


def test_a_receipt_that_is_undone_again_and_again_reads_nothing_else_of_the_day(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk refuses one sale after the other: that is quick, too."""
    for minute in range(growing.LONG_FROM + 1):
        till.record(after_ten(minute))
    monkeypatch.delattr(own_facts, "read")
    for _ in range(3):
        with suppress(Undone), transaction(till.conn):
            recorded(till.recorder, till.conn, after_ten(30))
            raise Undone
    assert minutes(till.record(after_ten(40))) == {*range(growing.LONG_FROM + 1), 40}


def test_a_receipt_from_before_a_return_has_no_room_that_the_return_left(till: Till) -> None:
    for minute in range(growing.LONG_FROM):
        till.record(after_ten(minute, 1000 if minute else 600_000))
    till.record(returned(original=after_ten(0)["receipt"], net_minor=600_000))
    assert till.points(purchase("late", occurred_at="2026-11-20T11:00:00+09:00")) == 0


@pytest.mark.parametrize(("undone", "done"), [((20,), (30,)), ((20, 40), (30, 40))])
def test_what_was_undone_stands_for_no_other_of_its_number_and_points(
    till: Till, undone: tuple[int, ...], done: tuple[int, ...]
) -> None:
    for minute in range(growing.LONG_FROM):
        till.record(after_ten(minute))
    with suppress(Undone), transaction(till.conn):
        for minute in undone:
            recorded(till.recorder, till.conn, after_ten(minute))
        raise Undone
    elsewhere = Recorder(till.config, till.clock)
    with transaction(till.conn):
        for minute in done:
            recorded(elsewhere, till.conn, after_ten(minute))
    assert minutes(till.record(after_ten(50))) == {*range(growing.LONG_FROM), *done, 50}


def test_what_came_to_a_member_stands_for_nothing_that_went_at_the_same_time(till: Till) -> None:
    till.appear(holder("M1", CARD))
    for minute in range(growing.LONG_FROM):
        till.record(after_ten(minute, member={1: OTHER_CARD, 2: THIRD_CARD}.get(minute, CARD)))
    till.appear(holder("M1", CARD, OTHER_CARD), holder("M2", THIRD_CARD))
    for minute in (20, 21):
        till.record(after_ten(minute))
    both = holder("M1", CARD, OTHER_CARD, THIRD_CARD)
    till.appear(holder("M2", gone=True), msgspec.structs.replace(both, also=("M2",)))
    till.appear(holder("M1", CARD, THIRD_CARD), holder("M2", OTHER_CARD))
    assert minutes(till.record(after_ten(30))) == {*range(growing.LONG_FROM), 20, 21, 30} - {1}


def holder(member_id: str, *cards: str, **changed: Any) -> MemberRow:
    """Return what HQ says of a member who holds these cards."""
    look_ups = [hashed(form, STORE_KEY) for form in (f"id:{member_id}", *[f"card:{card}" for card in cards])]
    return member(member_id, look_ups=tuple(look_ups), **changed)


def after_ten(minute: int, net_minor: int = 1000, member: str = CARD) -> dict[str, Any]:
    """Return a purchase of that minute after ten."""
    at = f"2026-11-20T10:{minute:02}:00+09:00"
    return purchase(f"n{minute}", occurred_at=at, net_minor=net_minor, member=member)


def minutes(outcome: Outcome) -> set[int]:
    """Return the minutes after ten of what earns on an outcome's day."""
    return {one.item.occurred_at_ms // 60_000 % 60 for one in outcome.earning or ()}


def test_no_more_than_the_few_long_days_that_were_used_last_are_kept(till: Till) -> None:
    for date in range(10, 10 + growing.DAYS_KEPT + 1):
        for minute in range(growing.LONG_FROM):
            at = f"2026-11-{date}T10:{minute:02}:00+09:00"
            till.record(purchase(str(minute), on=f"2026-11-{date}", occurred_at=at))
    kept = till.recorder._days._growing._days
    assert len(kept) == growing.DAYS_KEPT
    till.record(void("0", receipt=purchase("0", on="2026-11-14")["receipt"]))
    assert len(kept) == growing.DAYS_KEPT
    till.record(purchase("last", on="2026-11-11", occurred_at="2026-11-11T11:00:00+09:00"))
    for number in "12":
        till.record(purchase(number, on="2026-11-17", occurred_at=f"2026-11-17T10:0{number}:00+09:00"))
    assert [of for _, of in kept] == [day(f"2026-11-{date}") for date in (12, 13, 14, 11)]
