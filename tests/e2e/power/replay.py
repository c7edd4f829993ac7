"""What a disk may hold after the power went: all that was synced, and any sectors of the rest, or parts."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from tests.e2e.power.recording import Step

SECTOR: Final = 512
Fate = Literal["lost", "kept", "any", "torn"]
FATES: Final[tuple[Fate, ...]] = ("lost", "kept", "any", "torn")
"""Of what was not synced nothing came to the disk, all of it, any sectors, or any and one write in parts."""
Ignored = Callable[[Step], bool]


@dataclass
class _File:
    """What of a file is certainly on the disk, and what was written since."""

    synced: bytes
    pending: list[Step] = field(default_factory=list)

    def sync(self) -> None:
        self.synced, self.pending = self.after("kept", random.Random()), []

    def after(self, fate: Fate, chance: random.Random) -> bytes:
        """Return the file as it may be after a cut."""
        data, likely = bytearray(self.synced), chance.choice((0.1, 0.5, 0.9))
        kept = {"lost": 0.0, "kept": 1.0}.get(fate, likely)
        torn = chance.randrange(len(self.pending)) if fate == "torn" and self.pending else None
        for number, step in enumerate(self.pending):
            if step.kind == "truncate":
                if chance.random() < kept:
                    del data[step.offset :]
                    data += bytes(step.offset - len(data))
                continue
            for start, piece in _sectors(step):
                if number == torn:
                    _put(data, start, piece[: chance.randrange(len(piece))])
                elif chance.random() < kept:
                    _put(data, start, piece)
        return bytes(data)


def _sectors(step: Step) -> Iterator[tuple[int, bytes]]:
    start, end = step.offset, step.offset + len(step.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield start, step.data[start - step.offset : stop - step.offset]
        start = stop


def _put(data: bytearray, start: int, piece: bytes) -> None:
    data += bytes(max(0, start - len(data)))
    data[start : start + len(piece)] = piece


@dataclass(frozen=True)
class Cut:
    """The disk after a cut behind so many steps: name of a file -> bytes; and what was answered by then."""

    after: int
    fate: Fate
    files: dict[str, bytes]
    answered: tuple[str, ...]


def cuts(
    begin: dict[Path, bytes],
    steps: list[Step],
    chosen: Callable[[int], Iterable[Fate]],
    seed: int,
    ignored: Ignored = lambda _: False,
) -> Iterator[Cut]:
    """Yield what the files may hold after a cut behind each step, for the fates `chosen` for it.

    `begin` are the files as they lay on the disk before. Steps that are `ignored` did nothing.
    """
    files = {str(path): _File(data) for path, data in begin.items()}
    answered: list[str] = []
    for number, step in enumerate(steps, start=1):
        file = files.get(step.file)
        if step.kind == "answer":
            answered += step.data.decode().splitlines()
        elif file is not None and not ignored(step):
            if step.kind == "sync":
                file.sync()
            elif step.kind == "unlink":
                file.pending.append(Step("truncate", step.file, 0))
            else:
                file.pending.append(step)
        for fate in chosen(number):
            chance = random.Random(f"{seed} {number} {fate}")
            after = {Path(path).name: each.after(fate, chance) for path, each in files.items()}
            yield Cut(number, fate, after, tuple(answered))
