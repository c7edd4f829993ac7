"""`make deb`: both Debian packages of this checkout, `dist/dangol-edge_*.deb` and `dist/dangol-hq_*.deb`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Final

import click

from deb.tree import EDGE, HQ, Release, pack, stage
from deb.wheels import CannotBuild, needed, own_wheel, pinned_wheels

ROOT: Final = Path(__file__).resolve().parents[1]
PYTHON: Final = (3, 11)


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), default=ROOT / "dist", help="Where to (default dist)."
)
def main(out: Path) -> None:
    """Build dangol-edge and dangol-hq for Debian 12 and this machine's architecture."""
    try:
        for file in build(out):
            click.echo(file)
    except CannotBuild as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def build(out: Path) -> list[Path]:
    """Return the two packages, made in `out`. Their files' time is SOURCE_DATE_EPOCH, or the commit's.

    Raises:
        CannotBuild: in one sentence.
    """
    if sys.version_info[:2] != PYTHON:
        raise CannotBuild(
            "Debian 12 runs Python 3.11, and wheels are picked for the Python that builds: use it"
        )
    release = Release(
        version=tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"],
        architecture=_told("dpkg", "--print-architecture"),
        epoch=int(
            os.environ.get("SOURCE_DATE_EPOCH") or _told("git", "-C", str(ROOT), "log", "-1", "--format=%ct")
        ),
    )
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(release.epoch)}
    out.mkdir(parents=True, exist_ok=True)
    names = {package: needed(ROOT, package.module) for package in (EDGE, HQ)}
    wheels = pinned_wheels(ROOT, names[EDGE] | names[HQ], ROOT / "build/wheels")
    made = []
    with tempfile.TemporaryDirectory(prefix="dangol-deb-") as temporary:
        own = own_wheel(ROOT, Path(temporary), environment)
        for package in (EDGE, HQ):
            tree = Path(temporary, package.name)
            file = out / f"{package.name}_{release.version}_{release.architecture}.deb"
            carried = [own, *(wheels[name] for name in sorted(names[package]))]
            stage(package, release, ROOT, tree, carried)
            pack(tree, file, environment)
            made.append(file)
    return made


def _told(*words: str) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotBuild(f"`{' '.join(words)}` does not answer: {error}") from None


if __name__ == "__main__":
    main()
