"""What a disk may hold after the power went: all that was synced, and any sectors of the rest, or parts.

Names are changed in their order within a folder, as file systems with a journal do, but none is there for
certain before the folder was synced.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from tests.e2e.power.recording import Step, record

SECTOR: Final = 512
Fate = Literal["lost", "kept", "any", "torn"]
FATES: Final[tuple[Fate, ...]] = ("lost", "kept", "any", "torn")
"""Of what was not synced nothing came to the disk, all of it, any sectors, or any and one write in parts."""
Ignored = Callable[[Step], bool]


@dataclass(eq=False)
class _File:
    """What of a file is certainly on the disk, and what was written since."""

    synced: bytes = b""
    pending: list[Step] = field(default_factory=list)
    place: int = 0

    def sync(self) -> None:
        self.synced, self.pending = self.after("kept", random.Random()), []

    def write(self, step: Step, data: bytes, at: int | None) -> None:
        start = self.place if at is None else at
        self.pending.append(Step("write", step.file, start, data))
        self.place = start + len(data)

    def after(self, fate: Fate, chance: random.Random) -> bytes:
        """Return the file as it may be after a cut."""
        data, likely = bytearray(self.synced), chance.choice((0.1, 0.5, 0.9))
        kept = {"lost": 0.0, "kept": 1.0}.get(fate, likely)
        torn = chance.randrange(len(self.pending)) if fate == "torn" and self.pending else None
        for number, step in enumerate(self.pending):
            assert step.offset is not None
            if step.kind == "truncate":
                if chance.random() < kept:
                    del data[step.offset :]
                    data += bytes(step.offset - len(data))
                continue
            for start, piece in _sectors(step.offset, step.data):
                if number == torn:
                    _put(data, start, piece[: chance.randrange(len(piece))])
                elif chance.random() < kept:
                    _put(data, start, piece)
        return bytes(data)


def _sectors(start: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    first, end = start, start + len(data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield start, data[start - first : stop - first]
        start = stop


def _put(data: bytearray, start: int, piece: bytes) -> None:
    data += bytes(max(0, start - len(data)))
    data[start : start + len(piece)] = piece


_Names = dict[str, _File]
_Change = dict[str, _File | None]
"""Names that come to stand for a file, or None for nothing, all at once."""


class _Disk:
    """The files below a folder: by what names they are known, and by which certainly after a cut."""

    def __init__(self, root: Path, begin: dict[Path, bytes]) -> None:
        self._root = f"{root}/"
        self._names: _Names = {str(path): _File(data) for path, data in begin.items()}
        self._certain = dict(self._names)
        self._waiting: dict[str, list[_Change]] = {}

    def do(self, step: Step) -> None:
        """Take one step; what is not below the folder, or is SQLite's shared memory, is no matter."""
        if not step.file.startswith(self._root) or step.file.endswith("-shm"):
            if step.file == self._root[:-1] and step.kind == "sync":
                self._sync_names(step.file)
            return
        file = self._names.get(step.file)
        match step.kind:
            case "open":
                if file is None:
                    file = _File()
                    self._name({step.file: file})
                elif step.count:
                    file.pending.append(Step("truncate", step.file, 0))
                file.place = 0
            case "link":
                self._name({step.other: self._names[step.file]})
            case "rename":
                self._name({step.file: None, step.other: self._names[step.file]})
            case "unlink":
                self._name({step.file: None})
            case "sync" if file is None:
                self._sync_names(step.file)
            case _ if file is not None:
                self._write(file, step)

    def after(self, fate: Fate, chance: random.Random) -> dict[str, bytes]:
        """Return name below the folder -> bytes, as it may be after a cut."""
        names: dict[str, _File | None] = dict(self._certain)
        for waiting in self._waiting.values():
            count = {"lost": 0, "kept": len(waiting)}.get(fate, chance.randint(0, len(waiting)))
            for change in waiting[:count]:
                names |= change
        held = {name: file for name, file in names.items() if file is not None}
        data = {id(file): file.after(fate, chance) for file in held.values()}
        return {name.removeprefix(self._root): data[id(file)] for name, file in held.items()}

    def _write(self, file: _File, step: Step) -> None:
        if step.kind == "sync":
            file.sync()
        elif step.kind == "truncate":
            file.pending.append(step)
        elif step.kind == "copy":
            assert step.offset is not None
            source = self._names[step.other].after("kept", random.Random())
            file.write(step, source[step.offset : step.offset + step.count], None)
        else:
            file.write(step, step.data, step.offset)

    def _name(self, change: _Change) -> None:
        (folder,) = {str(Path(name).parent) for name in change}
        self._waiting.setdefault(folder, []).append(change)
        for name, file in change.items():
            if file is None:
                self._names.pop(name, None)
            else:
                self._names[name] = file

    def _sync_names(self, folder: str) -> None:
        for change in self._waiting.pop(folder, []):
            for name, file in change.items():
                if file is None:
                    self._certain.pop(name, None)
                else:
                    self._certain[name] = file


@dataclass(frozen=True)
class Cut:
    """The disk after a cut behind so many steps: name below the folder -> bytes; what was answered by then.

    `asked` tells whether headquarters may have got a request.
    """

    after: int
    fate: Fate
    files: dict[str, bytes]
    answered: tuple[str, ...]
    asked: bool

    @cached_property
    def digest(self) -> bytes:
        """Say in short what lies on the disk."""
        said = repr(sorted((name, hashlib.sha256(data).digest()) for name, data in self.files.items()))
        return hashlib.sha256(said.encode()).digest()

    def lay_out(self, folder: Path) -> None:
        """Make a folder hold these files and no others, and none that a program has open."""
        for path in folder.rglob("*"):
            if path.is_file():
                path.unlink()
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(data)


@dataclass(frozen=True)
class Day:
    """What lay below a folder before, and what a program that worked there asked of the disk."""

    root: Path
    begin: dict[Path, bytes]
    steps: list[Step]

    def cuts(
        self,
        chosen: Callable[[int], Iterable[Fate]],
        seed: int,
        ignored: Ignored = lambda _: False,
    ) -> Iterator[Cut]:
        """Yield what may lie there after a cut behind each step, for the fates `chosen` for it.

        Steps that are `ignored` did nothing.
        """
        disk = _Disk(self.root, self.begin)
        answered: list[str] = []
        asked = False
        for number, step in enumerate(self.steps, start=1):
            if step.kind == "answer":
                answered += step.data.decode().splitlines()
            elif step.kind == "ask":
                asked = True
            elif not ignored(step):
                disk.do(step)
            for fate in chosen(number):
                chance = random.Random(f"{seed} {number} {fate}")
                yield Cut(number, fate, disk.after(fate, chance), tuple(answered), asked)


def recorded(root: Path, module: str, *words: str | Path) -> Day:
    """Run a module to its end, and return what it asked of the disk below a folder."""
    begin = {
        path: path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.name.endswith("-shm")
    }
    with tempfile.TemporaryDirectory() as folder:
        return Day(root, begin, record(Path(folder) / "calls", module, *words))
