"""What is carried on sticks: out of any till, to headquarters, and back to any till, doubled and late."""

from __future__ import annotations

import shutil
from pathlib import Path

from loyalty_core.stick import TO_HQ
from tests.simulation.people import People


class Carried(People):
    """Two sticks that everybody shares; what lies on one stays until somebody empties it."""

    async def carry(self) -> None:
        """Somebody goes all of the way with a stick, or a part of it; mostly where there is no line."""
        stick, legs = self.luck.choice(self.chain.sticks), (self.out, self.to_headquarters, self.back)
        begins, ends = self.luck.choice([(0, 3), (0, 3), (0, 3), (0, 1), (1, 2), (1, 3), (2, 3)])
        alone = [place for place, till in enumerate(self.chain.tills) if till.line.down]
        place = self.luck.choice(alone) if alone and self.luck.random() < 0.8 else self.place()
        for leg in legs[begins:ends]:
            for _ in range(1 if self.luck.random() < 0.8 else 2):
                await leg(stick, place if self.luck.random() < 0.8 else self.place())

    async def out(self, stick: Path, place: int) -> None:
        """Write what waits at a till; the stick may be pulled before all is there, or copied to itself."""
        self.till(place).export(stick, self.luck.choice([1, 2, 100]))
        if self.luck.random() < 0.2:
            double(stick)

    async def to_headquarters(self, stick: Path, _: int) -> None:
        """Let headquarters read what lies there."""
        await self.chain.server.read_stick(stick)

    async def back(self, stick: Path, place: int) -> None:
        """Let a till read whatever lies there, its own or not, and perhaps empty the stick."""
        self.till(place).read_stick(stick)
        if self.luck.random() < 0.4:
            self.seen["stick emptied"] += 1
            empty(stick)


def empty(stick: Path) -> None:
    """Remove all that lies on a stick."""
    for file in stick.iterdir():
        file.unlink()


def double(stick: Path) -> None:
    """Copy what tills wrote to a stick beside it, under other names."""
    for file in sorted(stick.glob(f"dangol*{TO_HQ}")):
        shutil.copyfile(file, file.with_name(f"copy of {file.name}"))
