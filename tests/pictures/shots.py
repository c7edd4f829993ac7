"""The pictures of docs/pictures: what each shows, on which screen, in which language, and how to get there.

They are taken in this order in one shop (`tests.e2e.browser.shop`); each brings about what it needs, so that
it can be taken alone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from edge_agent.store.link_spans import OK, STARTED
from tests.e2e.browser.driver import DESKTOP, PHONE, Screen, Visitor
from tests.e2e.browser.shop import RICH, Shop


async def straight(shop: Shop, visitor: Visitor) -> None:
    """Need nothing but the address."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture."""

    name: str
    path: str
    screen: Screen
    language: str
    reach: Callable[[Shop, Visitor], Awaitable[None]] = straight
    """What is done once the page is open: what is pressed, and what happens in the shop meanwhile."""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}-{self.language}-{self.screen.name}.png"


async def customer(shop: Shop, visitor: Visitor) -> None:
    """Have a member before the counter, and a receipt that nobody showed a card for."""
    await shop.sell(9_900)
    await visitor.page.goto(f"{shop.address}/counter/")
    await visitor.scan(RICH)
    await visitor.page.locator(".customer").wait_for()


async def redeeming(shop: Shop, visitor: Visitor) -> None:
    """Be about to spend a member's points, after their visit."""
    await customer(shop, visitor)
    await visitor.page.keyboard.press("F2")
    await visitor.page.locator("#visit-done").wait_for()
    await visitor.page.keyboard.press("F4")
    await visitor.page.locator(".spend[open]").wait_for()


def had_a_day(shop: Shop) -> None:
    """Give the till a day behind it, in which the line was cut twice and the shop closed for the night."""
    now_ms, hour_ms = int(time.time() * 1000), 3_600_000
    spans = [(24, 19.4, OK), (19.4, 18.9, "hq_timeout"), (18.9, 14, OK), (6, 6, STARTED), (6, 2.3, OK)]
    with closing(sqlite3.connect(shop.house.till.database)) as conn, conn:
        conn.executemany(
            "INSERT OR IGNORE INTO link_span (rowid, from_ms, to_ms, code) VALUES (?, ?, ?, ?)",
            [
                (row - 10, int(now_ms - began * hour_ms), int(now_ms - ended * hour_ms), code)
                for row, (began, ended, code) in enumerate(
                    [*spans, (2.3, 1.8, "hq_unreachable"), (1.8, 0, OK)]
                )
            ],
        )


async def technician(shop: Shop, visitor: Visitor) -> None:
    """Be logged in, on a till that is cut off and sells on."""
    await shop.log_in(visitor.page)
    had_a_day(shop)
    shop.cut()
    await shop.sell(45_600)
    await visitor.page.locator("[data-part=headline] [data-tone=warn]").wait_for()


async def set_aside(shop: Shop, visitor: Visitor) -> None:
    """Be about to mend what the till could not record."""
    await shop.log_in(visitor.page)
    shop.set_aside()
    await visitor.page.locator(".tile[href='/admin/quarantine'][data-tone=warn]").click()
    await visitor.page.locator("[data-part=rows] a.button").click()
    await visitor.page.locator("#mend").wait_for()


async def new_member(shop: Shop, visitor: Visitor) -> None:
    """Be about to let somebody join."""
    await visitor.page.locator("#phone").fill("010-2345-6789")
    await visitor.page.locator("#name").fill("김영희")
    await visitor.page.locator("[name=consent]").check()


async def journal(shop: Shop, visitor: Visitor) -> None:
    """Look through what was recorded."""
    await shop.sell(23_800)
    await shop.log_in(visitor.page)
    await visitor.page.goto(f"{shop.address}/admin/journal")
    await visitor.page.locator(".records a").first.wait_for()


async def tools(shop: Shop, visitor: Visitor) -> None:
    """Have verified the till."""
    await shop.log_in(visitor.page)
    await visitor.page.goto(f"{shop.address}/admin/tools")
    await visitor.page.locator("#verify").click()
    await visitor.page.locator("[data-part=verify] [data-tone=ok]").wait_for()


SHOTS: Final = (
    Shot("ways", "/", PHONE, "ko"),
    Shot("counter", "/counter/", DESKTOP, "ko", customer),
    Shot("counter", "/counter/", PHONE, "en", customer),
    Shot("redeem", "/counter/", DESKTOP, "en", redeeming),
    Shot("technician", "/admin/login", DESKTOP, "ko", technician),
    Shot("technician", "/admin/login", PHONE, "en", technician),
    Shot("set-aside", "/admin/login", DESKTOP, "ko", set_aside),
    Shot("new-member", "/counter/new", PHONE, "ko", new_member),
    Shot("journal", "/admin/login", DESKTOP, "en", journal),
    Shot("journal", "/admin/login", PHONE, "ko", journal),
    Shot("tools", "/admin/login", DESKTOP, "en", tools),
)
