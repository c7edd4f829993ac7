"""Whatever tills bring and people decide, in whatever order: both databases answer and keep the same.

`pytest --hypothesis-profile many` draws sixty histories instead of six; `--hypothesis-seed` tells which.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import chain
from typing import Any, Final

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import Phase, given, settings

from hq_server.closes.chores import do_tier_work, tier_work
from hq_server.house import House
from hq_server.key_book import Keyring
from hq_server.store.connection import Transaction
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import Event, EventId
from loyalty_core.sealing import PersonalData
from loyalty_core.units import Seq
from tests.hq.accounts import REDEEM, chores
from tests.hq.appeals import JANUARY_5, PERIOD, Appeals
from tests.hq.assessing import RULES, close_by_decision
from tests.hq.behind import OnPostgresql
from tests.hq.conftest import Hq, copy_of
from tests.hq.events import DAY, back, claim, purchase, spent, visit, visit_void, void
from tests.hq.test_audit import run_audit
from tests.hq.test_decisions import REWARD
from tests.hq.test_two_databases import kept, twin, twin_of
from tests.hq.till import NOW_MS, Till

__all__ = ["twin"]
MEMBERS: Final = (
    "member_id,lookups,name,phone,home_store,birthday\n"
    "M1,2000123456782,홍길동,010-1234-5678,S012,1990-11-21\n"
    "M2,2000123456799,Ångström,,S012,\n"
    "M3,GOLD-77,,,S099,\n"
)
GIFT: Final = 'from = 100\nbenefits = [{ kind = "gift", name = { ko = "찻잔", en = "a cup" } }]\n'
SECOND: Final = RULES.replace("from = 100\n", GIFT) + REDEEM + REWARD
THIRD: Final = SECOND.replace("version = 2", "version = 3").replace("per = 1000", "per = 900")
EXAMPLES: Final = 6
"""Of each hundred that other properties have."""
PHASES: Final = [Phase.explicit, Phase.reuse, Phase.generate]
"""A history is short as it is drawn; to find a shorter one takes longer than a test may."""

pytestmark = pytest.mark.sqlite("the other one is made from it")

number = st.sampled_from(["1", "2", "10", "a", "B"])
member = st.sampled_from(["M1", "M1", "M2", "M3"])
name = st.sampled_from(
    ["id:M1", "id:M2", "id:M3", "card:2000123456782", "card:5555", "id:gold77", "id:AB-12"]
)
net = st.sampled_from([5_000, 12_990, 95_000, 97_000, 210_000])
day = st.sampled_from([DAY, DAY, DAY + 1, DAY - 20, JANUARY_5 - 1])
receipt = st.builds("S012/T01/2026-11-21/{}".format, number)
event = st.one_of(
    st.builds(purchase, number, net, st.one_of(name, st.none()), day=day),
    st.builds(purchase, number, net, name, store=st.sampled_from(["S012", "S099"])),
    st.builds(visit, name, at=st.integers(NOW_MS, NOW_MS + 9), number=st.one_of(number, st.none())),
    st.builds(back, number.map("r{}".format), of=number, net=net, day=day, of_day=day),
    st.builds(void, number, at=st.integers(NOW_MS, NOW_MS + 9)),
    st.builds(claim, number, name, day=day),
    st.builds(spent, st.sampled_from([2, 40]), number, name, day=day),
    st.builds(visit_void, st.integers(1, 9)),
)
person = st.sampled_from(
    [
        PersonalData("김철수", "+821077776666", ("5555",), 3_000, 0, "", NOW_MS),
        PersonalData("김영희", "+821077776666", (), None, 0, "", NOW_MS),
        PersonalData("이순신", "", ("AB12", "5555"), None, 1, "ko", NOW_MS),
        PersonalData("홍길동", "+821012345678", ("2000123456799",), None, 1, "en", NOW_MS),
    ]
)
till = st.integers(0, 3)
trade = st.one_of(
    st.tuples(st.just("tell"), till, st.lists(event, min_size=2, max_size=6)),
    st.tuples(st.just("join"), till, person, st.integers(NOW_MS, NOW_MS + 9), event),
    st.tuples(st.just("send"), till, st.integers(0, 2), st.integers(1, 4)),
)
decision = st.one_of(
    st.tuples(st.just("attach"), st.sampled_from(["5555", "AB-12", "gold77", "010-7777-6666"]), member),
    st.tuples(st.just("merge"), member, member),
    st.tuples(st.just("unmerge"), member),
    st.tuples(st.just("claim"), receipt, member),
    st.tuples(st.just("match"), till, st.integers(1, 9), receipt),
    st.tuples(st.just("place"), till, st.integers(1, 9), day),
    st.tuples(st.just("adjust"), member, st.sampled_from([-30, 0, 50]), st.sampled_from([0, 3]), day),
    st.tuples(st.just("grant"), member, st.booleans()),
    st.tuples(st.just("issue"), member),
    st.tuples(st.just("publish")),
    st.tuples(st.just("erase"), member),
    st.tuples(st.just("close")),
    st.tuples(st.just("tend")),
)
Steps = list[tuple[Any, ...]]
step = st.booleans().flatmap(lambda trades: trade if trades else decision)
half = st.lists(step, min_size=8, max_size=14)
middle = st.sampled_from([[("close",)], [("close",)], []])
histories: st.SearchStrategy[Steps] = st.tuples(half, middle, half).map(lambda parts: [*chain(*parts)])


class Both:
    """Two headquarters that live through the same, and the tills that talk to both."""

    def __init__(self, desks: list[Appeals], tills: list[Till]) -> None:
        self.desks, self.tills = desks, tills
        self.sent = [0 for _ in tills]

    def both(self, work: Callable[[Appeals], object]) -> object:
        """Return what one says to it, or the code of its refusal, which is what the other says."""
        first, second = (_outcome(work, desk) for desk in self.desks)
        assert first == second
        return first

    def live(self, step: tuple[Any, ...]) -> None:
        """Let one thing happen."""
        what, *about = step
        if hasattr(self, what):
            getattr(self, what)(*about)
        else:
            self.both(lambda desk: getattr(desk, what)(*about))

    def tell(self, which: int, events: list[Event]) -> None:
        for one in events:
            self.tills[which].record(one)
        self.send(which, 0, len(events))

    def join(self, which: int, person: PersonalData, at: int, event: Event) -> None:
        """Let somebody join at a till and do something there, which is told now or later."""
        joined = self.tills[which].enrolment(person, at)
        self.tills[which].record(joined)
        self.tills[which].record(msgspec.structs.replace(event, member=joined.member))
        if at % 2:
            self.send(which, 0, 2)

    def send(self, which: int, again: int, count: int) -> object:
        """Let a till send some of what waits, and some once more."""
        one = self.tills[which]
        first = max(1, self.sent[which] + 1 - again)
        last = min(len(one.records), first + count - 1)
        batches = [one.batch(first, last)] if first <= last else []
        body = one.exchange_request(batches)
        answer = self.both(lambda desk: desk.answered(body))
        if isinstance(answer, bytes):
            self.sent[which] = max(self.sent[which], last)
            one.reply(answer)
        return answer

    def match(self, which: int, seq: int, key: str) -> object:
        return self.both(lambda desk: desk.match(self._event(which, seq), key))

    def place(self, which: int, seq: int, on: int) -> object:
        return self.both(lambda desk: desk.place(self._event(which, seq), on))

    def adjust(self, of: str, redeemable: int, qualifying: int, on: int) -> object:
        made = self.both(lambda desk: desk.propose(of, redeemable, qualifying, day=on))
        return made if isinstance(made, str) else self.both(lambda desk: desk.approve(made))  # type: ignore[arg-type]

    def grant(self, of: str, alone: bool) -> object:
        return self.both(lambda desk: desk.grant(desk.open(of), alone=alone))

    def issue(self, of: str) -> object:
        return self.both(lambda desk: desk.issue(of, "ball", (DAY, DAY + 90)))

    def publish(self) -> object:
        return self.both(lambda desk: desk.hq.publish(THIRD))

    def close(self) -> object:
        clock = self.desks[0].hq.clock
        clock.now = max(clock.now, NOW_MS + (JANUARY_5 - DAY) * 86_400_000)
        return self.both(lambda desk: close_by_decision(desk.hq, PERIOD))

    def tend(self) -> object:
        return self.both(_tended)

    def _event(self, which: int, seq: int) -> EventId:
        return EventId(self.tills[which].terminal_id, 1, 0, Seq(seq))


def _outcome(work: Callable[[Appeals], object], desk: Appeals) -> object:
    try:
        return work(desk)
    except LoyaltyError as error:
        return error.code


def _tended(desk: Appeals) -> None:
    """Do what the server's background would."""
    keys, now = Keyring.of(desk.hq.key), desk.hq.clock()

    def all_of_it(tx: Transaction, _: House) -> None:
        while (work := tier_work(tx, now)) is not None:
            do_tier_work(tx, work, keys, now)

    chores(desk.hq)
    desk.write(all_of_it)
    desk.post()


def test_both_databases_keep_the_same_whatever_happens(
    hq: Hq, twin: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hq.members(MEMBERS)
    hq.publish(SECOND)
    desk = Appeals(hq)
    joined = [desk.till(), desk.till(), desk.till("S099")]
    other = twin_of(hq, twin)
    behind = other.behind
    assert isinstance(behind, OnPostgresql)
    other.leave()
    behind.remember()

    @settings(max_examples=settings().max_examples * EXAMPLES // 100, phases=PHASES)
    @given(histories)
    def same(history: Steps) -> None:
        folder = tmp_path_factory.mktemp("history")
        other.leave()
        assert behind.made_anew()
        hq.clock.now = NOW_MS + 2 * 86_400_000
        one = copy_of(hq, folder)
        one.clock = hq.clock
        tills = [each.copied() for each in (*joined, joined[0])]
        pair = Both([Appeals(one), Appeals(other)], tills)
        for step in history:
            pair.live(step)
        for which, each in enumerate(tills):
            pair.send(which, 0, len(each.records))
        pair.tend()
        assert kept(other) == kept(one)
        assert other.exceptions() == one.exceptions()
        assert run_audit(other) == run_audit(one)
        shutil.rmtree(folder)

    same()
    other.leave()
    behind.close()
