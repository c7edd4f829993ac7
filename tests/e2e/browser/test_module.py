"""The pages' module against a counter of the test's own, whose answers wait where the test wants that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
from aiohttp import web
from playwright.async_api import Page, expect

from demo.processes import until
from edge_agent.pages.rooms import ROOMS
from tests.e2e.browser.driver import Visitor, Visitors

pytestmark = pytest.mark.asyncio(loop_scope="session")

MODULE = (ROOMS["pages"] / "static/pages.js").read_text("utf-8")
A, B, C = "2000123456782", "2000123456799", "2000123456805"
PAGE = """<!doctype html><html lang=en><head><title>Counter</title><link rel=icon href=data:,>
<script type=module src=/pages.js></script><script type=module>%(script)s</script></head>
<body data-live=/live>
<header class=top></header><p id=stream-lost hidden>lost</p><p id=slow hidden>One moment</p>
<p id=news></p><main id=main>
<form role=search method=post action=/look>
<input id=code name=code data-scan autofocus><button>Find</button></form>
<p id=who>%(who)s</p>
<form method=post action=/visit><button id=visit name=who value="%(who)s" data-key=F2>Visit</button></form>
<form method=post action=/other><button id=other data-key="&quot;">Other</button></form>
<div data-part=customer><details data-of=1 open><summary>Redeem</summary>1</details></div>
<input id=amount><textarea id=name></textarea>
</main></body></html>"""
HEARD = "document.addEventListener('dangol:parts', () => (window.isHeard = true)), (window.isHeard = false)"
AT_TIMES = """([keys, gaps]) => {
  let at = performance.now() - 5000
  for (const [place, gap] of gaps.entries()) {
    const event = new KeyboardEvent("keydown", { code: keys[place], key: keys[place], bubbles: true })
    Object.defineProperty(event, "timeStamp", { value: (at += gap) })
    document.activeElement.dispatchEvent(event)
  }
}"""
PRESS_TWICE = """async () => {
  const came = new Promise(done => document.addEventListener("dangol:page", done, { once: true }))
  document.getElementById("visit").click()
  await came
  document.getElementById("visit").click()
}"""


@dataclass
class Window:
    """What a counter was asked for, in order. One that is `held` answers nothing until it is let go."""

    address: str = ""
    who: str = "nobody"
    script: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    is_away: bool = False
    is_over: bool = False
    parts: dict[str, str] = field(default_factory=dict)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/pages.js":
            return web.Response(text=MODULE, content_type="text/javascript")
        if request.path == "/live":
            return await self.tell(request)
        if request.method == "POST":
            said = await request.post()
            self.asked.append((request.path, str(said.get("code", said.get("who", "")))))
            await self.goes_on.wait()
            if self.is_away:
                assert request.transport is not None
                request.transport.abort()
            elif request.path == "/look":
                self.who = str(said["code"])
            raise web.HTTPSeeOther("/")
        return web.Response(text=PAGE % {"who": self.who, "script": self.script}, content_type="text/html")

    async def tell(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        while not self.is_over:
            await stream.write(b"event: parts\ndata: " + msgspec.json.encode(self.parts) + b"\n\n")
            self.told.clear()
            await self.told.wait()
        return stream

    def hold(self) -> None:
        self.goes_on.clear()

    def let_go(self) -> None:
        self.goes_on.set()


@asynccontextmanager
async def opened(visitors: Visitors, script: str = "") -> AsyncIterator[tuple[Window, Visitor, Page]]:
    """Open a counter and come to it."""
    window = Window(script=script)
    window.let_go()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", window.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        window.address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        visitor = await visitors.come()
        await visitor.page.goto(window.address)
        yield window, visitor, visitor.page
        await visitor.page.close()
    finally:
        window.let_go()
        window.is_over = True
        window.told.set()
        await runner.cleanup()


async def typed(page: Page, text: str, *ends: str, key: str | None = None, repeat: bool = False) -> None:
    """Have a keyboard say all these keys at once to whatever has the focus; they type nothing there."""
    await page.evaluate(typing(text, *ends, key=key, repeat=repeat))


def typing(text: str, *ends: str, key: str | None = None, repeat: bool = False) -> str:
    """Return the script that does so. An input method says the same `key` for all."""
    codes = [f"Digit{sign}" if sign.isdecimal() else f"Key{sign.upper()}" for sign in text]
    said = "code" if key is None else repr(key)
    return f"""for (const code of {[*codes, *ends]}) document.activeElement.dispatchEvent(new KeyboardEvent(
  "keydown",
  {{ code, key: {said}, repeat: {str(repeat).lower()}, bubbles: true, cancelable: true }},
))"""


async def scanned(page: Page, code: str) -> None:
    """Show a code to a scanner that ends with Enter."""
    await typed(page, code, "Enter")


async def is_shown(page: Page, who: str) -> None:
    await expect(page.locator("#who")).to_have_text(who)


async def test_while_a_scan_is_looked_up_nothing_is_done_for_who_is_still_there(visitors: Visitors) -> None:
    async with opened(visitors) as (window, _, page):
        await scanned(page, A)
        await is_shown(page, A)
        window.hold()
        await scanned(page, B)
        await page.keyboard.press("F2")
        await page.locator("#visit").click()
        window.let_go()
        await is_shown(page, B)
        await page.keyboard.press("F2")
        await until(lambda: len(window.asked) == 3, "the visit was not recorded")
        assert window.asked == [("/look", A), ("/look", B), ("/visit", B)]


async def test_a_press_after_a_scanner_that_sends_no_enter_is_for_whom_it_scanned(visitors: Visitors) -> None:
    async with opened(visitors) as (window, _, page):
        await typed(page, A, "F2")
        await is_shown(page, A)
        assert window.asked == [("/look", A)]


@pytest.mark.parametrize("ends", [["Enter"], ["NumpadEnter"], ["Tab"], []])
async def test_a_scan_ends_as_the_scanner_ends_it_also_within_a_syllable(
    visitors: Visitors, ends: Sequence[str]
) -> None:
    async with opened(visitors) as (window, _, page):
        await typed(page, "a1b2c3d", *ends, key="Process")
        await is_shown(page, "a1b2c3d")
        assert window.asked == [("/look", "a1b2c3d")]


@pytest.mark.parametrize(
    ("gaps", "is_scan"), [([0] * 12, True), ([100, *[0] * 11], True), ([44] * 12, False)]
)
async def test_a_scanner_may_falter_and_is_faster_than_people(
    visitors: Visitors, gaps: Sequence[int], is_scan: bool
) -> None:
    async with opened(visitors) as (window, _, page):
        await page.evaluate(AT_TIMES, [[*(f"Digit{sign}" for sign in A), "Enter"], [0, *gaps, 0]])
        if not is_scan:
            await scanned(page, B)
        await is_shown(page, A if is_scan else B)
        assert window.asked == [("/look", A if is_scan else B)]


@pytest.mark.parametrize("elsewhere", ["amount", "name"])
async def test_what_a_scanner_types_into_another_field_is_looked_up(
    visitors: Visitors, elsewhere: str
) -> None:
    async with opened(visitors) as (window, _, page):
        await page.locator(f"#{elsewhere}").fill(f"10{A}")
        await page.evaluate("window.other = document.activeElement")
        await scanned(page, A)
        await is_shown(page, A)
        assert await page.evaluate("window.other.value") == "10"
        assert window.asked == [("/look", A)]


async def test_a_key_that_is_held_is_no_scan(visitors: Visitors) -> None:
    async with opened(visitors) as (window, _, page):
        await page.clock.install()
        await page.reload()
        await typed(page, "1" * 12, repeat=True)
        await page.clock.fast_forward(1000)
        assert window.asked == []


async def test_what_is_pressed_again_as_the_page_comes_is_pressed_once(visitors: Visitors) -> None:
    async with opened(visitors) as (window, _, page):
        await scanned(page, A)
        await is_shown(page, A)
        await page.evaluate(PRESS_TWICE)
        await scanned(page, B)
        await is_shown(page, B)
        await page.keyboard.press("F2")
        await until(lambda: len(window.asked) == 4, "the next customer's visit was not recorded")
        assert window.asked == [("/look", A), ("/visit", A), ("/look", B), ("/visit", B)]


async def test_any_key_may_lead_somewhere(visitors: Visitors) -> None:
    async with opened(visitors) as (window, _, page):
        await page.keyboard.press('"')
        await until(lambda: window.asked == [("/other", "")], "the key led nowhere")


async def test_of_scans_that_come_while_one_is_looked_up_the_last_counts(visitors: Visitors) -> None:
    async with opened(visitors) as (window, _, page):
        window.hold()
        for code in (A, B, C):
            await scanned(page, code)
        window.let_go()
        await is_shown(page, C)
        assert window.asked == [("/look", A), ("/look", C)]


async def test_what_was_scanned_while_the_agent_was_away_is_forgotten(visitors: Visitors) -> None:
    async with opened(visitors) as (window, visitor, page):
        window.hold()
        window.is_away = True
        await scanned(page, A)
        await scanned(page, B)
        window.let_go()
        await expect(page.locator("#stream-lost")).to_be_visible()
        visitor.expect("ERR_")
        window.is_away = False
        await scanned(page, A)
        await is_shown(page, A)
        assert set(window.asked) == {("/look", A)}


async def test_what_was_typed_before_the_module_ran_belongs_to_the_scan(visitors: Visitors) -> None:
    typed = "document.getElementById('code').focus();"
    async with opened(visitors) as (window, _, page):
        window.script = typing("3456782", "Enter")
        await page.evaluate("document.getElementById('code').value = ''")
        await page.route(
            "**/pages.js",
            lambda route: route.fulfill(
                body=f"{typed} document.getElementById('code').value = '200012';\n{MODULE}",
                content_type="text/javascript",
            ),
        )
        await page.goto(window.address)
        await is_shown(page, A)
        assert window.asked == [("/look", A)]


async def test_a_press_that_takes_long_says_so(visitors: Visitors) -> None:
    async with opened(visitors) as (window, _, page):
        window.hold()
        await page.locator("#visit").click()
        await expect(page.locator("#slow")).to_be_visible()
        window.let_go()
        await expect(page.locator("#slow")).to_be_hidden()


async def test_what_somebody_has_opened_stays_open_but_for_who_comes_next(visitors: Visitors) -> None:
    async with opened(visitors) as (window, _, page):
        part = page.locator("[data-part=customer]")
        same = "<details data-of=1><summary>Redeem</summary>1 again</details>"
        window.parts = {"customer": same}
        window.told.set()
        await page.locator("summary").click()
        await expect(part).to_have_text("Redeem1 again")
        await page.locator("summary").click()
        for html, said in ((same.replace("again", "anew"), "Redeem1 again"), ("<p data-of=2>2</p>", "2")):
            window.parts = {"customer": html}
            await page.evaluate(HEARD)
            window.told.set()
            await page.wait_for_function("window.isHeard")
            await expect(part).to_have_text(said)
