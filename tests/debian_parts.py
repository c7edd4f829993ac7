"""Programs of Debian that a test drives. `./dev` has the list of them and installs them where it may."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def part(program: str) -> str:
    """Return where a program of Debian is; without it the test is skipped, and fails where CI is set."""
    found = shutil.which(program)
    if found is None:
        _lacking(f"{program} is not installed: `./dev test` installs it where root runs it on Debian")
    return found


def need_root() -> None:
    """Go on as root only: without, the test is skipped, and fails where CI is set."""
    if os.geteuid() != 0:
        _lacking("only root may make a root file system and go into it")


def _lacking(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
