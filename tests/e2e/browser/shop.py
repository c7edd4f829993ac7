"""The shop of browser tests and pictures: headquarters, a till, members, sales. Made up, always the same."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
from playwright.async_api import Page

from demo.processes import Hq, until
from edge_agent.technicians import technicians_known
from tests.e2e.processes import STORE, Founded, House, house
from tests.house_sources import ROOT

PROGRAMME: Final = ROOT / "docs/examples/moonlight.toml"
MEMBERS: Final = """\
member_id,lookups,name,phone,joined_on,home_store,birthday
M1,2000123456782,홍길동,010-2000-0001,2024-03-02,S012,
M2,2000123456799,김영희,010-2000-0002,2025-05-10,S012,
M3,2000123456805,John Smith,010-2000-0003,2026-01-20,S012,
"""
CARDS: Final = ("2000123456782", "2000123456799", "2000123456805")
KOREAN: Final = ('phone_region = "US"', 'phone_region = "KR"')
RICH: Final = CARDS[1]
"""Has enough points to spend some."""

PIN: Final = "482913"
LARGE: Final = 500_000
"""Gives as many points as a day may."""

SALES: Final = (12_990, 48_500, 7_200, 31_000, 5_400, 88_000, 15_800, 22_300)


@dataclass
class Shop:
    """A house of real processes, and what is sold in it."""

    house: House
    session: aiohttp.ClientSession
    sold: int = field(default=0)
    passes: int = field(default=0)

    @property
    def address(self) -> str:
        """Where the till's pages are."""
        assert self.house.till.address is not None
        return self.house.till.address

    async def sell(self, net_minor: int, member: str | None = None, days_ago: int = 0) -> None:
        """Sell something, to nobody known where no card is shown."""
        self.sold += 1
        now = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days_ago)
        receipt: dict[str, Any] = {
            "kind": "purchase",
            "receipt": {"store": STORE, "till": "T03", "number": f"{self.sold:06}"},
            "currency": "KRW",
            "occurred_at": (now - timedelta(seconds=1)).isoformat(),
            "net_minor": net_minor,
            "tax_minor": net_minor // 11,
        }
        receipt |= {} if member is None else {"member": member}
        await self.house.ask(self.session, f"sale {self.sold}", "/v1/receipts", receipt)

    async def settle(self) -> None:
        """Return once headquarters has all that was sold."""
        await self.house.settled(self.sold)

    async def technician(self) -> Path:
        """Return a pass of somebody whom the till knows as a technician; their PIN is `PIN`."""
        hq, folder = self.house.hq, self.house.hq.folder
        (folder / "pin").write_text(f"{PIN}\n", "ascii")
        self.passes += 1
        made = folder / f"{self.passes}.pass"
        if self.passes == 1:
            await hq.told("technician", "add", "lee", "--pin-file", folder / "pin", "--by", "kim")
            await until(self._knows_technician, "the till did not hear of its technician")
        await hq.told("technician", "pass", "lee", "--store", STORE, "--out", made, "--by", "kim")
        return made

    def _knows_technician(self) -> bool:
        with self.house.store() as conn:
            return technicians_known(conn).technicians > 0

    def knows_members(self) -> bool:
        """Tell whether the till has met all members."""
        with self.house.store() as conn:
            (known,) = conn.execute("SELECT count(*) FROM member").fetchone()
            return bool(known == len(CARDS))

    async def log_in(self, page: Page) -> None:
        """Log in at the technician's page that is open, with a pass of one's own."""
        await page.locator("#file").set_input_files(await self.technician())
        await page.locator("#pin").fill(PIN)
        await page.keyboard.press("Enter")
        await page.locator("[data-part=headline]").wait_for()

    def set_aside(self, name: str = "b1") -> None:
        """Let a file arrive whose receipt is in a currency that is not the programme's."""
        receipt = {
            "kind": "purchase",
            "receipt": {"store": STORE, "till": "T03", "number": name},
            "member": RICH,
            "currency": "JPY",
            "occurred_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
            "net_minor": 10_000,
        }
        folder = self.house.till.receipts
        (folder / f".{name}").write_text(json.dumps(receipt) + "\n", "utf-8")
        (folder / f".{name}").rename(folder / f"{name}.jsonl")

    async def kill_till(self) -> None:
        """Kill the till's agent where it stands."""
        port = self.address.rpartition(":")[2]
        await self.house.till.kill()
        config = self.house.till.config
        config.write_text(
            config.read_text("utf-8").replace("[http]\nport = 0", f"[http]\nport = {port}"), "utf-8"
        )

    async def reopen_till(self) -> None:
        """Start it again, at the address where it was."""
        await self.house.till.open()

    def cut(self) -> None:
        """Cut the line to headquarters."""
        self.house.line.cut()

    def mend(self) -> None:
        """Mend it."""
        self.house.line.mend()


@asynccontextmanager
async def open_shop(folder: Path) -> AsyncIterator[Shop]:
    """Open a shop in an empty folder; it has sold for a while, and headquarters has it all."""
    hq = Hq(folder / "founded/hq")
    hq.config.write_text(hq.config.read_text("utf-8").replace(*KOREAN), "utf-8")
    people = folder / "members.csv"
    people.write_text(MEMBERS, "utf-8")
    await hq.set_up(PROGRAMME)
    await hq.told("member", "import", people)
    founded = Founded(hq.folder, await hq.invite(STORE))
    async with (
        house(folder, founded, settings=[("till", *KOREAN)]) as at,
        aiohttp.ClientSession() as session,
    ):
        made = Shop(at, session)
        await at.till.open()
        await until(lambda: at.acknowledged == at.head, "the till was not heard")
        await until(made.knows_members, "the till did not meet its members")
        for days_ago in (4, 3, 2, 1):
            await made.sell(LARGE, RICH, days_ago)
        for place, net_minor in enumerate(SALES):
            await made.sell(net_minor, CARDS[place % len(CARDS)])
        await made.settle()
        yield made
