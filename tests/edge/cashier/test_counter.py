"""What a cashier sees and does at the counter page, and what of it stands in the journal."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from edge_agent.app_keys import RECORDER, REDEEMING, SYNC
from edge_agent.config import EdgeConfig
from edge_agent.store import members
from edge_agent.sync.questions import Told
from loyalty_core.events import (
    CouponUsed,
    MemberPresented,
    ReceiptClaimed,
    RedemptionAuthorised,
    RedemptionCancelled,
    RedemptionCommitted,
    VisitRecorded,
)
from loyalty_core.messages import Ask, Expiring
from tests.edge.cashier.conftest import opened
from tests.edge.cashier.desks import HOME, CashierDesk
from tests.edge.made import CARD, HeldClock, day, member, purchase, recorded
from tests.edge.redemptions.redeeming_till import code

VISIT, UNDO_VISIT = "/counter/visit", "/counter/visit/undo"
REDEEM, UNDO_REDEEM, CLAIM = "/counter/redeem", "/counter/redeem/undo", "/counter/claim"


async def test_a_card_shows_who_it_is_and_what_is_missing(desk: CashierDesk) -> None:
    text = await desk.look(CARD)
    assert "홍*동 SILVER" in text
    assert "3,400 points" in text
    assert "13 points more to GOLD by 31 December" in text
    assert "visit" in text.partition("For example:")[2]


async def test_nothing_that_was_typed_stands_in_an_address(desk: CashierDesk) -> None:
    await desk.look(CARD)
    origin = str(desk.client.make_url("")).rstrip("/")
    response = await desk.client.post(
        "/counter/look",
        data=desk.form("/counter/look") | {"code": CARD},
        headers={"Origin": origin},
        allow_redirects=False,
    )
    assert response.headers["Location"] == HOME


@pytest.mark.parametrize(
    "text", ["010-1234-0000", "9999999999999", "x", "<script>alert(1)</script>", "é" * 60]
)
async def test_who_is_not_known_is_said_so_and_may_join(desk: CashierDesk, text: str) -> None:
    seen = await desk.look(text)
    assert "Nobody is known here" in seen
    assert "New member" in seen
    assert "<script>alert" not in desk.page


async def test_a_name_from_elsewhere_is_text_and_nothing_else(desk: CashierDesk) -> None:
    hostile = '<img src=x onerror="alert(1)">{{7*7}}%s'
    await desk.hq_tells(member(masked_name=hostile, balance=1200))
    assert hostile in await desk.look(CARD)
    assert "<img src=x" not in desk.page


async def test_a_visit_gives_its_points_and_can_be_undone(desk: CashierDesk) -> None:
    await desk.look(CARD)
    seen = await desk.press(VISIT)
    assert "Visit recorded: 20 points" in seen
    assert "3,420 points" in seen
    undone = await desk.press(UNDO_VISIT)
    assert "The visit was undone." in undone
    assert "3,400 points" in undone
    assert await desk.names() == ["visit_recorded", "visit_voided"]


async def test_a_form_that_is_sent_twice_is_one_visit(desk: CashierDesk) -> None:
    await desk.look(CARD)
    form = desk.form(VISIT)
    assert "Visit recorded" in await desk.post(VISIT, form)
    assert "Visit recorded" in await desk.post(VISIT, form)
    assert await desk.names() == ["visit_recorded"]


async def test_a_visit_can_be_undone_for_so_long_only(desk: CashierDesk, config: EdgeConfig) -> None:
    await desk.look(CARD)
    await desk.press(VISIT)
    form = desk.form(UNDO_VISIT)
    desk.clock.go_on(config.counter.undo_ms)
    assert "too late" in await desk.post(UNDO_VISIT, form)
    assert UNDO_VISIT not in desk.page
    assert await desk.names() == ["visit_recorded"]


async def test_a_visit_that_another_page_recorded_is_not_undone_by_its_name(desk: CashierDesk) -> None:
    await desk.look(CARD)
    await desk.press(VISIT)
    form = desk.form(UNDO_VISIT)
    (event,) = await desk.events(VisitRecorded)
    assert event.member == "id:M1"
    assert "too late" in await desk.post(UNDO_VISIT, form | {"event": "S012-T03.1.1"})
    assert await desk.events(VisitRecorded) == [event]


async def test_points_are_set_aside_at_once_and_spent_when_the_time_to_undo_is_over(
    desk: CashierDesk, config: EdgeConfig
) -> None:
    await desk.look(CARD)
    seen = await desk.press(REDEEM, "1000")
    assert seen.count("Used: 1,000 points · 1,000 won · 홍*동") == 2, "as done, and where it can be undone"
    assert "2,400 points to spend of 3,400 points" in seen
    assert await desk.commit_due() == 0
    desk.clock.go_on(config.counter.undo_ms - 1)
    assert await desk.commit_due() == 0
    desk.clock.go_on(1)
    await desk.commit_due()
    assert "2,400 points to spend" in await desk.see()
    assert UNDO_REDEEM not in desk.page
    assert await desk.names() == ["redemption_authorised", "redemption_committed"]
    assert await desk.commit_due() == 0


async def test_what_was_spent_can_be_undone_within_its_time(desk: CashierDesk, config: EdgeConfig) -> None:
    await desk.look(CARD)
    await desk.press(REDEEM, "1000")
    assert "nothing was spent" in await desk.press(UNDO_REDEEM)
    assert "3,400 points to spend" in desk.text
    desk.clock.go_on(config.counter.undo_ms)
    assert await desk.commit_due() == 0
    assert await desk.events(RedemptionCommitted) == []
    assert len(await desk.events(RedemptionCancelled)) == 1


async def test_what_the_tills_software_set_aside_is_not_undone_here(desk: CashierDesk) -> None:
    await desk.look(CARD)
    await desk.press(REDEEM, "1000")
    form = desk.form(UNDO_REDEEM)
    await desk.do(lambda conn: conn.execute("DELETE FROM undoable"))
    assert "elsewhere" in await desk.post(UNDO_REDEEM, form)
    assert await desk.events(RedemptionCancelled) == []


async def test_an_undo_that_comes_after_the_commit_is_refused(desk: CashierDesk, config: EdgeConfig) -> None:
    await desk.look(CARD)
    await desk.press(REDEEM, "1000")
    form = desk.form(UNDO_REDEEM)
    desk.clock.go_on(config.counter.undo_ms)
    await desk.commit_due()
    assert "void or return what it paid" in await desk.post(UNDO_REDEEM, form)
    assert await desk.events(RedemptionCancelled) == []


@pytest.mark.parametrize("off_ms", [0, 86_400_000])
async def test_what_was_set_aside_is_spent_after_a_restart_however_late(
    agents: AsyncExitStack, config: EdgeConfig, off_ms: int
) -> None:
    clock = HeldClock()
    async with AsyncExitStack() as first:
        desk = await opened(first, config, clock)
        await desk.hq_tells(member(balance=3400, qualifying=287, allowance=3000))
        await desk.look(CARD)
        await desk.press(REDEEM, "1000")
    clock.boot, clock.monotonic = "boot-2", 5
    clock.wall += off_ms
    again = await opened(agents, config, clock)
    await again.do(lambda conn: again.app[REDEEMING].lapse(conn, again.app[RECORDER].books(conn)))
    await again.commit_due()
    assert len(await again.events(RedemptionCommitted)) == 1
    assert await again.events(RedemptionCancelled) == []


async def test_points_that_were_used_on_their_last_day_are_spent_on_it_whenever_the_till_says_so(
    agents: AsyncExitStack, config: EdgeConfig
) -> None:
    last_day = day("2026-12-31")
    clock = HeldClock("2026-12-31 23:59")
    async with AsyncExitStack() as first:
        desk = await opened(first, config, clock)
        ends = (Expiring(3400, last_day),)
        await desk.hq_tells(member(balance=3400, qualifying=287, allowance=3000, expiring=ends))
        await desk.look(CARD)
        await desk.press(REDEEM, "1000")
        await desk.look(code())
        await desk.press(REDEEM)
    clock.boot, clock.monotonic = "boot-2", 5
    clock.wall += 86_400_000
    again = await opened(agents, config, clock)
    await again.commit_due()
    (spent,) = await again.events(RedemptionCommitted)
    (used,) = await again.events(CouponUsed)
    assert (spent.business_day, used.business_day) == (last_day, last_day)
    assert "0 points to spend" in await again.look(CARD)
    assert "the balance is" not in again.text


async def test_a_press_that_is_sent_twice_spends_once(desk: CashierDesk, config: EdgeConfig) -> None:
    await desk.look(CARD)
    form = desk.form(REDEEM, "1000")
    await desk.post(REDEEM, form)
    await desk.post(REDEEM, form)
    desk.clock.go_on(config.counter.undo_ms)
    await desk.commit_due()
    await desk.post(REDEEM, form)
    assert await desk.commit_due() == 0
    assert len(await desk.events(RedemptionCommitted)) == 1


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("1050", "steps of 100"),
        ("900", "At least 1000"),
        ("99900", "balance is 3400"),
        ("-1000", "whole number"),
        ("1e3", "whole number"),
        ("１０００", "whole number"),
        ("9" * 30, "whole number"),
    ],
)
async def test_an_amount_that_cannot_be_spent_says_why(desk: CashierDesk, amount: str, said: str) -> None:
    await desk.look(CARD)
    form = desk.form(REDEEM, "1000") | {"points": amount}
    assert said in await desk.post(REDEEM, form)
    assert await desk.names() == []


async def test_only_amounts_that_can_be_spent_are_offered(desk: CashierDesk) -> None:
    await desk.look(CARD)
    offered = [int(one) for one in ("1000", "1600", "2300", "3000") if f'value="{one}"' in desk.page]
    assert offered == [1000, 1600, 2300, 3000]
    assert "Offline, at most 3,000 points" in desk.text
    await desk.hq_tells(member(balance=999, allowance=3000))
    assert "Not enough points to spend: at least 1,000" in await desk.see()


async def test_what_cannot_be_spent_without_a_line_is_not_offered_and_it_is_said_why(
    desk: CashierDesk,
) -> None:
    await desk.hq_tells(member(balance=3400, allowance=799))
    seen = await desk.look(CARD)
    assert "Offline, these points cannot be spent here" in seen
    assert "Reward" not in seen
    await desk.hq_tells(member(balance=3400, allowance=800))
    seen = await desk.see()
    assert "Offline, these points cannot be spent here" in seen
    assert "Reward" in seen


async def test_where_the_clock_has_lost_its_time_that_is_why_nothing_is_spent(desk: CashierDesk) -> None:
    await desk.look(CARD)
    desk.clock.wall = 0
    assert "The till's clock has lost its time" in await desk.see()
    assert REDEEM not in desk.page


async def test_a_coupon_that_is_scanned_is_shown_and_used(desk: CashierDesk, config: EdgeConfig) -> None:
    assert "2,000 won" in await desk.look(code())
    assert "Used: 2,000 won" in await desk.press(REDEEM)
    desk.clock.go_on(config.counter.undo_ms)
    await desk.commit_due()
    assert (await desk.names())[-1] == "coupon_used"
    await desk.look(code())
    assert "used" in await desk.press(REDEEM)


async def test_a_coupon_that_nobody_signed_is_not_shown(desk: CashierDesk) -> None:
    assert "no coupon" in await desk.look("A" * 100)
    assert REDEEM not in desk.page


async def test_the_last_receipt_of_nobody_is_given_to_a_customer(desk: CashierDesk) -> None:
    sale = {name: value for name, value in purchase("77", on="2026-12-04").items() if name != "member"}
    await desk.do(lambda conn: recorded(desk.app[RECORDER], conn, sale))
    seen = await desk.look(CARD)
    assert "77 · 12,990 won" in seen
    assert "theirs now: 24 points" in await desk.press(CLAIM)
    (claim,) = await desk.events(ReceiptClaimed)
    assert (claim.member, claim.receipt.number) == ("id:M1", "77")
    assert CLAIM not in desk.page


async def test_a_receipt_that_is_given_twice_at_once_is_theirs_and_no_error(desk: CashierDesk) -> None:
    sale = {name: value for name, value in purchase("77", on="2026-12-04").items() if name != "member"}
    await desk.do(lambda conn: recorded(desk.app[RECORDER], conn, sale))
    await desk.look(CARD)
    form = desk.form(CLAIM)
    first = await desk.post(CLAIM, form)
    assert "theirs now: 24 points" in first
    assert await desk.post(CLAIM, form) == first
    assert len(await desk.events(ReceiptClaimed)) == 1


async def test_a_receipt_that_came_meanwhile_is_not_given_instead(desk: CashierDesk) -> None:
    sale = {name: value for name, value in purchase("77", on="2026-12-04").items() if name != "member"}
    await desk.do(lambda conn: recorded(desk.app[RECORDER], conn, sale))
    await desk.look(CARD)
    form = desk.form(CLAIM)
    later = sale | {
        "receipt": {**sale["receipt"], "number": "78"},
        "occurred_at": "2026-12-04T10:32:00+09:00",
    }
    await desk.do(lambda conn: recorded(desk.app[RECORDER], conn, later))
    assert "Another receipt has come" in await desk.post(CLAIM, form)
    assert await desk.events(ReceiptClaimed) == []


async def test_a_customer_of_long_ago_is_shown_to_nobody(desk: CashierDesk) -> None:
    await desk.look(CARD)
    desk.clock.go_on(179_999)
    assert "홍*동" in await desk.see()
    desk.clock.go_on(1)
    assert "홍*동" not in await desk.see()
    assert await desk.events(MemberPresented) == []


async def test_a_customer_whom_headquarters_has_forgotten_is_shown_no_more(desk: CashierDesk) -> None:
    await desk.look(CARD)
    await desk.do(lambda conn: members.put(conn, [member(gone=True)]))
    assert "Scan a card" in await desk.see()


async def test_two_pages_have_a_customer_each(
    desk: CashierDesk, agents: AsyncExitStack, config: EdgeConfig
) -> None:
    await desk.hq_tells(member("M2", "2000123456799", masked_name="김*수", balance=50))
    await desk.look(CARD)
    cookies = desk.client.session.cookie_jar
    cookies.clear()
    desk.page = ""
    assert "김*수" in await desk.look("2000123456799")
    assert "홍*동" not in desk.text


OTHER = "2000123456799"


@pytest.mark.parametrize("action", [VISIT, REDEEM, CLAIM])
async def test_a_form_of_one_customer_does_nothing_for_the_next(desk: CashierDesk, action: str) -> None:
    sale = {name: value for name, value in purchase("77", on="2026-12-04").items() if name != "member"}
    await desk.do(lambda conn: recorded(desk.app[RECORDER], conn, sale))
    await desk.hq_tells(member("M2", OTHER, masked_name="김*수", balance=3000, allowance=3000))
    await desk.look(CARD)
    form, before = desk.form(action), await desk.names()
    await desk.look(OTHER)
    assert "The page has changed meanwhile" in await desk.post(action, form)
    assert "The page has changed meanwhile" in await desk.post(action, form | {"key": ""})
    assert await desk.names() == before
    await desk.look(CARD)
    await desk.post(action, form)
    assert len(await desk.names()) == len(before) + 1
    assert (await desk.journal())[-1].member == "id:M1"


async def test_who_comes_next_while_headquarters_is_asked_pays_nothing(
    desk: CashierDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.hq_tells(member("M2", OTHER, masked_name="김*수", balance=3000, allowance=3000))
    await desk.look(CARD)
    form, asks = desk.form(REDEEM, "1000"), list[str]()
    look = desk.form("/counter/look") | {"code": OTHER}

    async def ask(asked: Ask) -> None:
        asks.append(asked.member)
        await CashierDesk(desk.client, desk.clock).post("/counter/look", look)

    monkeypatch.setattr(desk.app[SYNC], "ask", ask)
    await desk.post(REDEEM, form)
    (authorised,) = await desk.events(RedemptionAuthorised)
    assert asks == [authorised.member] == ["id:M1"]
    assert "김*수" in desk.text


async def test_a_form_of_a_visit_that_was_undone_is_not_said_to_be_one(desk: CashierDesk) -> None:
    await desk.look(CARD)
    form = desk.form(VISIT)
    await desk.post(VISIT, form)
    await desk.press(UNDO_VISIT)
    assert "Visit recorded" not in await desk.post(VISIT, form)
    assert "Visit recorded" in await desk.press(VISIT)
    assert await desk.names() == ["visit_recorded", "visit_voided", "visit_recorded"]


async def test_a_form_that_was_undone_is_not_said_to_be_used(desk: CashierDesk) -> None:
    await desk.look(CARD)
    form = desk.form(REDEEM, "1000")
    await desk.post(REDEEM, form)
    await desk.press(UNDO_REDEEM)
    again = await desk.post(REDEEM, form)
    assert "This was undone" in again
    assert "Used" not in again


async def test_a_form_that_was_sent_with_another_wish_spends_nothing_more(desk: CashierDesk) -> None:
    await desk.look(CARD)
    form = desk.form(REDEEM, "1000")
    await desk.post(REDEEM, form)
    assert "The page has changed meanwhile" in await desk.post(REDEEM, form | {"points": "1600"})
    assert len(await desk.events(RedemptionAuthorised)) == 1


@pytest.mark.parametrize("path", ["/counter/look", VISIT, UNDO_REDEEM, "/counter/logout"])
async def test_where_a_form_was_sent_to_leads_to_the_page_when_it_is_loaded_anew(
    desk: CashierDesk, path: str
) -> None:
    assert "Scan a card" in await desk.go(path)
    assert desk.at == HOME


async def test_what_would_lapse_before_the_time_to_undo_is_over_is_spent(
    desk: CashierDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.look(CARD)

    async def ask(asked: Ask) -> Told:
        return Told(granted=asked.points, until_monotonic_ms=desk.clock.monotonic_ms() + 8_000)

    monkeypatch.setattr(desk.app[SYNC], "ask", ask)
    await desk.press(REDEEM, "1000")
    desk.clock.go_on(2_999)
    assert await desk.commit_due() == 0
    desk.clock.go_on(1)
    assert await desk.commit_due() == 1
    assert len(await desk.events(RedemptionCommitted)) == 1
