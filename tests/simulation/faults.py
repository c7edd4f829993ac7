"""What breaks: power, processes, roads, clocks, disks, and headquarters itself."""

from __future__ import annotations

import asyncio
from typing import Final

from edge_agent.store import outbox
from loyalty_core.calendar import day_of, period_of
from tests.simulation.at_tills import AtTills
from tests.simulation.till import SimTill

DAY_MS: Final = 86_400_000
ROUND_S: Final = 12.5 * 3600
"""Longer than the longest wait of a till."""
CLOCKS: Final = {
    "clock back": -3 * DAY_MS,
    "clock back for years": -5 * 365 * DAY_MS,
    "clock ahead": 20 * DAY_MS,
    "clock over the half-year": 45 * DAY_MS,
    "clock ahead for years": 3 * 365 * DAY_MS,
    "clock a little off": 90_000,
}


class Faults(AtTills):
    """What nobody wants, at any time."""

    answered: dict[SimTill, dict[int, tuple[int, bytes]]]

    async def kill(self) -> None:
        """A till's process, or its machine, is gone; it is switched on when somebody needs it, or later."""
        till = self.chain.tills[self.place()]
        power = self.luck.random() < 0.5
        self.seen["machine off" if power else "agent killed"] += 1
        till.stop(power=power)
        if self.luck.random() < 0.5:
            asyncio.get_running_loop().call_later(self.luck.choice((0.5, 300.0, 90_000.0)), till.start)

    async def cut_road(self) -> None:
        """A till has no road for a long time, or has it again."""
        line = self.chain.tills[self.place()].line
        line.down = not line.down
        self.seen["road gone" if line.down else "road back"] += 1

    async def set_clock(self) -> None:
        """Somebody sets a till's clock, wrong or right."""
        clock = self.till(self.place()).clock
        name = self.luck.choice([*CLOCKS, "clock right", "clock right"])
        self.seen[name] += 1
        clock.off_ms = CLOCKS.get(name, 0)

    async def image(self) -> None:
        """Somebody copies a till's disk."""
        place = self.place()
        self.till(place)
        self.chain.image(place)

    async def set_back(self) -> None:
        """Somebody puts an older copy of a till's disk back, and it goes on from there."""
        place, image = self.luck.choice(self.chain.images)
        self.seen["disk set back"] += 1
        self.chain.tills[place].set_back(image)
        self.answered.pop(self.chain.tills[place], None)

    async def clone(self) -> None:
        """Two machines go on with one till's disk."""
        place = self.place()
        if place not in self.shut and len(self.chain.copies(place)) == 1:
            self.till(place)
            self.seen["disk cloned"] += 1
            self.chain.clone(place)

    async def part_ways(self) -> None:
        """Headquarters' disk is set back without a restore while two copies of a till's sell on.

        It asks the one for ever earlier records until it finds where they parted. A restore mends the rest.
        """
        place, chain, server = self.place(), self.chain, self.chain.server
        if place in self.shut or len(chain.copies(place)) > 1:
            return
        one, calm = self.till(place), (server.calm, self.till(place).line.calm)
        chain.clone(place)
        other = chain.tills[-1]
        server.calm = True
        server.start()
        chain.copy_disk()
        other.line.calm, other.line.down = False, True
        for number, till in enumerate((one, other, one)):
            for _ in range(self.luck.randint(5, 14) if number else 3):
                await self.sell_one(chain.tills.index(till))
            till.start()
            till.line.calm, till.line.down = True, False
            await asyncio.sleep(ROUND_S)
            till.line.calm, till.line.down = False, True
            if not number:
                chain.set_back_disk()
        for error in one.broken:
            raise error
        assert not outbox.waiting(one.conn)[0], f"{one.code} did not find where its copy parted from it"
        self.seen["copies parted while headquarters was set back"] += 1
        server.calm, one.line.calm = calm
        one.line.down = other.line.down = False
        chain.back_up()
        await self.restore_headquarters()

    async def shut_out(self) -> None:
        """Headquarters shuts a till out; it sells on, until another machine takes its place."""
        place = self.place()
        self.seen["till shut out"] += 1
        self.chain.hq.set_state(self.chain.tills[place].terminal_id, "revoked", "lost")
        self.shut.add(place)

    async def replace(self) -> None:
        """Another machine takes the place of a till that was shut out, is dead, or whose disk was copied.

        What it replaces is switched off, or not.
        """
        copied = [place for place in range(len(self.chain.tills)) if len(self.chain.copies(place)) > 1]
        place = self.luck.choice([*sorted(self.shut), *copied, self.place()])
        copies = self.chain.copies(place)
        for till in copies:
            if self.luck.random() < 0.5:
                till.stop(power=True)
        self.shut.add(place)
        if await self.chain.replace(place):
            self.seen["till replaced" if len(copies) == 1 else "copied till replaced"] += 1
            self.reopen(place)
        self.till(place)

    def reopen(self, place: int) -> None:
        """Note that another machine has taken a place, and those of all copies of its disk."""
        self.shut -= {other for other in self.shut if self.chain.tills[other] is self.chain.tills[place]}

    async def kill_headquarters(self) -> None:
        self.chain.server.stop("headquarters killed")

    async def back_up(self) -> None:
        self.chain.back_up()

    async def restore_headquarters(self) -> None:
        """Headquarters begins again from a backup."""
        self.seen["headquarters restored"] += 1
        self.chain.restore()

    async def weeks(self) -> None:
        """Days or weeks pass; where it is long, most machines are off."""
        days = self.luck.choice([1, 1, 3, 30, 60])
        if days > 3:
            for till in self.chain.machines:
                if self.luck.random() < 0.9:
                    till.stop(power=True)
        self.seen["a month passed" if days > 3 else "days passed"] += 1
        await asyncio.sleep(days * DAY_MS / 1000)

    async def period_ends(self) -> None:
        """The first days of the next period come, and machines that are on close those that are over."""
        today = day_of(self.chain.today)
        days = period_of(today, self.chain.months).last - today + self.luck.choice([1, 1, 4])
        self.seen["period over"] += 1
        if self.luck.random() < 0.5:
            for till in self.chain.machines:
                if self.luck.random() < 0.5:
                    till.stop(power=True)
        await asyncio.sleep(days * DAY_MS / 1000)

    async def chores(self) -> None:
        """What the programs do by themselves is done now."""
        self.chain.chores()
        self.till(self.place()).chores()
