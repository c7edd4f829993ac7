"""A till's next key at headquarters: two proofs, an overlap, and the same answer as often as it is asked."""

from __future__ import annotations

import asyncio

import pytest

from hq_server.accept import Terminal
from hq_server.fleet import HOUR_MS
from hq_server.web_context import QUOTAS
from loyalty_core.envelope import key_id, open_sealed, public_of, seal
from loyalty_core.messages import Rotate, Rotated
from loyalty_core.wire import pack, unpack
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase
from tests.hq.till import Till

NEXT, OTHER = bytes(range(32)), bytes(range(1, 33))


def request(till: Till, *signers: bytes, new: bytes = NEXT, terminal_id: str = "") -> bytes:
    asked = Rotate(b"n" * 16, terminal_id or till.terminal_id, public_of(new))
    return seal("dangol/rotate/1", pack(asked), *(signers or (till.key, new)))


async def rotated(tills: Tills, till: Till, new: bytes = NEXT) -> Rotated:
    answer = await tills.client.post("/v1/rotate", data=request(till, new=new))
    assert answer.status == 200, await answer.text()
    hq_keys = {key_id(till.hq_key): till.hq_key}
    return unpack(open_sealed(await answer.read(), "dangol/rotated/1", hq_keys), Rotated)


@pytest.mark.parametrize(("late_ms", "taken"), [(-1, True), (0, False)])
async def test_both_keys_are_good_for_the_overlap_and_then_the_new_one_alone(
    hq: Hq, tills: Tills, late_ms: int, taken: bool
) -> None:
    till = await tills.join()
    old, said = till.key, await rotated(tills, till)
    assert said.old_until_ms == hq.clock() + 24 * HOUR_MS
    hq.clock.now = said.old_until_ms + late_ms
    if taken:
        await tills.send(till)
    else:
        assert await tills.refused("/v1/exchange", till.exchange_request()) == (403, "key_retired")
    till.key = NEXT
    await tills.send(till)
    assert till.key != old


async def test_asked_again_the_answer_is_the_same_also_long_after(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    first = await rotated(tills, till)
    assert await rotated(tills, till) == first
    hq.clock.now = first.old_until_ms + HOUR_MS
    assert (await rotated(tills, till)).public_key == first.public_key
    assert await tills.refused("/v1/exchange", till.exchange_request()) == (403, "key_retired")
    assert len(hq.sql("SELECT 1 FROM terminal_keys")) == 2


async def test_a_new_key_must_be_proven_by_both(hq: Hq, tills: Tills) -> None:
    till, other = await tills.join(), await tills.join()
    for signers in ((till.key,), (NEXT,), (OTHER, NEXT), (till.key, OTHER)):
        assert (await tills.refused("/v1/rotate", request(till, *signers)))[0] in {400, 403}
    assert (await tills.refused("/v1/rotate", request(till, other.key, NEXT)))[0] == 400
    assert len(hq.sql("SELECT 1 FROM terminal_keys")) == 2


async def test_an_old_key_brings_no_second_next_one(tills: Tills) -> None:
    till = await tills.join()
    await rotated(tills, till)
    assert await tills.refused("/v1/rotate", request(till, till.key, OTHER, new=OTHER)) == (
        403,
        "key_retired",
    )


async def test_a_key_that_another_till_ever_had_is_nobodys_next_one(tills: Tills) -> None:
    till, other = await tills.join(), await tills.join()
    was = other.key
    await rotated(tills, other)
    for taken in (was, NEXT):
        refused = await tills.refused("/v1/rotate", request(till, till.key, taken, new=taken))
        assert refused == (409, "key_in_use")


@pytest.mark.parametrize(
    ("state", "code"), [("revoked", "terminal_revoked"), ("replaced", "terminal_replaced")]
)
async def test_a_till_that_was_shut_out_gets_no_new_key(hq: Hq, tills: Tills, state: str, code: str) -> None:
    till = await tills.join()
    if state == "revoked":
        hq.set_state(till.terminal_id, "revoked", "stolen")
    else:
        answer = await tills.client.post("/v1/enrol", data=Till().enrol_request(hq.invite(till="T01")))
        assert answer.status == 200
    assert await tills.refused("/v1/rotate", request(till)) == (403, code)
    assert await tills.refused("/v1/exchange", till.exchange_request()) == (403, code)


async def test_a_till_that_waits_for_approval_waits_with_its_key(tills: Tills) -> None:
    till = await tills.join(preapproved=False)
    assert await tills.refused("/v1/rotate", request(till)) == (403, "terminal_pending")


async def test_of_what_a_retired_key_signed_only_what_is_held_is_acknowledged(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member=None))
    held = till.batch()
    await tills.send(till, held)
    till.record(purchase("2", member=None))
    unheld, said = till.batch(2), await rotated(tills, till)
    hq.clock.now = said.old_until_ms
    old, till.key = till.key, NEXT
    assert till.acknowledged(reply := await tills.send(till, held)) == {1: 1}
    assert reply.refusals == ()
    (refusal,) = (await tills.send(till, unheld)).refusals
    assert (refusal.code, refusal.need_seq) == ("key_retired", 2)
    assert hq.sql("SELECT max(seq) FROM events") == [(1,)]
    assert till.acknowledged(await tills.send(till, till.batch(2))) == {1: 2}
    assert till.batch(2) != till.batch(2, key=old)


async def test_nothing_new_of_a_replaced_tills_key_is_kept(hq: Hq, tills: Tills) -> None:
    old = await tills.join()
    old.record(purchase(member=None))
    unheld, new = old.batch(), Till()
    answer = await tills.client.post("/v1/enrol", data=new.enrol_request(hq.invite(till="T01")))
    new.enrolled(await answer.read(), hq.public_key)
    (refusal,) = (await tills.exchange(new, [unheld])).refusals
    assert refusal.code == "terminal_replaced"
    assert hq.sql("SELECT 1 FROM events") == []


async def test_a_code_joins_nobody_again_whose_terminal_was_replaced_or_revoked(hq: Hq, tills: Tills) -> None:
    till, other = Till(), Till()
    first = till.enrol_request(hq.invite(till="T01"))
    second = other.enrol_request(hq.invite(till="T01"))
    for body in (first, second):
        assert (await tills.client.post("/v1/enrol", data=body)).status == 200
    assert await tills.refused("/v1/enrol", first) == (403, "terminal_replaced")
    hq.set_state("S012-T01", "revoked", "stolen")
    assert await tills.refused("/v1/enrol", second) == (403, "terminal_revoked")


async def test_next_keys_are_counted_in_the_tills_share_although_its_service_asks_meanwhile(
    hq: Hq, tills: Tills
) -> None:
    till = await tills.join()
    terminal = Terminal(till.store_id, till.terminal_id, "approved", "", b"", 1)
    quotas, now_s = tills.client.app[QUOTAS], asyncio.get_running_loop().time()
    with quotas.visit(now_s) as visit:
        visit.admit(terminal, 0)
        await rotated(tills, till)
        for _ in range(hq.config.limits.terminal_requests_a_minute - 2):
            quotas.count(terminal, 0, now_s + 60)
        refused = await tills.refused("/v1/rotate", request(till))
    assert refused == (429, "terminal_over_quota")


async def test_a_key_that_is_not_good_any_more_uses_up_nothing_of_the_till(hq: Hq, tills: Tills) -> None:
    till, quotas = await tills.join(), tills.client.app[QUOTAS]
    thief = till.copied()
    hq.clock.now = (await rotated(tills, till)).old_until_ms
    till.key = NEXT
    await tills.send(till)
    used = dict(quotas._used_until_s)
    assert used
    assert await tills.refused("/v1/exchange", thief.exchange_request()) == (403, "key_retired")
    assert await tills.refused("/v1/rotate", request(thief, thief.key, OTHER, new=OTHER)) == (
        403,
        "key_retired",
    )
    assert quotas._used_until_s == used
