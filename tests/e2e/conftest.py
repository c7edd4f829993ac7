"""What tests share and is made once: a headquarters to copy, the packages, a Debian to install them on."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.debian_parts import part
from tests.e2e.debian_machine import disk, make_root
from tests.e2e.packaged import NEW, OLD, Packages, build, copy_of_checkout
from tests.e2e.processes import Founded, found
from tests.e2e.test_two_processes import MEMBERS, PROGRAMME
from tests.house_sources import ROOT


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """A headquarters with a few members, which tests copy."""
    return asyncio.run(found(tmp_path_factory.mktemp("founded"), PROGRAMME, MEMBERS))


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    part("dpkg-deb")
    out = tmp_path_factory.mktemp("packages")
    edge, hq = build(ROOT, out)
    later = copy_of_checkout(tmp_path_factory.mktemp("later"))
    for name in ("pyproject.toml", "edge_agent/version.py", "hq_server/version.py"):
        text = (later / name).read_text("utf-8")
        assert text.count(f'"{OLD}"') == 1
        (later / name).write_text(text.replace(f'"{OLD}"', f'"{NEW}"'), "utf-8")
    return Packages(edge, hq, *build(later, out))


@pytest.fixture(scope="session")
def machines() -> Iterator[Path]:
    """A folder for disks, which are too large to be left."""
    with tempfile.TemporaryDirectory(prefix="dangol-machines-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def debian(packages: Packages, machines: Path) -> Path:
    """A Debian 12 with what both packages depend on, and the packages in /srv."""
    depends = subprocess.run(
        ["dpkg-deb", "--field", packages.edge, "Depends"], capture_output=True, text=True, check=True
    ).stdout
    names = {re.split(r"[ ,]", each.strip())[0] for each in depends.split(",")}
    root = disk(machines, "debian")
    make_root(root, sorted({*names, "apt", "sudo"}))
    (root / "etc/apt/apt.conf.d/90answers").write_text('APT::Get::Assume-Yes "true";\n', "ascii")
    (root / "etc/dpkg/dpkg.cfg.d/90speed").write_text("force-unsafe-io\n", "ascii")
    for file in (packages.edge, packages.hq, packages.newer_edge, packages.newer_hq):
        shutil.copy(file, root / "srv")
    return root
