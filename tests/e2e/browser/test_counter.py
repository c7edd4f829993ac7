"""The counter page as a cashier uses it, by scanner, keyboard, without scripts; and how it keeps up.

All in one shop, whose till the last test kills.
"""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from demo.processes import until
from tests.e2e.browser.driver import ELSEWHERE, Visitor, Visitors
from tests.e2e.browser.shop import CARDS, RICH, Shop
from tests.e2e.browser.small_pages import site

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOST_MS = 9000
"""After which a page knows that its stream is silent."""


async def at_counter(shop: Shop, visitors: Visitors, *, scripts: bool = True) -> Visitor:
    visitor = await visitors.come(scripts=scripts)
    await visitor.page.goto(f"{shop.address}/counter/")
    return visitor


async def test_a_scan_finds_the_customer_wherever_the_focus_is_and_twice_at_once_is_one(
    shop: Shop, visitors: Visitors
) -> None:
    visitor = await at_counter(shop, visitors)
    page, asked = visitor.page, list[str]()
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    await expect(page.locator("#code")).to_be_focused()
    await page.get_by_role("link", name="New member").focus()
    await visitor.scan(CARDS[0])
    await expect(page.locator(".customer .name")).to_have_text("홍*동")
    await expect(page.locator("#code")).to_be_focused()
    await visitor.scan(CARDS[0])
    await visitor.scan(CARDS[1])
    await expect(page.locator(".customer .name")).to_have_text("김*희")
    assert asked == [f"{shop.address}/counter/look"] * 2


async def test_a_cashier_without_a_mouse_finds_visits_and_undoes(shop: Shop, visitors: Visitors) -> None:
    visitor = await at_counter(shop, visitors)
    page = visitor.page
    await page.keyboard.type("010-2000-0002", delay=60)
    await page.keyboard.press("Enter")
    await expect(page.locator(".customer .name")).to_have_text("김*희")
    await visitor.press(page.get_by_role("button", name="Visit"))
    await expect(page.locator(".said")).to_have_text(re.compile(r"^Visit recorded: \d+ points$"))
    await visitor.press(page.get_by_role("button", name="Undo the visit"), "Space")
    await expect(page.locator(".said")).to_have_text("The visit was undone.")
    await page.keyboard.press("Escape")
    await expect(page.locator(".waiting")).to_be_visible()


async def test_points_are_redeemed_by_keys_alone_and_given_back(shop: Shop, visitors: Visitors) -> None:
    visitor = await at_counter(shop, visitors)
    page = visitor.page
    await visitor.scan(RICH)
    before = await page.locator(".balance strong").inner_text()
    await page.keyboard.press("F4")
    await visitor.press(page.get_by_role("button", name="1,000 points"))
    await expect(page.locator(".said")).to_contain_text("Used: 1,000 points")
    await expect(page.locator(".balance strong")).not_to_have_text(before)
    await visitor.press(page.get_by_role("button", name="Undo: give the points back"))
    await expect(page.locator(".said")).to_have_text("Undone: nothing was spent.")
    await expect(page.locator(".balance strong")).to_have_text(before)


async def test_every_form_works_where_no_script_runs(shop: Shop, visitors: Visitors) -> None:
    visitor = await at_counter(shop, visitors, scripts=False)
    page = visitor.page
    await page.get_by_role("textbox").fill(CARDS[2])
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator(".customer .name")).to_have_text("J*** S****")
    await page.get_by_role("button", name="Visit").click()
    await page.get_by_role("button", name="Undo the visit").click()
    await expect(page.locator(".said")).to_have_text("The visit was undone.")


async def test_what_happens_elsewhere_is_seen_without_loading_anew(shop: Shop, visitors: Visitors) -> None:
    visitor = await at_counter(shop, visitors)
    page = visitor.page
    await expect(page.locator(".link")).to_contain_text("Online")
    await page.evaluate("window.isStillHere = true")
    await shop.sell(12_300)
    await expect(page.locator(".side")).to_contain_text("12,300 won")
    shop.cut()
    await shop.sell(45_600)
    await expect(page.locator(".side")).to_contain_text("45,600 won")
    await expect(page.locator(".link")).to_contain_text("Offline: as of")
    shop.mend()
    await expect(page.locator(".link")).to_contain_text("Online")
    assert await page.evaluate("window.isStillHere")


async def test_a_page_of_another_site_reaches_nothing_here(shop: Shop, visitors: Visitors) -> None:
    """Neither by a form, nor by a script, nor by showing the page within itself."""
    visitor = await visitors.come()
    form = f"<form method=post action='{shop.address}/counter/visit'><button>Win</button></form>"
    frame = f"<iframe src='{shop.address}/counter/'></iframe>"
    async with site({"/": form, "/frame": frame}, "default-src *") as address:
        address = address.replace("127.0.0.1", ELSEWHERE)
        await visitor.page.goto(address)
        await visitor.page.get_by_role("button").click()
        await expect(visitor.page.locator("main")).to_contain_text(
            "Another site tried to reach into this till"
        )
        visitor.expect("403")
        await visitor.page.goto(f"{address}/frame")
        await until(lambda: len(visitor.complaints) == 2, "the page was shown")
        visitor.expect("403")
        visitor.expect("frame")


async def test_a_page_whose_agent_is_gone_says_so(shop: Shop, visitors: Visitors) -> None:
    visitor = await visitors.come()
    page, lost = visitor.page, visitor.page.locator("#stream-lost")
    await page.clock.install()
    await page.goto(f"{shop.address}/counter/")
    await expect(page.locator(".link")).to_contain_text("Online")
    await shop.house.till.kill()
    await page.clock.fast_forward(LOST_MS)
    await expect(lost).to_be_visible()
    await expect(page.locator("body")).to_have_class("counter is-lost")
    visitor.expect("ERR_")
