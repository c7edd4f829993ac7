"""What the project stands on: the pinned set, the wheel, `./dev` as the first thing that a newcomer runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.house_sources import ROOT

PACKAGES = ("loyalty_core", "loyalty_shell", "edge_agent", "hq_server")
PINNED = re.compile(r"(?P<name>[a-z0-9-]+)==[\w.]+(?: \\\n    --hash=sha256:[0-9a-f]{64})+")


def pinned_names(constraints: str) -> set[str]:
    """Return the names of a pinned set that holds nothing but comments, names, versions and hashes."""
    text = re.sub(r"(?m)^#.*\n", "", constraints)
    assert PINNED.sub("", text).strip() == ""
    return {match["name"] for match in PINNED.finditer(text)}


def test_every_requirement_is_pinned_with_its_hashes_and_no_address() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    groups = [project["project"]["dependencies"], *extras.values(), project["dependency-groups"]["build"]]
    required = {re.split(r"[><=!~; \[]", each)[0] for group in groups for each in group}
    names = pinned_names((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert required - names == set()


@pytest.mark.parametrize(
    "line",
    ["-i somewhere", "--find-links wheels", "click==8.1", "click @ ./click.whl", "-e ."],
)
def test_a_pinned_set_with_anything_else_in_it_is_refused(line: str) -> None:
    with pytest.raises(AssertionError):
        pinned_names(f"# Pinned.\n{line}\n")


def test_the_wheel_holds_every_file_of_the_three_packages(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == files


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_tells_type_checkers_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("words", [[], ["fly"], ["lint", "fast"]])
def test_dev_answers_a_wrong_command_with_its_usage(words: list[str]) -> None:
    done = subprocess.run([sys.executable, ROOT / "dev", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: ./dev COMMAND" in done.stderr
