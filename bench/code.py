"""Which code is measured: this checkout as it stands, and beside it another revision, unpacked elsewhere."""

from __future__ import annotations

import compileall
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.figures import BEFORE, NOW

ROOT: Final = Path(__file__).resolve().parent.parent
PROGRAMS: Final = ("loyalty_core", "loyalty_shell", "edge_agent", "hq_server")


@dataclass(frozen=True, slots=True)
class Code:
    """The programs of one revision; both run with the packages of the environment that runs the bench."""

    name: str
    root: Path

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that is to run this code."""
        return {**os.environ, "PYTHONPATH": str(self.root)}


def this_code() -> Code:
    """Return this checkout, with whatever in it is not committed."""
    return _compiled(Code(NOW, ROOT))


def code_of(revision: str, folder: Path) -> Code:
    """Unpack a revision into `folder` and return it.

    Raises:
        ValueError: this is no checkout, or it has no such revision.
    """
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", "--format=tar", revision], capture_output=True, check=False
    )
    if packed.returncode:
        told = packed.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(f"{revision} cannot be measured: {told[-1] if told else 'git says nothing'}")
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return _compiled(Code(BEFORE, folder))


def _compiled(code: Code) -> Code:
    """Return the code with its bytecode beside it, as an installer leaves it: no start is to compile."""
    for program in PROGRAMS:
        if (code.root / program).is_dir():
            compileall.compile_dir(code.root / program, quiet=1)
    return code


def described(revision: str = "") -> str:
    """Return a short name of a revision, or of this checkout and whether it was changed since."""
    words = ["rev-parse", "--short", revision] if revision else ["describe", "--always", "--dirty=+changes"]
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
