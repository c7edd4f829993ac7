"""Days, totals, redemptions and coupons of a terminal whose journal has branches."""

from __future__ import annotations

from hq_server import closings
from hq_server.accept import Terminal
from hq_server.day_view import terminal_days
from hq_server.fleet_view import terminals
from loyalty_core.units import Day
from tests.hq.accounts import REDEEM
from tests.hq.branching import audited, selling
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import DAY, purchase, spent
from tests.hq.test_closings import DAY_MS, changed, close, day_closed
from tests.hq.till import NOW_MS, Till


def watermark(hq: Hq, till: Till, branch: int, epoch: int = 1) -> tuple[int | None, int | None]:
    terminal = Terminal(till.store_id, till.terminal_id, "", "", b"", epoch)
    with hq.reading() as tx:
        state = closings.closing_of(tx, terminal, epoch, branch)
    return state.first_day, state.last_day


def listed(hq: Hq) -> tuple[tuple[str, ...], str | None]:
    """Return the journals and the watermark of the one terminal, as staff see them."""
    with hq.reading() as tx:
        (found,) = terminals(tx)
    return found.journals, found.watermark


async def test_a_branch_closes_its_days_with_what_it_shares_and_what_is_its_own(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 3)
    copy = till.copied()
    for number in ("4", "5"):
        till.record(purchase(number))
    copy.record(purchase("6"))
    hq.clock.now += DAY_MS
    close(till, DAY)
    close(copy, DAY)
    for one in (till, copy, till):
        assert (await tills.send(one)).refusals == ()
    assert [kind for kind, _ in hq.exceptions()] == ["fork"]
    assert watermark(hq, till, 0) == watermark(hq, till, 1) == (DAY, DAY)
    audited(hq)


async def test_a_branch_that_declares_a_day_wrongly_is_named(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    copy = till.copied()
    till.record(purchase("4"))
    copy.record(purchase("5"))
    hq.clock.now += DAY_MS
    copy.record(changed(day_closed(copy), 4, net_minor=1))
    await tills.send(till)
    await tills.send(copy)
    assert ("day_closed_differs", "S012-T01.1.b1/2026-11-21") in hq.exceptions()


async def test_a_branch_goes_on_from_the_days_that_were_closed_when_it_left(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    hq.clock.now += DAY_MS
    close(till, DAY)
    await tills.send(till)
    copy = till.copied()
    hq.clock.now += 2 * DAY_MS
    for one, number in ((till, "2"), (copy, "3")):
        one.record(purchase(number, at=NOW_MS + 2 * DAY_MS, day=DAY + 2))
        for day in (DAY + 1, DAY + 2):
            one.record(day_closed(one, day, at=NOW_MS + 3 * DAY_MS))
    close(till, DAY)
    hq.clock.now += DAY_MS
    await tills.send(till)
    await tills.send(copy)
    assert watermark(hq, copy, 1) == (DAY, DAY + 2)
    assert [kind for kind, _ in hq.exceptions()] == ["fork"]
    audited(hq)


async def test_an_epoch_that_follows_a_branch_goes_on_from_its_days(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(purchase("2"))
    copy.record(purchase("3"))
    await tills.send(till)
    hq.clock.now += DAY_MS
    close(copy, DAY)
    await tills.send(copy)
    copy.begin(2)
    hq.clock.now += 5 * DAY_MS
    copy.record(day_closed(copy, DAY + 4, at=NOW_MS + 5 * DAY_MS))
    await tills.send(copy)
    assert ("day_open", "S012-T01.1.b1") in hq.exceptions()


async def test_a_day_is_shown_for_each_branch_that_has_a_part_in_it(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    copy = till.copied()
    till.record(purchase("4"))
    copy.record(purchase("5"))
    copy.record(purchase("6"))
    hq.clock.now += DAY_MS
    close(copy, DAY)
    await tills.send(till)
    await tills.send(copy)
    with hq.reading() as tx:
        own, branch = terminal_days(tx, Day(DAY))
        (only,) = terminal_days(tx, Day(DAY + 9))
    assert (own.branch, own.held.receipts, own.journal) == (None, 3, None)
    assert (branch.branch, branch.held.receipts) == ("S012-T01.1.b1", 4)
    assert branch.journal is not None
    assert (branch.journal.receipts, branch.differs) == (4, ())
    assert only.branch is None


async def test_a_redemption_that_both_copies_committed_takes_its_points_once(hq: Hq, tills: Tills) -> None:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM)
    till = await selling(tills, 2)
    copy = till.copied()
    till.record(purchase("3", member=None))
    for one in (till, copy):
        one.record(spent(10, "R1"))
    await tills.send(copy)
    await tills.send(till)
    assert hq.balances() == {"M1": 2 * 12 - 10}
    assert {kind for kind, _ in hq.exceptions()} == {"fork", "redemption_twice"}
    audited(hq)


async def test_a_terminal_is_listed_with_each_journal_that_it_may_still_write(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    assert listed(hq) == (("1.1",), None)
    copy, image = till.copied(), till.copied()
    till.record(purchase("2"))
    copy.record(purchase("3"))
    hq.clock.now += DAY_MS
    close(till, DAY)
    await tills.send(till)
    assert listed(hq) == (("1.3",), "2026-11-21")
    await tills.send(copy)
    assert listed(hq) == (("1.3", "1.b1.2"), None)
    copy.begin(2)
    close(copy, DAY)
    await tills.send(copy)
    assert listed(hq) == (("1.3", "2.1"), "2026-11-21")
    image.lacks = till.hashes()[3]
    await tills.exchange(image)
    assert listed(hq) == (("2.1",), "2026-11-21")
    till.record(purchase("9"))
    await tills.send(till)
    assert listed(hq) == (("1.4", "2.1"), "2026-11-21")
    with hq.reading() as tx:
        assert tx.one("arrivals.watermarks") == (0, DAY)


async def test_a_replaced_till_is_listed_with_its_new_journal_alone(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    hq.clock.now += DAY_MS
    replaced = Till()
    body = replaced.enrol_request(hq.invite(till=till.terminal_id.removeprefix("S012-")))
    answer = await tills.client.post("/v1/enrol", data=body)
    replaced.enrolled(await answer.read(), hq.public_key)
    assert listed(hq) == ((), None)
    replaced.record(purchase("2"))
    await tills.send(replaced)
    assert (replaced.epoch, listed(hq)[0]) == (2, ("2.1",))


async def test_what_is_kept_is_counted_once_in_the_figures(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 3)
    copy = till.copied()
    till.record(purchase("4"))
    copy.record(purchase("5"))
    await tills.send(till)
    await tills.send(copy)
    with hq.reading() as tx:
        assert tx.one("arrivals.kept_records") == (5,)
