"""A real browser for tests: Debian's chromium, and visitors who use it, each with a profile of their own.

Nothing leaves the machine: every name but those of this machine resolves to nothing, and whoever asks for
another is told on. Nothing waits for a time to pass, nor for the network to be idle, which a page with an
open event stream never is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    async_playwright,
    expect,
)

from edge_agent.pages.visit import LANGUAGE_COOKIE

ELSEWHERE: Final = "elsewhere.test"
"""A site that is none of the program's, and leads to this machine all the same."""

HERE: Final = {"127.0.0.1", "localhost", ELSEWHERE}
RULES: Final = (f"MAP {ELSEWHERE} 127.0.0.1", "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1", "EXCLUDE localhost")
ARGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    f"--host-resolver-rules={', '.join(RULES)}",
)
WAIT_MS: Final = 15_000
"""For one thing to be seen on a page."""

ICON: Final = "/favicon.ico"
"""The browser asks for it of itself where a page names no icon, maybe when all is over."""

TABS_MAX: Final = 200
"""More stops than any page has."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What somebody has before them."""

    name: str
    width: int
    height: int
    touch: bool = False


DESKTOP: Final = Screen("desktop", 1366, 768)
PHONE: Final = Screen("phone", 390, 844, touch=True)


@dataclass(frozen=True, slots=True)
class Load:
    """What the first load of a page took: bytes over the wire, headers too, and when its first byte came."""

    size: int
    first_byte_ms: float
    addresses: frozenset[str]
    """All that was asked for; that of its icon may not be asked for yet."""


class Visitor:
    """Somebody at a browser of their own: one page, and what they have to complain of."""

    def __init__(self, screen: Screen, context: BrowserContext, page: Page, cdp: CDPSession) -> None:
        self.screen, self.context, self.page, self.cdp = screen, context, page, cdp
        self.complaints: list[str] = []
        """Requests that would have left the machine, errors of the console (what the page's policy
        refused stands there), exceptions of scripts."""
        self._wire = _Wire(cdp)
        context.on("request", self._requested)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("websocket", lambda socket: self._left(socket.url))

    async def first_load(self, address: str) -> Load:
        """Go somewhere and return what that took, once all that the page asks for has come.

        An event stream counts with what it has brought by then.
        """
        self._wire.begin()
        await self.page.goto(address, wait_until="load")
        await self._wire.all_here()
        first_byte = await self.page.evaluate(
            "() => { const [n] = performance.getEntriesByType('navigation');"
            " return n.responseStart - n.requestStart }"
        )
        return Load(self._wire.size, float(first_byte), frozenset(self._wire.addresses))

    @property
    def weight(self) -> int:
        """How many bytes have come over the wire since the last first load began."""
        return self._wire.size

    async def tab_to(self, control: Locator) -> None:
        """Press Tab until a control has the focus, as somebody without a mouse does."""
        for _ in range(TABS_MAX):
            if await control.evaluate("it => it === document.activeElement"):
                return
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never reaches {control}")

    async def press(self, control: Locator, key: str = "Enter") -> None:
        """Go to a control by Tab and press a key on it."""
        await self.tab_to(control)
        await self.page.keyboard.press(key)

    async def scan(self, code: str) -> None:
        """Show a code to a scanner, which types it at once and ends with Enter: digits, capitals, hyphens.

        All keys are on their way before the first is answered: on a busy machine one by one is no scanner.
        """
        keys = [(sign, _place(sign), sign, {"-": 189}.get(sign, ord(sign))) for sign in code] + [
            ("Enter", "Enter", "\r", 13)
        ]
        sent = [
            {"key": key, "code": place, "windowsVirtualKeyCode": number, **kind}
            for key, place, text, number in keys
            for kind in ({"type": "keyDown", "text": text}, {"type": "keyUp"})
        ]
        await asyncio.gather(*[self.cdp.send("Input.dispatchKeyEvent", one) for one in sent])

    def expect(self, pattern: str) -> None:
        """Take a complaint back that had to come; fail where it did not."""
        kept = [one for one in self.complaints if not re.search(pattern, one)]
        assert len(kept) < len(self.complaints), f"nothing like {pattern!r} in {self.complaints}"
        self.complaints = kept

    def _requested(self, request: Request) -> None:
        self._left(request.url)

    def _left(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https", "ws", "wss", "ftp") and parts.hostname not in HERE:
            self.complaints.append(f"left the machine: {address}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" and urlsplit(message.location["url"]).path != ICON:
            self.complaints.append(f"console: {message.text}")


def _place(sign: str) -> str:
    """Return which key of a keyboard makes a sign."""
    return "Minus" if sign == "-" else f"Digit{sign}" if sign.isdecimal() else f"Key{sign}"


class _Wire:
    """Counts what comes over the wire, as chromium's network tells it."""

    def __init__(self, cdp: CDPSession) -> None:
        self._open: dict[str, str] = {}
        """Requests that are not answered in full, each with the document that asked."""
        self._document = ""
        self._streams: set[str] = set()
        self._changed = asyncio.Event()
        self.begin()
        cdp.on("Network.requestWillBeSent", self._asked)
        cdp.on("Network.responseReceived", self._answered)
        cdp.on("Network.dataReceived", self._received)
        cdp.on("Network.loadingFinished", self._finished)
        cdp.on("Network.loadingFailed", self._failed)

    def begin(self) -> None:
        """Count from nothing."""
        self.size, self.addresses = 0, set[str]()

    async def all_here(self) -> None:
        """Return once no request of the document is open but event streams.

        Of what a document before it had asked for, chromium need not tell an end.
        """
        async with asyncio.timeout(WAIT_MS / 1000):
            while self._document in self._open.values():
                self._changed.clear()
                await self._changed.wait()

    def _asked(self, told: dict[str, Any]) -> None:
        address = told["request"]["url"]
        if urlsplit(address).scheme not in ("http", "https"):
            return
        self.addresses.add(address)
        request, document = told["requestId"], told["loaderId"]
        if request == document:
            self._document = document
        if told.get("type") == "EventSource":
            self._streams.add(request)
        else:
            self._open[request] = document

    def _answered(self, told: dict[str, Any]) -> None:
        if told["requestId"] in self._streams:
            self.size += int(told["response"]["encodedDataLength"])

    def _received(self, told: dict[str, Any]) -> None:
        if told["requestId"] in self._streams:
            self.size += int(told["encodedDataLength"] or told["dataLength"])

    def _finished(self, told: dict[str, Any]) -> None:
        if told["requestId"] not in self._streams:
            self.size += int(told["encodedDataLength"])
        self._ended(told)

    def _failed(self, told: dict[str, Any]) -> None:
        self._ended(told)

    def _ended(self, told: dict[str, Any]) -> None:
        self._open.pop(told["requestId"], None)
        self._changed.set()


@asynccontextmanager
async def browser(program: str) -> AsyncIterator[Browser]:
    """Run a chromium with an empty profile; what is expected of a page has `WAIT_MS` to come."""
    expect.set_options(timeout=WAIT_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=list(ARGS))
        try:
            yield chromium
        finally:
            await chromium.close()


class Visitors:
    """Those who came in one test."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self.all: list[Visitor] = []

    async def come(self, screen: Screen = DESKTOP, language: str = "en", *, scripts: bool = True) -> Visitor:
        """Return a new visitor, who knows nothing of the others; one without scripts runs none."""
        context = await self._chromium.new_context(
            viewport={"width": screen.width, "height": screen.height},
            has_touch=screen.touch,
            is_mobile=screen.touch,
            locale={"en": "en-GB", "ko": "ko-KR"}[language],
            timezone_id="Asia/Seoul",
            reduced_motion="reduce",
            java_script_enabled=scripts,
            accept_downloads=True,
        )
        context.set_default_timeout(WAIT_MS)
        await context.add_cookies(
            [{"name": LANGUAGE_COOKIE, "value": language, "domain": "127.0.0.1", "path": "/"}]
        )
        page = await context.new_page()
        cdp = await context.new_cdp_session(page)
        visitor = Visitor(screen, context, page, cdp)
        self.all.append(visitor)
        await cdp.send("Network.enable")
        return visitor

    async def leave(self) -> list[str]:
        """Close all that they opened; return what they complained of."""
        for visitor in self.all:
            await visitor.context.close()
        return [complaint for visitor in self.all for complaint in visitor.complaints]
