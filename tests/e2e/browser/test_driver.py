"""The browser of the tests: what it hears, what it counts, and that a test fails where it should."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Error, expect

from demo.processes import until
from tests.e2e.browser.conftest import children
from tests.e2e.browser.driver import DESKTOP, ELSEWHERE, PHONE, Visitors
from tests.e2e.browser.small_pages import GOOD, site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_request_that_leaves_the_machine_is_told_and_goes_nowhere(visitors: Visitors) -> None:
    visitor = await visitors.come()
    async with site({"/": "<img src='http://far.example/a.png'>"}, "default-src *") as address:
        await visitor.page.goto(address)
        visitor.expect("left the machine: http://far.example/a.png")
        visitor.expect("ERR_NAME_NOT_RESOLVED")


async def test_what_a_page_forbids_itself_is_told(visitors: Visitors) -> None:
    visitor = await visitors.come()
    async with site({"/": "<p style='color: red'>red</p>"}) as address:
        await visitor.page.goto(address)
        visitor.expect("Content Security Policy")
        colour = await visitor.page.evaluate("getComputedStyle(document.querySelector('p')).color")
        assert colour == "rgb(0, 0, 0)"


async def test_errors_of_scripts_and_of_the_console_are_told(visitors: Visitors) -> None:
    visitor = await visitors.come()
    pages = {"/": "<script src=a.js></script>", "/a.js": "console.error('so'); nothing()"}
    async with site(pages) as address:
        await visitor.page.goto(address)
        visitor.expect("console: so")
        visitor.expect("script: nothing is not defined")
        with pytest.raises(AssertionError, match="nothing like 'so' in"):
            visitor.expect("so")


async def test_complaints_are_what_is_left_when_visitors_leave(visitors: Visitors) -> None:
    visitor = await visitors.come()
    await visitor.page.evaluate("console.error('so')")
    assert await visitors.leave() == ["console: so"]
    visitors.all.clear()


async def test_another_site_leads_to_this_machine_and_is_another_site(visitors: Visitors) -> None:
    visitor = await visitors.come()
    async with site({"/": "here"}) as address:
        await visitor.page.goto(address.replace("127.0.0.1", ELSEWHERE))
        assert await visitor.page.evaluate("location.hostname") == ELSEWHERE
        with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
            await visitor.page.goto("http://far.example/")
        visitor.expect("far.example")


async def test_a_first_load_is_weighed_with_all_that_it_asks_for_and_an_open_stream(
    visitors: Visitors,
) -> None:
    visitor = await visitors.come()
    page = "<link rel=stylesheet href=a.css><script src=a.js></script>" + "x" * 3000
    pages = {"/": page, "/a.css": "/*" + "x" * 2000 + "*/", "/a.js": "0;" + " " * 1000}
    async with site(pages) as address:
        load = await visitor.first_load(address)
        assert 6000 < load.size < 8000
        assert load.addresses - {f"{address}/favicon.ico"} == {
            f"{address}/{name}" for name in ("", "a.css", "a.js")
        }
        assert 0 < load.first_byte_ms < 60_000
        pages["/a.js"] = "new EventSource('/live').onmessage = () => document.title = 'heard'"
        visitor = await visitors.come()
        again = await visitor.first_load(address)
        assert f"{address}/live" in again.addresses
        # wait_for_function evaluates text on the page, which a policy refuses from the second look on.
        await expect(visitor.page).to_have_title("heard")
        await until(lambda: visitor.weight > 3000 + 2000 + 500, "what the stream brought was not weighed")


async def test_a_first_load_does_not_wait_for_what_the_page_before_it_asked_for(visitors: Visitors) -> None:
    visitor = await visitors.come()
    pages = {
        "/before": "<script src=a.js></script>",
        "/a.js": "fetch('/live', {keepalive: true})",
        "/": "x" * 3000,
    }
    async with site(pages) as address:
        async with visitor.page.expect_request("**/live"):
            await visitor.page.goto(f"{address}/before")
        assert (await visitor.first_load(address)).size > 3000


async def test_a_screen_is_as_large_as_it_says_and_speaks_the_language(visitors: Visitors) -> None:
    for screen, language, said in ((DESKTOP, "en", "en-GB"), (PHONE, "ko", "ko-KR")):
        visitor = await visitors.come(screen, language)
        await visitor.page.set_content(GOOD)
        seen = await visitor.page.evaluate(
            "[innerWidth, innerHeight, navigator.language, navigator.maxTouchPoints > 0]"
        )
        assert seen == [screen.width, screen.height, said, screen.touch]


async def test_a_scanner_types_into_what_has_the_focus_and_tab_reaches_the_rest(visitors: Visitors) -> None:
    visitor = await visitors.come()
    await visitor.page.set_content(
        "<form onsubmit='event.preventDefault(); document.title = card.value'><input name=card autofocus>"
        "<button type=button onclick='document.title = 1'>Visit</button></form><button disabled>Gone</button>"
    )
    await visitor.tab_to(visitor.page.get_by_role("textbox"))
    await visitor.scan("2000123456782")
    assert await visitor.page.title() == "2000123456782"
    await visitor.press(visitor.page.get_by_role("button", name="Visit"), "Space")
    assert await visitor.page.title() == "1"
    with pytest.raises(AssertionError, match="Tab never reaches"):
        await visitor.tab_to(visitor.page.get_by_role("button", name="Gone"))


async def test_a_process_that_a_test_leaves_is_seen() -> None:
    before = children()
    left = await asyncio.create_subprocess_exec("cat", stdin=asyncio.subprocess.PIPE)
    assert children() - before == {left.pid}
    await left.communicate(b"")
    assert children() == before
