"""Joining: one code makes one terminal, however it is raced, and a lost answer costs nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from hq_server.accept import TerminalRefused
from hq_server.backups import back_up
from hq_server.enrol import ENROL_BYTES_MAX, InviteRefused, answer, apply, open_enrol
from hq_server.fleet import HOUR_MS, secret_hash
from hq_server.store.database import opened
from loyalty_core.envelope import seal
from loyalty_core.errors import BadWire
from loyalty_core.events import ID_FORM
from loyalty_core.invite import pin_of, read_code
from loyalty_core.messages import Directive, Enrol, Enrolled
from loyalty_core.wire import pack
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase
from tests.hq.till import Till


async def test_a_till_learns_who_it_is_and_what_it_needs(hq: Hq, tills: Tills) -> None:
    code = hq.invite("S012", till="T03", preapproved=True)
    assert read_code(code)[1] == pin_of(hq.public_key)
    till = Till()
    answer = await tills.client.post("/v1/enrol", data=till.enrol_request(code))
    enrolled = till.enrolled(await answer.read(), hq.public_key)
    assert (enrolled.terminal_id, enrolled.store_id, enrolled.epoch) == ("S012-T03", "S012", 1)
    assert (enrolled.approved, enrolled.programme_id, enrolled.buckets) == (True, "moonlight", 64)
    assert (enrolled.timezone, enrolled.business_day_starts) == ("Asia/Seoul", 300)
    assert len(enrolled.programmes) == 1
    assert len(enrolled.store_key) == 32


async def test_the_same_key_with_the_same_code_gets_the_same_answer_again(hq: Hq, tills: Tills) -> None:
    till = Till()
    request = till.enrol_request(hq.invite())
    answers = []
    for _ in range(3):
        answer = await tills.client.post("/v1/enrol", data=request)
        answers.append(till.enrolled(await answer.read(), hq.public_key))
    assert len(set(answers)) == 1
    assert answers[0].epoch == 1


async def test_a_code_that_was_used_is_refused_to_another_key(hq: Hq, tills: Tills) -> None:
    code = hq.invite()
    assert (await tills.client.post("/v1/enrol", data=Till().enrol_request(code))).status == 200
    assert await tills.refused("/v1/enrol", Till().enrol_request(code)) == (403, "invite_used")


async def test_of_many_who_race_for_one_code_one_gets_it(hq: Hq, tills: Tills) -> None:
    code = hq.invite()
    answers = await asyncio.gather(
        *[tills.client.post("/v1/enrol", data=Till().enrol_request(code)) for _ in range(20)]
    )
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) == 1
    assert {403} <= set(statuses) <= {200, 403, 429}
    assert len(hq.sql("SELECT 1 FROM terminals")) == 1


@pytest.mark.parametrize(("late_ms", "status"), [(-1, 200), (0, 403)])
async def test_a_code_ends_with_its_hours(hq: Hq, tills: Tills, late_ms: int, status: int) -> None:
    request = Till().enrol_request(hq.invite())
    hq.clock.now += 24 * HOUR_MS + late_ms
    assert (await tills.client.post("/v1/enrol", data=request)).status == status


async def test_a_code_that_was_never_made_is_refused(tills: Tills) -> None:
    request = Till().enrol_request("0000-0000-0000-0000-0000-0000")
    assert await tills.refused("/v1/enrol", request) == (403, "invite_unknown")


async def test_a_request_must_be_signed_by_the_key_that_it_brings(hq: Hq, tills: Tills) -> None:
    till = Till()
    enrol = Enrol(b"n" * 16, read_code(hq.invite())[0], b"p" * 32, "x")
    sealed = seal("dangol/enrol/1", pack(enrol), till.key)
    assert (await tills.refused("/v1/enrol", sealed))[0] == 400
    assert hq.sql("SELECT 1 FROM terminals") == []


async def test_a_large_enrolment_is_refused_unread(tills: Tills) -> None:
    assert await tills.refused("/v1/enrol", b"x" * 5000) == (413, "body_too_large")


async def test_a_replaced_till_goes_on_as_itself_in_the_next_epoch(hq: Hq, tills: Tills) -> None:
    old = await tills.join()
    old.record(purchase(member=None))
    last = old.batch()
    await tills.send(old, last)
    new = Till()
    answer = await tills.client.post("/v1/enrol", data=new.enrol_request(hq.invite(till="T01")))
    enrolled = new.enrolled(await answer.read(), hq.public_key)
    assert (enrolled.terminal_id, enrolled.epoch) == ("S012-T01", 2)
    assert await tills.refused("/v1/exchange", old.exchange_request()) == (403, "terminal_replaced")
    reply = await tills.exchange(new, [last])
    assert reply.refusals == ()
    new.record(purchase("2", member=None))
    assert new.acknowledged(await tills.send(new)) == {2: 1}


async def test_who_has_a_tills_key_cannot_use_up_the_epochs_of_the_one_that_replaces_it(
    hq: Hq, tills: Tills
) -> None:
    old, new = await tills.join(), Till()
    old.begin(2**53)
    old.record(purchase(member=None))
    assert (await tills.send(old)).refusals[0].code == "epoch_unknown"
    answer = await tills.client.post("/v1/enrol", data=new.enrol_request(hq.invite(till="T01")))
    new.enrolled(await answer.read(), hq.public_key)
    new.record(purchase("2", member=None))
    assert new.acknowledged(await tills.send(new)) == {new.epoch: 1}
    copy = new.copied()
    new.record(purchase("3", member=None))
    copy.record(purchase("4", member=None))
    await tills.send(new)
    assert (await tills.send(copy)).directives == (Directive("epoch", new.epoch + 1),)


# An answer that was lost, and a further code


async def knocked(tills: Tills, till: Till, code: str) -> Enrolled:
    answer = await tills.client.post("/v1/enrol", data=till.enrol_request(code))
    assert answer.status == 200, await answer.text()
    return till.enrolled(await answer.read(), tills.hq.public_key)


@pytest.mark.parametrize("name", [None, "T01"])
async def test_a_till_whose_answer_was_lost_is_told_again_by_a_further_code_of_its_store(
    hq: Hq, tills: Tills, name: str | None
) -> None:
    till = Till()
    first = await knocked(tills, till, hq.invite(preapproved=False))
    second = hq.invite(till=name, preapproved=False)
    assert await knocked(tills, till, second) == first
    assert (first.terminal_id, first.epoch, first.approved) == ("S012-T01", 1, False)
    assert len(hq.sql("SELECT 1 FROM terminals")) == 1
    assert await tills.refused("/v1/enrol", Till().enrol_request(second)) == (403, "invite_used")
    assert await knocked(tills, till, second) == first, "also where that answer is lost"
    assert (await knocked(tills, till, hq.invite())).approved, "whoever made this code let its user in"
    assert (await knocked(tills, till, hq.invite(preapproved=False))).approved


@pytest.mark.parametrize(("store_id", "name"), [("S012", "T02"), ("S099", None), ("S099", "T01")])
async def test_a_further_code_for_another_till_makes_this_one_no_other_and_stays_good(
    hq: Hq, tills: Tills, store_id: str, name: str | None
) -> None:
    till = Till()
    await knocked(tills, till, hq.invite())
    code = hq.invite(store_id, till=name)
    assert await tills.refused("/v1/enrol", till.enrol_request(code)) == (409, "key_in_use")
    assert len(hq.sql("SELECT 1 FROM terminals")) == 1
    assert (await knocked(tills, Till(), code)).store_id == store_id


async def test_a_machine_that_was_heard_and_lost_what_it_knew_does_not_begin_its_journal_anew(
    hq: Hq, tills: Tills
) -> None:
    till, first = Till(), hq.invite()
    await knocked(tills, till, first)
    till.record(purchase(member=None))
    await tills.send(till)
    stands = hq.sql("SELECT * FROM terminals")
    for code in (first, hq.invite(), hq.invite(till="T01")):
        assert await tills.refused("/v1/enrol", till.enrol_request(code)) == (409, "key_in_use")
    assert hq.sql("SELECT * FROM terminals") == stands
    new = Till()
    assert (await knocked(tills, new, hq.invite(till="T01"))).epoch == 2
    for code in (first, hq.invite(till="T01")):
        assert await tills.refused("/v1/enrol", till.enrol_request(code)) == (403, "terminal_replaced")
    hq.set_state("S012-T01", "revoked", "stolen")
    assert await tills.refused("/v1/enrol", new.enrol_request(hq.invite())) == (403, "terminal_revoked")


async def test_terminals_are_numbered_after_the_highest_that_is_taken(hq: Hq, tills: Tills) -> None:
    hq.invite(till="T07")
    assert (await tills.join()).terminal_id == "S012-T08"
    assert (await tills.join("S099")).terminal_id == "S099-T01"


@pytest.mark.sqlite("its file")
def test_no_code_secret_or_token_lies_in_the_database(hq: Hq) -> None:
    code = hq.invite()
    path = hq.config.database_path
    with opened(path):  # who closes it last writes the log back
        data = b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    assert secret_hash(read_code(code)[0]) in data
    for secret in (code.encode(), read_code(code)[0], hq.token.encode(), hq.token[4:].encode()):
        assert secret not in data


@pytest.mark.parametrize(("size", "why"), [(ENROL_BYTES_MAX, "msgpack"), (ENROL_BYTES_MAX + 1, "4096")])
def test_a_stranger_is_heard_to_the_bound_and_no_further(size: int, why: str) -> None:
    with pytest.raises(BadWire, match=why):
        open_enrol(b"\x91" * size)


# A till that joined after the backup from which headquarters was restored


def backed_up(hq: Hq, tmp_path: Path) -> Callable[[], None]:
    """Make a backup; return what restores headquarters from it."""
    made = back_up(hq.config, tmp_path / "backup.db", hq.clock())

    def back() -> None:
        hq.clock.now += HOUR_MS
        hq.bring_back(Path(made.file))

    return back


class Served:
    """Asks a headquarters without a server, so that it can be restored."""

    def __init__(self, hq: Hq) -> None:
        self.hq = hq

    def join(self, till: Till, code: str, *, again: bool = False) -> Enrolled:
        with self.hq.writing() as tx:
            asked = open_enrol(till.enrol_request(code, again=again))
            joined = apply(tx, asked, self.hq.clock())
            said = answer(tx, asked, joined, self.hq.keyring.signing(tx))
        return till.enrolled(said, self.hq.public_key)

    def refused(self, till: Till, code: str) -> str:
        before = self.hq.sql("SELECT * FROM terminals"), self.hq.sql("SELECT used_by FROM invites")
        with pytest.raises(InviteRefused) as refused:
            self.join(till, code, again=True)
        assert before == (self.hq.sql("SELECT * FROM terminals"), self.hq.sql("SELECT used_by FROM invites"))
        return refused.value.code


@pytest.fixture
def served(hq: Hq) -> Served:
    return Served(hq)


def test_a_till_that_a_restored_headquarters_does_not_know_joins_again_as_what_it_is(
    hq: Hq, served: Served, tmp_path: Path
) -> None:
    first, second = Till(), Till()
    served.join(first, hq.invite())
    back = backed_up(hq, tmp_path)
    served.join(second, hq.invite())
    second.begin(3)
    assert second.terminal_id == "S012-T02"
    back()
    code = hq.invite(till="T02")
    said = [served.join(second, code, again=True) for _ in range(2)]
    assert (said[0].terminal_id, said[0].epoch, said[0].store_key) == ("S012-T02", 3, second.store_key)
    assert said[0] == said[1]
    assert served.join(second, hq.invite(till="T02"), again=True) == said[0]


@pytest.mark.parametrize("preapproved", [True, False])
def test_a_till_that_was_revoked_by_mistake_is_let_in_with_all_that_it_has_by_a_code_that_names_it(
    hq: Hq, served: Served, preapproved: bool
) -> None:
    till, other = Till(), Till()
    first = hq.invite()
    joined = served.join(till, first)
    served.join(other, hq.invite())
    hq.set_state("S012-T01", "revoked", "thought to be stolen")
    assert served.refused(till, hq.invite()) == "invite_for_another"
    assert served.refused(other, hq.invite(till="T01")) == "invite_for_another"
    with pytest.raises(TerminalRefused, match="thought to be stolen"):
        served.join(till, first, again=True)
    code = hq.invite(till="T01", preapproved=preapproved)
    assert served.join(till, code, again=True) == replace(joined, approved=preapproved)
    hq.set_state("S012-T01", "revoked", "stolen")
    with pytest.raises(TerminalRefused, match="stolen"):
        served.join(till, code, again=True)


def test_a_till_in_whose_place_another_is_does_not_take_it_back(hq: Hq, served: Served) -> None:
    old, new = Till(), Till()
    served.join(old, hq.invite())
    served.join(new, hq.invite(till="T01"))
    with pytest.raises(TerminalRefused) as refused:
        served.join(old, hq.invite(till="T01"), again=True)
    assert refused.value.code == "terminal_replaced"


def test_no_new_till_of_a_restored_headquarters_gets_the_id_of_one_that_it_does_not_know(
    hq: Hq, served: Served, tmp_path: Path
) -> None:
    served.join(Till(), hq.invite())
    back = backed_up(hq, tmp_path)
    known = Till()
    served.join(known, hq.invite())
    ids = set()
    for _ in range(2):
        back()
        for _ in range(2):
            new = Till()
            served.join(new, hq.invite())
            ids.add(new.terminal_id)
        served.join(known, hq.invite(till="T02"), again=True)
    assert {one[:9] for one in ids} == {"S012-T02-", "S012-T03-"}
    assert len(ids) == 4
    assert all(re.fullmatch(ID_FORM, one) for one in ids)


def test_who_joins_again_needs_a_code_for_that_till(hq: Hq, served: Served, tmp_path: Path) -> None:
    back = backed_up(hq, tmp_path)
    till = Till()
    served.join(till, hq.invite())
    back()
    assert served.refused(till, hq.invite()) == "invite_for_another"
    assert served.refused(till, hq.invite(till="T09")) == "invite_for_another"
    assert served.refused(till, hq.invite(till="T01")) == "store_differs", "its store was made anew"


def test_a_till_whose_id_another_has_by_now_is_told_so_and_a_replacement_takes_its_place(
    hq: Hq, served: Served, tmp_path: Path
) -> None:
    first = Till()
    served.join(first, hq.invite(till="T01"))
    back = backed_up(hq, tmp_path)
    instead = Till()
    served.join(instead, hq.invite(till="T01"))
    assert instead.epoch == 2
    late = Till()
    served.join(late, hq.invite(till="T05"))
    back()
    served.join(Till(), hq.invite(till="T05"))
    assert served.refused(late, hq.invite(till="T05")) == "terminal_taken"
    assert served.join(instead, hq.invite(till="T01"), again=True).epoch == 2
    assert hq.sql("SELECT count(*) FROM terminal_keys WHERE ended = 'terminal_replaced'") == [(1,)]
