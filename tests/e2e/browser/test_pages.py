"""The till's pages in a real browser: for every screen and language nothing to find fault with, and light."""

from __future__ import annotations

import pytest

from tests.e2e.browser.driver import DESKTOP, PHONE, Screen, Visitor, Visitors
from tests.e2e.browser.looks import look
from tests.e2e.browser.shop import RICH, Shop

pytestmark = pytest.mark.asyncio(loop_scope="session")

BYTES_MAX = 60_000
EVERYBODY = [(screen, language) for screen in (DESKTOP, PHONE) for language in ("en", "ko")]


async def judge(visitor: Visitor, language: str, state: str) -> None:
    """Find no fault with what a visitor has before them."""
    assert await look(visitor, language) == [], (state, visitor.screen.name, language)


async def opened(shop: Shop, visitors: Visitors, screen: Screen, language: str, path: str) -> Visitor:
    """Return somebody who has opened a page, which was light."""
    visitor = await visitors.come(screen, language)
    load = await visitor.first_load(shop.address + path)
    print(f"{path} {screen.name} {language}: {load.size} bytes, first after {load.first_byte_ms:.1f} ms")
    assert load.size < BYTES_MAX
    return visitor


async def test_everybody_can_use_the_way_to_the_pages_and_a_refusal(shop: Shop, visitors: Visitors) -> None:
    for screen, language in EVERYBODY:
        await judge(await opened(shop, visitors, screen, language, "/"), language, "ways")
        visitor = await opened(shop, visitors, screen, language, "/counter/there-is-no-such-page")
        visitor.expect("the server responded with a status of 404")
        await judge(visitor, language, "refusal")


async def test_everybody_can_use_the_counter_page(shop: Shop, visitors: Visitors) -> None:
    await shop.sell(9_900)
    for screen, language in EVERYBODY:
        visitor = await opened(shop, visitors, screen, language, "/counter/")
        page = visitor.page
        await page.locator(".waiting").wait_for()
        await judge(visitor, language, "waiting")
        await page.locator("#code").focus()
        await visitor.scan("2999999999999")
        await page.locator(".waiting a.key:not(.second)").wait_for()
        await judge(visitor, language, "nobody")
        await page.locator("#code").focus()
        await visitor.scan(RICH)
        await page.locator(".customer").wait_for()
        await judge(visitor, language, "customer")
        await page.keyboard.press("F2")
        await page.locator("#visit-done").wait_for()
        await page.keyboard.press("F4")
        await page.locator(".spend[open]").wait_for()
        await judge(visitor, language, "visited, about to redeem")
        await visitor.press(page.locator("#undo-visit"))
        await page.locator("#visit-done").wait_for(state="detached")


async def test_everybody_can_use_the_technician_page(shop: Shop, visitors: Visitors) -> None:
    for screen, language in EVERYBODY:
        visitor = await opened(shop, visitors, screen, language, "/admin/login")
        page = visitor.page
        await judge(visitor, language, "log-in")
        await shop.log_in(page)
        await judge(visitor, language, "overview")
        assert (await visitor.first_load(f"{shop.address}/admin/")).size < BYTES_MAX


async def test_everybody_can_use_the_page_of_what_was_set_aside(shop: Shop, visitors: Visitors) -> None:
    shop.set_aside()
    for screen, language in EVERYBODY:
        visitor = await opened(shop, visitors, screen, language, "/admin/login")
        page = visitor.page
        await shop.log_in(page)
        assert (await visitor.first_load(f"{shop.address}/admin/quarantine")).size < BYTES_MAX
        await page.locator("[data-part=rows] a.button").first.wait_for()
        await judge(visitor, language, "set aside")
        await page.locator("[data-part=rows] a.button").first.click()
        await page.locator("#mend").wait_for()
        await judge(visitor, language, "one input")
        await page.locator("details summary").click()
        await page.locator("#reason").fill(" ")
        await page.locator("#discard").click()
        await page.get_by_role("alert").wait_for()
        await judge(visitor, language, "refused")


async def test_everybody_can_use_the_journal_and_the_tools(shop: Shop, visitors: Visitors) -> None:
    await shop.sell(9_900)
    for screen, language in EVERYBODY:
        visitor = await opened(shop, visitors, screen, language, "/admin/login")
        page = visitor.page
        await shop.log_in(page)
        assert (await visitor.first_load(f"{shop.address}/admin/journal")).size < BYTES_MAX
        await page.locator(".records a").first.wait_for()
        await judge(visitor, language, "journal")
        await page.locator(".records a").first.click()
        await page.locator("dl.facts").first.wait_for()
        await judge(visitor, language, "one record")
        assert (await visitor.first_load(f"{shop.address}/admin/tools")).size < BYTES_MAX
        await page.locator("#import").wait_for()
        await judge(visitor, language, "tools")


async def test_everybody_can_let_somebody_join(shop: Shop, visitors: Visitors) -> None:
    for screen, language in EVERYBODY:
        visitor = await opened(shop, visitors, screen, language, "/counter/new")
        page = visitor.page
        await judge(visitor, language, "new member")
        await page.locator("#phone").fill("12")
        await page.locator("#name").fill("홍길동")
        await page.locator("[name=consent]").check()
        await page.locator(".join .key").click()
        await page.locator(".wrong").wait_for()
        await judge(visitor, language, "new member, refused")
