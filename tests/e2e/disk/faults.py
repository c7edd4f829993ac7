"""Faults of a disk under real processes: system calls that fail by strace, file systems of a test's own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.debian_parts import need_root, part

ATTACH_SECONDS: Final = 30
CALLS: Final = "trace=pwrite64,write,ftruncate,fsync,fdatasync,unlink"
_REFUSED: Final = re.compile(
    "(?i)not permitted|denied|unknown filesystem type|failed to setup loop|no such device"
)
"""The kernel's words, of a container mostly."""


@asynccontextmanager
async def injected(pid: int, log: Path, fault: str, *paths: Path) -> AsyncIterator[None]:
    """Let system calls of a process on some files fail as strace's `inject` says; all of them go to a log.

    Skips the test where the kernel lets nobody trace.
    """
    argv = [part("strace"), "-f", "-y", "-o", str(log), "-e", CALLS, "-e", f"inject={fault}"]
    for path in paths:
        argv += ["-P", str(path)]
    process = await asyncio.create_subprocess_exec(*argv, "-p", str(pid), stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    async with asyncio.timeout(ATTACH_SECONDS):
        said = (await process.stderr.readline()).decode()
        while said and "attached" not in said:
            said = (await process.stderr.readline()).decode() if not _REFUSED.search(said) else ""
    if not said:
        pytest.skip("the kernel lets nobody trace a process here")
    try:
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await process.communicate()


@contextmanager
def mounted(folder: Path, *words: str) -> Iterator[Path]:
    """Mount something on a folder that is made for it. Skips the test where the kernel refuses it."""
    need_root()
    folder.mkdir()
    done = subprocess.run(["mount", *words, folder], capture_output=True, text=True, check=False)
    if done.returncode and _REFUSED.search(done.stderr):
        pytest.skip(f"the kernel mounts nothing here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk in memory that holds so much and no more."""
    with mounted(folder, "-t", "tmpfs", "-o", f"size={size}", "tmpfs") as disk:
        yield disk


@contextmanager
def faulty_disk(folder: Path) -> Iterator[Path]:
    """A disk that the kernel makes read-only at the first fault that it finds: see `find_fault`."""
    image = folder.with_name("disk.img")
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    subprocess.run([part("mkfs.ext4"), "-q", "-F", image], check=True)
    with mounted(folder, "-t", "ext4", "-o", "loop,errors=remount-ro", str(image)) as disk:
        yield disk


def find_fault(disk: Path) -> None:
    """Have the kernel find a fault of a disk. Skips the test where it cannot be told to."""
    words = ["findmnt", "--noheadings", "--output", "SOURCE", str(disk)]
    device = Path(subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()).name
    trigger = Path("/sys/fs/ext4") / device / "trigger_fs_error"
    if not trigger.exists() or not os.access(trigger, os.W_OK):
        pytest.skip("this kernel cannot be told to find a fault")
    trigger.write_text("1")


def calls(log: Path) -> list[tuple[str, str, str]]:
    """Return (call, path, what came of it) of a log, in order."""
    found = re.findall(
        r"^\d+ +(\w+)\((?:\d+<([^>]*)>|\"([^\"]*)\").*\) += (.*)$", log.read_text(), re.MULTILINE
    )
    return [(call, path or name, came) for call, path, name, came in found]
