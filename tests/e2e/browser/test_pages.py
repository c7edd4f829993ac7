"""The till's pages in a real browser: for every screen and language nothing to find fault with, and light."""

from __future__ import annotations

import pytest

from tests.e2e.browser.driver import DESKTOP, PHONE, Visitors
from tests.e2e.browser.looks import look
from tests.e2e.processes import House

pytestmark = pytest.mark.asyncio(loop_scope="session")

BYTES_MAX = 60_000
OPEN_PAGES = ("/", "/counter/there-is-no-such-page")


async def test_pages_are_light_and_everybody_can_use_them(shop: House, visitors: Visitors) -> None:
    for screen in (DESKTOP, PHONE):
        for language in ("en", "ko"):
            for path in OPEN_PAGES:
                visitor = await visitors.come(screen, language)
                load = await visitor.first_load(f"{shop.till.address}{path}")
                if path == OPEN_PAGES[-1]:
                    visitor.expect("the server responded with a status of 404")
                print(f"{path} {screen.name} {language}: {load.size} bytes, {load.first_byte_ms:.1f} ms")
                assert await look(visitor, language) == []
                assert load.size < BYTES_MAX
