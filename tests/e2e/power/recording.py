"""What a real program asked of the disk, in order, as strace saw it, and what it answered meanwhile.

A write counts from when it was begun, a sync or a change of names from when it has returned, an answer and a
request to headquarters from when it was begun: so that of what may have happened at a cut only the worse is
taken for granted.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pytest

from tests.debian_parts import part
from tests.house_sources import ROOT

SECONDS: Final = 120
Kind = Literal["open", "write", "copy", "truncate", "sync", "link", "rename", "unlink", "answer", "ask"]
_NAMING: Final[Mapping[str, Kind]] = {
    "link": "link",
    "linkat": "link",
    "rename": "rename",
    "renameat": "rename",
    "renameat2": "rename",
    "unlink": "unlink",
    "unlinkat": "unlink",
}
_WRITING: Final = ("O_CREAT", "O_TRUNC", "O_WRONLY", "O_RDWR")
_SYNCS: Final = ("fsync", "fdatasync")
CALLS: Final = ",".join(
    ["trace=openat", "pwrite64", "write", "ftruncate", "sendfile", "sendto", *_SYNCS, *_NAMING]
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was asked of the disk, or of headquarters, or answered.

    `data` at `offset` of `file` (None: where the last write ended), or the answer. A `copy` is of so many
    bytes at `offset` of the file `other`, which is the new name of a file that is linked or renamed.
    """

    kind: Kind
    file: str = ""
    offset: int | None = 0
    data: bytes = b""
    other: str = ""
    count: int = 0


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


_LINE: Final = re.compile(r"\d+ +(?:<\.\.\. )?(\w+)(?: resumed>(.*)|\((.*))$")
_FAILED: Final = re.compile(r"= -1 E\w+ \(")


def _steps(log: Path) -> Iterator[Step]:
    waiting: dict[str, Step] = {}
    with log.open() as lines:
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            thread, (call, ended, said) = line.split(maxsplit=1)[0], found.groups()
            if said is None:
                if (step := waiting.pop(thread, None)) is not None and _FAILED.search(ended) is None:
                    yield step
                continue
            step = _step(call, said)
            if step is None or _FAILED.search(said):
                continue
            if said.endswith("<unfinished ...>") and step.kind not in {"write", "truncate", "answer", "ask"}:
                waiting[thread] = step
            else:
                yield step


def _step(call: str, said: str) -> Step | None:
    if call == "openat":
        if (
            "O_CREAT" not in said
            and "O_TRUNC" not in said
            and "O_WRONLY" not in said
            and "O_RDWR" not in said
        ):
            return None
        return Step("open", _names(said)[0], count=int("O_TRUNC" in said))
    if call in _NAMING:
        return Step(_NAMING[call], *_two(_names(said)))
    if call == "sendto":
        return Step("ask") if _text(said).startswith(b"POST ") else None
    number, _, file = said.partition(">")[0].partition("<")
    file = _plain(file)
    if call == "sendfile":
        return _copy(file, said)
    if call == "write":
        return Step("answer", data=_text(said)) if number == "1" else Step("write", file, None, _text(said))
    if call == "pwrite64":
        return Step(
            "write", file, int(said.rpartition(")")[0].rpartition(",")[2] or _last(said)), _text(said)
        )
    if call == "ftruncate":
        return Step("truncate", file, _last(said))
    return Step("sync", file)


def _copy(file: str, said: str) -> Step:
    source = _plain(said.split("<")[2].partition(">")[0])
    found = re.search(r"\[(\d+)\].*\) += (\d+)$", said)
    assert found is not None, "a copy that two calls tell of is not understood"
    return Step("copy", file, int(found[1]), other=source, count=int(found[2]))


def _last(said: str) -> int:
    """Return the last argument of a call."""
    found = re.findall(r", (\d+)(?:\)| <unfinished)", said)
    return int(found[-1])


def _text(said: str) -> bytes:
    """Return the first string among the arguments of a call."""
    return bytes.fromhex(said.partition('"')[2].partition('"')[0].replace("\\x", ""))


def _names(said: str) -> list[str]:
    """Return the paths among the arguments of a call."""
    found = [bytes.fromhex(text.replace("\\x", "")) for text in re.findall(r'"([^"]*)"', said)]
    return [os.path.normpath(ROOT / os.fsdecode(name)) for name in found]


def _two(names: list[str]) -> tuple[str, int, bytes, str]:
    return names[0], 0, b"", names[1] if len(names) > 1 else ""


def _plain(path: str) -> str:
    return bytes.fromhex(path.replace("\\x", "")).decode() if path.startswith("\\x") else path
