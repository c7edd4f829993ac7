"""A fresh till in a real browser: it joins by its page, by keyboard alone, waits for approval, and sells."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import expect

from demo.line import Line
from demo.processes import Hq, Till
from tests.e2e.browser.driver import DESKTOP, PHONE, Visitors
from tests.e2e.browser.looks import look
from tests.e2e.browser.shop import KOREAN, PROGRAMME, Shop
from tests.e2e.processes import STORE, House

pytestmark = pytest.mark.asyncio(loop_scope="session")

WAITS = {"en": "Waits for headquarters to approve it.", "ko": "본사의 승인을 기다리고 있습니다."}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def fresh(tmp_path_factory: pytest.TempPathFactory, nothing_left: None) -> AsyncIterator[House]:
    """Headquarters, the line, and a till that runs and has not joined."""
    folder = tmp_path_factory.mktemp("fresh")
    hq, till = Hq(folder / "hq", next_in_ms=200), Till(folder / "till", STORE)
    for one in (hq, till):
        one.config.write_text(one.config.read_text("utf-8").replace(*KOREAN), "utf-8")
    line = Line(lambda: hq.address)
    try:
        await hq.set_up(PROGRAMME)
        await hq.serve()
        await line.start()
        await till.open()
        yield House(hq, till, line)
    finally:
        await till.stop()
        await hq.stop()
        await line.close()


async def test_a_till_joins_by_keyboard_waits_is_approved_and_sells(fresh: House, visitors: Visitors) -> None:
    at, everybody = fresh.till.address, [(one, lang) for one in (DESKTOP, PHONE) for lang in ("en", "ko")]
    for screen, language in everybody:
        visitor = await visitors.come(screen, language)
        assert (await visitor.first_load(f"{at}/counter/")).size < 60_000
        assert visitor.page.url == f"{at}/join"
        assert await look(visitor, language) == [], (screen.name, language)
        await visitor.page.locator("#code").focus()
        await visitor.page.keyboard.type("ABCD", delay=60)
        await visitor.page.keyboard.press("Tab")
        await visitor.page.keyboard.type("hq.shop", delay=60)
        await visitor.page.keyboard.press("Enter")
        await visitor.page.locator("#refusal").wait_for()
        visitor.expect("status of 422")
        await expect(visitor.page.locator("#hq")).to_have_value("hq.shop")
        assert await look(visitor, language) == [], (screen.name, language)
    [desk, *others] = visitors.all
    code = (await fresh.hq.told("terminal", "invite", "--store", STORE))["code"]
    page = desk.page
    await page.goto(f"{at}/")
    await expect(page.locator("#code")).to_be_focused()
    await page.keyboard.type(code.lower().replace("-", " "), delay=60)
    await page.keyboard.press("Tab")
    await page.keyboard.type(fresh.line.url, delay=60)
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-part=joined]")).to_contain_text(WAITS["en"])
    [known] = await fresh.hq.told("terminal", "list")
    fresh.till.terminal_id = known["terminal_id"]
    await expect(page.locator(".fingerprint")).to_have_text(known["fingerprint"])
    for visitor, (screen, language) in zip([desk, *others], everybody, strict=True):
        await visitor.page.goto(f"{at}/join")
        await expect(visitor.page.locator("[data-part=joined]")).to_contain_text(WAITS[language])
        assert await look(visitor, language) == [], (screen.name, language)
    await fresh.hq.told("terminal", "approve", known["terminal_id"])
    for visitor in visitors.all:
        await visitor.page.wait_for_url(f"{at}/")
    await page.goto(f"{at}/join")
    assert page.url == f"{at}/"
    async with aiohttp.ClientSession() as session:
        shop = Shop(fresh, session)
        await shop.sell(9_900)
        await shop.settle()


async def test_a_code_may_be_scanned(tmp_path: Path, fresh: House, visitors: Visitors) -> None:
    till = Till(tmp_path / "till", STORE)
    await till.open()
    try:
        visitor = await visitors.come()
        page, code = visitor.page, await fresh.hq.invite(STORE)
        await page.goto(f"{till.address}/join")
        await visitor.scan(code)
        await expect(page.locator("#hq")).to_be_focused()
        await expect(page.locator("#code")).to_have_value(re.compile(code, re.IGNORECASE))
        await page.keyboard.type(fresh.line.url, delay=60)
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"{till.address}/")
    finally:
        await till.stop()
