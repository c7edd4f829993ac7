"""What a real program asked of the disk, in order, as strace saw it, and what it answered meanwhile.

A write counts from when it was begun, a sync from when it has returned, an answer from when it was begun: so
that of what may have happened at a cut only the worse is taken for granted.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pytest

from tests.debian_parts import part
from tests.house_sources import ROOT

SECONDS: Final = 120
CALLS: Final = "trace=pwrite64,write,ftruncate,fsync,fdatasync,unlink"
Kind = Literal["write", "truncate", "sync", "unlink", "answer"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was asked of the disk, or answered: `data` at `offset` of `file`, or the answer."""

    kind: Kind
    file: str = ""
    offset: int = 0
    data: bytes = b""


def record(log: Path, module: str, *words: str | Path) -> list[Step]:
    """Run a module of ours to its end, and return what it asked of the disk and answered on standard output.

    Skips the test where the kernel lets nobody trace.
    """
    traced = [part("strace"), "-f", "-y", "-xx", "-s", "1000000", "-o", str(log), "-e", CALLS]
    command = [*traced, sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)
    if "ptrace" in done.stderr:
        pytest.skip("the kernel lets nobody trace a process here")
    assert done.returncode == 0, done.stderr
    return list(_steps(log))


_LINE: Final = re.compile(r"\d+ +(?:<\.\.\. )?(\w+)(?: resumed>.*|\((.*))$")


def _steps(log: Path) -> Iterator[Step]:
    waiting: dict[str, Step] = {}
    with log.open() as lines:
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            thread, (call, said) = line.split(maxsplit=1)[0], found.groups()
            if said is None:
                if (step := waiting.pop(thread, None)) is not None:
                    yield step
                continue
            step = _step(call, said)
            if step is None or re.search(r"= -1 E\w+ \(", said):
                continue
            if step.kind == "sync" and said.endswith("<unfinished ...>"):
                waiting[thread] = step
            else:
                yield step


def _step(call: str, said: str) -> Step | None:
    if call == "unlink":
        return Step("unlink", _text(said).decode())
    number, _, file = said.partition(">")[0].partition("<")
    file = _plain(file)
    if call == "write":
        return Step("answer", data=_text(said)) if number == "1" else None
    if call == "pwrite64":
        return Step(
            "write", file, int(said.rpartition(")")[0].rpartition(",")[2] or _last(said)), _text(said)
        )
    if call == "ftruncate":
        return Step("truncate", file, _last(said))
    return Step("sync", file)


def _last(said: str) -> int:
    """Return the last argument of a call."""
    found = re.findall(r", (\d+)(?:\)| <unfinished)", said)
    return int(found[-1])


def _text(said: str) -> bytes:
    """Return the one string among the arguments of a call."""
    return bytes.fromhex(said.partition('"')[2].partition('"')[0].replace("\\x", ""))


def _plain(path: str) -> str:
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path
