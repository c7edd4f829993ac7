"""A technician's visit to a till that is cut off, in a real browser: what they see, mend, and lose sight of.

All in one shop, in one go: the page stays open while the line is cut, sales are made, a file arrives broken,
and the agent is killed and comes back.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from demo.processes import until
from tests.e2e.browser.driver import PHONE, Visitors
from tests.e2e.browser.looks import look
from tests.e2e.browser.shop import PIN, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOST_MS = 9000
"""After which a page knows that its stream is silent."""


def part(page: Page, name: str) -> Locator:
    return page.locator(f"[data-part={name}]")


def waiting(page: Page) -> Locator:
    """The figure of what waits to be sent."""
    return part(page, "tiles").locator(".tile .figure").first


async def test_a_technician_sees_the_queue_grow_and_empty_and_mends_what_was_set_aside(
    shop: Shop, visitors: Visitors
) -> None:
    visitor = await visitors.come()
    page = visitor.page
    await page.goto(f"{shop.address}/admin/login")
    await page.locator("#file").set_input_files(await shop.technician())
    await visitor.tab_to(page.locator("#pin"))
    await page.keyboard.type(PIN, delay=60)
    await page.keyboard.press("Enter")
    await expect(part(page, "headline")).to_contain_text("Online since")
    await expect(waiting(page)).to_have_text("0")
    await page.evaluate("window.isStillHere = true")

    shop.cut()
    await shop.sell(12_300)
    await expect(part(page, "headline")).to_contain_text("Offline since")
    news = await page.locator("#news").inner_text()
    for more in (1, 2):
        before = int(await waiting(page).inner_text())
        await shop.sell(4_500 * more)
        await expect(waiting(page)).to_have_text(str(before + 1))
    assert await page.locator("#news").inner_text() == news
    assert re.fullmatch(r"Offline since .+\. Sales are safe\.", news), "a figure that ticks is no news"
    shop.mend()
    await visitor.press(page.locator("#try-now"))
    await expect(part(page, "headline")).to_contain_text("Online since")
    await expect(waiting(page)).to_have_text("0")

    shop.set_aside()
    figure = page.locator(".tile[href='/admin/quarantine'] .figure")
    await expect(figure).to_have_text("1")
    await visitor.press(page.locator("a.tile[href='/admin/quarantine']"))
    await visitor.press(page.get_by_role("link", name="Open input"))
    assert await look(visitor, "en") == []
    field = page.get_by_label("currency", exact=True)
    await expect(field).to_have_value("JPY")
    await visitor.tab_to(field)
    await page.keyboard.press("Control+A")
    await page.keyboard.type("KRW")
    await page.keyboard.press("Enter")
    await expect(page.locator(".said")).to_contain_text("is recorded as")
    await expect(part(page, "rows")).to_contain_text("Nothing is set aside.")
    shop.sold += 1
    await shop.settle()
    assert shop.house.recorded["b1"] == 1
    await until(lambda: shop.house.posted.get("b1", 0) > 0, "headquarters gave no points")


async def test_pages_whose_agent_was_killed_grey_say_so_and_heal_when_it_is_back(
    shop: Shop, visitors: Visitors
) -> None:
    """A counter that is open to all goes on as it was; a technician's log-in has ended with the agent."""
    cashier, technician = await visitors.come(), await visitors.come(PHONE, "ko")
    for visitor, path in ((cashier, "/counter/"), (technician, "/admin/login")):
        await visitor.page.clock.install()
        await visitor.page.goto(shop.address + path)
    await shop.log_in(technician.page)
    await expect(cashier.page.locator(".link")).to_contain_text("Online")
    await shop.kill_till()
    for visitor in (cashier, technician):
        await visitor.page.clock.fast_forward(LOST_MS)
        await expect(visitor.page.locator("#stream-lost")).to_be_visible()
        await expect(visitor.page.locator("body")).to_have_class(re.compile("is-lost"))
    await shop.reopen_till()
    await shop.sell(7_700)
    await expect(cashier.page.locator(".side")).to_contain_text("7,700 won")
    await expect(cashier.page.locator("#stream-lost")).to_be_hidden()
    await expect(technician.page.locator("#pin")).to_be_visible()
    for visitor in (cashier, technician):
        visitor.expect("ERR_")
