"""The whole way at headquarters: what a till brings is kept once, posted once and told back."""

from __future__ import annotations

import io
import itertools
from typing import Any

import pytest

from loyalty_core.envelope import seal
from loyalty_core.messages import Refusal
from loyalty_core.wire import pack
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import DAY, purchase, visit, visit_void, void
from tests.hq.till import NOW_MS, Till

MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"
TWO_VISITS_A_DAY = PROGRAMME.replace("version = 1", "version = 2").replace(
    "limit_per_day = 1", "limit_per_day = 2"
)


async def test_what_a_till_brings_is_posted_and_told_back_with_its_stamp(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase("1"))
    till.record(visit())
    reply = await tills.send(till)
    assert till.acknowledged(reply) == {1: 2}
    assert reply.refusals == ()
    assert hq.balances() == {"M1": 22}
    row = till.members["M1"]
    assert (row.balance, row.qualifying, row.period_id, row.tier) == (22, 22, "2026-H2", "BRONZE")
    assert row.stamp is not None
    assert (row.stamp.epoch, row.stamp.branch, row.stamp.seq) == (1, 0, 2)
    assert row.masked_name == "홍*동"
    assert hq.exceptions() == []


async def test_a_batch_that_comes_twice_is_acknowledged_twice_and_posted_once(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase())
    first = await tills.send(till)
    again = await tills.send(till)
    assert till.acknowledged(first) == till.acknowledged(again) == {1: 1}
    assert len(hq.sql("SELECT 1 FROM batches")) == len(hq.sql("SELECT 1 FROM entries")) == 1


async def test_a_batch_twice_in_one_exchange_is_posted_once(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase())
    reply = await tills.send(till, till.batch(), till.batch())
    assert reply.refusals == ()
    assert hq.balances() == {"M1": 12}


async def test_after_a_lost_answer_a_longer_batch_keeps_only_what_is_new(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase("1"))
    await tills.send(till)
    till.record(purchase("2"))
    till.record(purchase("3"))
    reply = await tills.send(till, till.batch(1, 3))
    assert till.acknowledged(reply) == {1: 3}
    assert hq.sql("SELECT first_seq, last_seq FROM batches") == [(1, 1), (2, 3)]
    assert hq.balances() == {"M1": 36}


async def test_a_batch_beyond_a_gap_keeps_nothing_and_names_what_is_needed(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    for number in range(1, 5):
        till.record(purchase(str(number)))
    reply = await tills.send(till, till.batch(3, 4))
    assert [(one.code, one.need_seq) for one in reply.refusals] == [("gap", 1)]
    assert till.acknowledged(reply) == {}
    assert hq.sql("SELECT 1 FROM events") == []
    reply = await tills.send(till, till.batch(1, 2), till.batch(3, 4))
    assert till.acknowledged(reply) == {1: 4}
    assert hq.balances() == {"M1": 48}


async def test_batches_of_one_exchange_may_stand_in_the_wrong_order(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1"))
    till.record(purchase("2"))
    reply = await tills.send(till, till.batch(2, 2), till.batch(1, 1))
    assert [one.code for one in reply.refusals] == ["gap"]
    assert till.acknowledged(reply) == {1: 1}
    assert till.acknowledged(await tills.send(till, till.batch(2, 2))) == {1: 2}


async def test_two_tills_that_report_one_receipt_make_one_purchase(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    one, other = await tills.join(), await tills.join()
    assert (one.terminal_id, other.terminal_id) == ("S012-T01", "S012-T02")
    one.record(purchase())
    other.record(purchase())
    await tills.send(one)
    await tills.send(other)
    assert hq.balances() == {"M1": 12}
    assert hq.exceptions() == []


async def test_of_two_contents_the_first_in_canonical_order_stands_also_when_it_comes_last(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    one, other = await tills.join(), await tills.join()
    other.record(purchase("1", 50_000, at=NOW_MS + 1000))
    await tills.send(other)
    assert hq.balances() == {"M1": 50}
    one.record(purchase("1", 12_990))
    await tills.send(one)
    assert hq.balances() == {"M1": 12}
    assert hq.exceptions() == [("copy_differs", "S012-T02.1.1")]
    kinds = hq.sql("SELECT kind, corrects, redeemable FROM entries ORDER BY entry_no")
    assert sorted(kinds) == [("correction", "earn", -50), ("earn", None, 12), ("earn", None, 50)]


async def test_copies_that_name_two_members_leave_it_to_the_first_and_report_it(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS + "M2,,김철수,,S012\n")
    one, other = await tills.join(), await tills.join()
    one.record(purchase(member="id:M1"))
    other.record(purchase(member="id:M2"))
    await tills.send(other)
    assert hq.balances() == {"M2": 12}
    await tills.send(one)
    assert hq.balances() == {"M1": 12, "M2": 0}
    assert hq.exceptions() == [("member_differs", "S012-T02.1.1")]


async def test_copies_that_name_one_member_in_two_ways_agree(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    one, other = await tills.join(), await tills.join()
    one.record(purchase(member="id:M1"))
    other.record(purchase(member="card:2000123456782"))
    await tills.send(other)
    await tills.send(one)
    assert hq.balances() == {"M1": 12}
    assert hq.exceptions() == []


async def test_a_copy_that_names_a_member_gives_an_anonymous_receipt_its_owner(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    one, other = await tills.join(), await tills.join()
    one.record(purchase(member=None))
    await tills.send(one)
    assert hq.balances() == {}
    other.record(purchase(member="id:M1", at=NOW_MS))
    await tills.send(other)
    assert hq.balances() == {"M1": 12}


@pytest.mark.parametrize("void_first", [True, False])
async def test_a_void_takes_all_back_whichever_of_the_two_comes_first(
    hq: Hq, tills: Tills, *, void_first: bool
) -> None:
    hq.members(MEMBERS)
    seller, voider = await tills.join(), await tills.join()
    seller.record(purchase())
    voider.record(void(at=NOW_MS + 60_000))
    for till in (voider, seller) if void_first else (seller, voider):
        await tills.send(till)
        if till is voider and void_first:
            assert hq.exceptions() == [("original_missing", "S012-T02.1.1")]
    assert hq.balances().get("M1", 0) == 0
    assert hq.exceptions() == []


async def test_a_void_in_another_store_takes_the_purchase_back(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    seller, voider = await tills.join("S012"), await tills.join("S099")
    seller.record(purchase())
    await tills.send(seller)
    voider.record(void(of_store="S012", store="S099", at=NOW_MS + 60_000))
    await tills.send(voider)
    assert hq.balances() == {"M1": 0}
    stamps = hq.sql("SELECT terminal_id, seq FROM stamps ORDER BY terminal_id")
    assert stamps == [("S012-T01", 1), ("S099-T01", 1)]


async def test_a_keyless_visit_is_undone_by_its_place_in_the_journal(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    seq = till.record(visit())
    await tills.send(till)
    assert hq.balances() == {"M1": 10}
    till.record(visit_void(seq, at=NOW_MS + 1000))
    await tills.send(till)
    assert hq.balances() == {"M1": 0}


async def test_a_void_of_what_is_no_visit_is_set_aside(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    till.record(visit_void(1))
    till.record(visit_void(77))
    await tills.send(till)
    assert hq.exceptions() == [("original_missing", "S012-T01.1.2"), ("original_missing", "S012-T01.1.3")]
    assert hq.sql("SELECT state FROM events ORDER BY seq") == [("taken",), ("set_aside",), ("set_aside",)]


async def test_a_visit_with_a_natural_key_is_one_visit_however_often_it_comes(hq: Hq, tills: Tills) -> None:
    hq.publish(TWO_VISITS_A_DAY)
    hq.members(MEMBERS)
    one, other = await tills.join(), await tills.join()
    one.record(visit(), natural_key="K")
    one.record(visit(), natural_key="K")
    one.record(visit_void(2, at=NOW_MS + 5))
    await tills.send(one)
    assert hq.balances() == {"M1": 0}
    one.record(visit(), natural_key="L")
    other.record(visit(), natural_key="L")
    await tills.send(one, one.batch(4))
    await tills.send(other)
    assert hq.balances() == {"M1": 20}


async def test_a_receipt_of_another_store_is_set_aside_and_not_lost(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase(store="S099"))
    reply = await tills.send(till)
    assert till.acknowledged(reply) == {1: 1}
    assert hq.exceptions() == [("receipt_other_store", "S012-T01.1.1")]
    assert hq.balances() == {}
    row = till.members["M1"]
    assert row.stamp is not None
    assert row.stamp.seq == 1


async def test_a_record_of_a_later_release_is_kept_and_does_not_hold_up_the_rest(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.records.append(pack([9, 99, "anything"]))
    till.record(purchase())
    reply = await tills.send(till)
    assert till.acknowledged(reply) == {1: 2}
    assert hq.balances() == {"M1": 12}
    assert hq.exceptions() == [("record_unreadable", "S012-T01.1.1")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_ledger_does_not_depend_on_the_order_of_arrival(
    hq: Hq, tills: Tills, order: tuple[int, ...]
) -> None:
    hq.members(MEMBERS)
    three = [await tills.join() for _ in range(3)]
    three[0].record(purchase("1", 30_000, at=NOW_MS))
    three[0].record(visit(at=NOW_MS + 3))
    three[1].record(purchase("1", 99_000, at=NOW_MS + 1))
    three[1].record(purchase("2", 7_000, at=NOW_MS + 2))
    three[2].record(visit(at=NOW_MS + 1))
    three[2].record(void("2", at=NOW_MS + 4))
    for place in order:
        await tills.send(three[place])
    assert hq.balances() == {"M1": 40}
    assert hq.sql("SELECT qualifying FROM totals") == [(40,)]


async def test_a_wrong_signature_writes_nothing(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase())
    reply = await tills.send(till, till.batch(key=b"k" * 32))
    assert [one.code for one in reply.refusals] == ["key_unknown"]
    forged = till.exchange_request([till.batch()])
    forged = forged[:-1] + bytes([forged[-1] ^ 1])
    assert await tills.refused("/v1/exchange", forged) == (400, "envelope_invalid")
    assert hq.sql("SELECT 1 FROM batches") == hq.sql("SELECT 1 FROM events") == []


async def test_a_batch_of_another_terminal_or_programme_or_epoch_is_refused_whole(
    hq: Hq, tills: Tills
) -> None:
    one, other = await tills.join(), await tills.join()
    one.record(purchase())
    other.record(purchase())
    reply = await tills.exchange(one, [other.batch()])
    assert [refusal.code for refusal in reply.refusals] == ["key_unknown"]
    other.key, other_key = one.key, other.key
    reply = await tills.exchange(one, [other.batch()])
    assert [refusal.code for refusal in reply.refusals] == ["wire_malformed"]
    other.key = other_key
    one.programme_id = "sunshine"
    assert [refusal.code for refusal in (await tills.send(one)).refusals] == ["wire_malformed"]
    one.programme_id = "moonlight"
    later = one.copied()
    later.begin(2)
    later.records = one.records
    assert [refusal.code for refusal in (await tills.send(one, later.batch())).refusals] == ["epoch_unknown"]
    assert hq.sql("SELECT 1 FROM events") == []


async def test_a_damaged_batch_does_not_hold_up_a_good_one(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase())
    reply = await tills.send(till, b"nonsense", till.batch())
    assert [(type(one), one.code) for one in reply.refusals] == [(Refusal, "wire_malformed")]
    assert hq.balances() == {"M1": 12}


@pytest.mark.parametrize("body", [b"", b"\xc0", b"{}", b"\x94" * 40, pack([1, "dangol/exchange/1", b"", []])])
async def test_nonsense_is_refused_with_a_sentence(tills: Tills, body: bytes) -> None:
    status, code = await tills.refused("/v1/exchange", body)
    assert (status, code) in {(400, "wire_malformed"), (400, "envelope_invalid")}


async def test_a_signed_request_of_another_kind_is_refused(tills: Tills) -> None:
    till = await tills.join()
    sealed = seal("dangol/batch/1", pack([1]), till.key)
    assert await tills.refused("/v1/exchange", sealed) == (400, "envelope_invalid")


async def test_too_many_batches_at_once_are_refused(tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase())
    body = till.exchange_request([till.batch()] * 9)
    assert await tills.refused("/v1/exchange", body) == (400, "wire_malformed")


async def test_a_body_beyond_the_bound_is_refused(tills: Tills) -> None:
    body = io.BytesIO(b"x" * (16 * 1024 * 1024 + 1))
    assert await tills.refused("/v1/exchange", body) == (413, "body_too_large")


async def test_an_unknown_pending_or_revoked_terminal_is_told_why(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    stranger = Till(terminal_id="S012-T01")
    assert await tills.refused("/v1/exchange", stranger.exchange_request()) == (403, "terminal_unknown")
    till = await tills.join(preapproved=False)
    till.record(purchase())
    request = till.exchange_request([till.batch()])
    assert await tills.refused("/v1/exchange", request) == (403, "terminal_pending")
    hq.set_state(till.terminal_id, "approved")
    assert till.acknowledged(await tills.send(till)) == {1: 1}
    hq.set_state(till.terminal_id, "revoked", "stolen")
    assert await tills.refused("/v1/exchange", till.exchange_request()) == (403, "terminal_revoked")
    assert len(hq.sql("SELECT 1 FROM events")) == 1


async def test_a_day_that_no_version_covers_waits_until_one_does(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase(day=DAY - 200, at=NOW_MS - 200 * 86_400_000))
    await tills.send(till)
    assert hq.balances() == {}
    assert hq.exceptions() == [("programme_missing", "M1/2026-05-05")]
    hq.publish(TWO_VISITS_A_DAY.replace("2026-07-01", "2026-01-01"))
    await tills.until(lambda: hq.balances() == {"M1": 12})
    assert hq.exceptions() == []
    assert hq.sql("SELECT period_id, qualifying FROM totals") == [("2026-H1", 12)]


def doing(hq: Hq) -> list[Any]:
    """Return what is known of how the till does."""
    return hq.sql("SELECT seen_at_ms, waiting, software, hq_key FROM terminals")


async def test_a_till_is_not_seen_by_an_older_request_that_somebody_repeats(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    for number in ("1", "2", "3"):
        till.record(purchase(number))
    old = [till.exchange_request([till.batch(1, 1)])]
    till.record(purchase("4"))
    await tills.exchange(till, [till.batch(1, 2)])
    till.record(purchase("5"))
    old.append(till.exchange_request())
    hq.members(MEMBERS)
    await tills.exchange(till)
    old.append(till.exchange_request())
    till.programme_version = 1
    await tills.exchange(till)
    before = doing(hq)
    hq.clock.now += 60_000
    for body in old:
        assert (await tills.client.post("/v1/exchange", data=body)).status == 200
    assert doing(hq) == before
    await tills.exchange(till)
    assert doing(hq)[0][0] == before[0][0] + 60_000


async def test_a_till_that_was_set_back_is_seen_by_the_next_that_it_sells(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    for number in ("1", "2", "3"):
        till.record(purchase(number))
    await tills.exchange(till, [till.batch(1, 1)])
    till.records = till.records[:1]
    hq.clock.now += 60_000
    till.record(purchase("4"))
    await tills.send(till)
    seen = doing(hq)[0][0]
    assert seen == hq.clock.now
    hq.clock.now += 60_000
    await tills.exchange(till)
    assert doing(hq)[0][0] == seen + 60_000
