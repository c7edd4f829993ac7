"""The wheels of a package: the project's own, and of the pinned set what its program needs.

What a program needs follows from what it imports; there is no second list to keep.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Set
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

PROGRAM_PACKAGES: Final = ("edge_agent", "hq_server")
LEFT_OUT: Final = {"pip"}
"""Required by sqlite-utils for a command of its own that nobody runs here."""
_PINNED: Final = re.compile(r"(?m)^(?P<name>[\w.-]+)==\S+ \\\n(?:    --hash=\S+(?: \\)?\n?)+")
_PIP: Final = [
    sys.executable,
    "-m",
    "pip",
    "--isolated",
    "--disable-pip-version-check",
    "--no-input",
    "--quiet",
]


class CannotBuild(Exception):
    """One sentence: what is missing and what to do."""


def needed(root: Path, program: str) -> set[str]:
    """Return the names of all distributions that one program's package needs, and what those need in turn.

    A requirement of the project is needed unless the other program alone imports it.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    required = {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}
    (other,) = set(PROGRAM_PACKAGES) - {program}
    own = {program, "loyalty_core", "loyalty_shell"}
    elsewhere = imported(root / other).difference(*(imported(root / each) for each in own))
    return closure(required - elsewhere) - LEFT_OUT


@functools.cache
def imported(package: Path) -> frozenset[str]:
    """Return the names of the distributions that any file below a folder imports."""
    modules = {
        module.partition(".")[0]
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for module in _modules(node)
    }
    providers = metadata.packages_distributions()
    return frozenset(canonicalize_name(name) for module in modules for name in providers.get(module, ()))


def closure(names: Iterable[str]) -> set[str]:
    """Return these distributions and all that they require on this Python."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.add(canonicalize_name(requirement.name))
        waiting -= found
    return found


def own_wheel(root: Path, folder: Path, environment: Mapping[str, str]) -> Path:
    """Build the project's wheel into a folder and return it."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(build, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"the project's wheel cannot be built: {_last_line(done.stderr)}")
    (wheel,) = folder.glob("dangol-*.whl")
    return wheel


def pinned_wheels(root: Path, names: Set[str], folder: Path) -> dict[str, Path]:
    """Return a wheel of each of these distributions by its name, as pinned and with its hash checked.

    They are kept in `folder`: what is there already is not fetched again.

    Raises:
        CannotBuild: one is not pinned, or no package index has it for this machine.
    """
    pins = {
        match["name"]: match[0] for match in _PINNED.finditer((root / "constraints.txt").read_text("utf-8"))
    }
    if strangers := names - pins.keys():
        raise CannotBuild(f"constraints.txt does not pin {', '.join(sorted(strangers))}: run ./dev lock")
    wanted = {name: pins[name] for name in sorted(names)}
    if missing := names - _kept(folder, wanted).keys():
        _download(folder, [pin for name, pin in wanted.items() if name in missing])
    return _kept(folder, wanted)


def _kept(folder: Path, pins: Mapping[str, str]) -> dict[str, Path]:
    """Return the wheels of a folder that are what is pinned, by name."""
    found = {}
    for file in folder.glob("*.whl"):
        name, *_ = parse_wheel_filename(file.name)
        if f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" in pins.get(name, ""):
            found[str(name)] = file
    return found


def _download(folder: Path, pins: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "wanted.txt"
    wanted.write_text("".join(pin.rstrip("\\\n") + "\n" for pin in pins), "utf-8")
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(folder)]
    download = [*_PIP, "download", *options, "--requirement", str(wanted)]
    done = subprocess.run(download, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotBuild(f"the pinned wheels cannot be had: {_last_line(done.stderr)}")


def _modules(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
    return []


def _last_line(told: str) -> str:
    lines = [line for line in told.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "nothing was said"
