"""A package's files as they will lie on the machine, and the .deb of them.

Every mode, owner and time is set here, so that the same commit gives the same bytes whoever builds it.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import textwrap
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Final

from deb.wheels import CannotBuild

FILES: Final = Path(__file__).with_name("files")
SCRIPTS: Final = ("postinst", "prerm", "postrm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What differs between the two packages. Its name is also its user's and its first unit's."""

    name: str
    program: str
    module: str
    settings: str
    units: tuple[str, ...]
    """Units of systemd/ that are enabled and started; the others of this package are only there."""
    at_will: tuple[str, ...] = ()
    """Units that somebody enables who needs them."""
    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What both packages share."""

    version: str
    architecture: str
    epoch: int
    """The time of all files, in seconds."""


EDGE: Final = Package(
    name="dangol-edge",
    program="edge-agent",
    module="edge_agent",
    settings="edge.toml",
    units=("dangol-edge.service",),
    at_will=("dangol-printer.service",),
    title="loyalty points on a till that must keep working offline",
    description="Dangol records visits and purchases on a till, answers with points at once, and hands signed"
    " batches to headquarters when the line is there.",
)
HQ: Final = Package(
    name="dangol-hq",
    program="hq-server",
    module="hq_server",
    settings="hq.toml",
    units=("dangol-hq.service", "dangol-hq-backup.timer"),
    title="headquarters of the Dangol loyalty system",
    description="Dangol's headquarters takes what tills recorded, keeps the one ledger of points, and decides"
    " tiers.",
)


def stage(package: Package, release: Release, root: Path, tree: Path, wheels: Iterable[Path]) -> None:
    """Lay out one package in an empty folder: its files, and `DEBIAN` with what dpkg is told."""

    def filled(name: str) -> bytes:
        return _filled(name, package, release)

    for wheel in wheels:
        _put(tree / "usr/share" / package.name / "wheels" / wheel.name, wheel.read_bytes())
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin" / package.program).symlink_to(f"../lib/{package.name}/venv/bin/{package.program}")
    _put(tree / "etc/dangol" / package.settings, filled(package.settings))
    _put(tree / "usr/share/lintian/overrides" / package.name, filled("lintian-overrides"))
    units = {
        *(root / "systemd").glob(f"{package.name}*.*"),
        *(root / "systemd" / one for one in package.at_will),
    }
    for unit in sorted(units):
        _put(tree / "lib/systemd/system" / unit.name, unit.read_bytes())
    for folder in ("sysusers.d", "tmpfiles.d"):
        file = f"{package.name}.conf"
        _put(tree / "usr/lib" / folder / file, (root / "systemd" / folder / file).read_bytes())
    doc = tree / "usr/share/doc" / package.name
    _put(doc / "copyright", filled("copyright"))
    _put(doc / "changelog.gz", _gzipped(filled("changelog")))
    _put(doc / "CHANGELOG.md.gz", _gzipped((root / "CHANGELOG.md").read_bytes()))
    _put(tree / "DEBIAN/control", filled("control").replace(b"@KIBIBYTES@", str(_kibibytes(tree)).encode()))
    for script in SCRIPTS:
        _put(tree / "DEBIAN" / script, filled(script), mode=0o755)
    _list_files(tree)


def pack(tree: Path, file: Path, environment: Mapping[str, str]) -> None:
    """Make a .deb of a staged folder. `SOURCE_DATE_EPOCH` of the environment is its files' time.

    Raises:
        CannotBuild: dpkg-deb is not there, or refuses.
    """
    if shutil.which("dpkg-deb") is None:
        raise CannotBuild("dpkg-deb is not there: packages are built on Debian")
    for folder in [tree, *(path for path in tree.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)
    # Nearly all of it is wheels, which are compressed already.
    how = ["--root-owner-group", "-Zgzip", "-z1"]
    done = subprocess.run(
        ["dpkg-deb", *how, "--build", str(tree), str(file)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotBuild(f"dpkg-deb refuses: {done.stderr.strip()}")


def _list_files(tree: Path) -> None:
    """Write which files are settings, and the sums of all others."""
    files = [path for path in _files(tree) if path.parts[0] != "DEBIAN"]
    settings = [path for path in files if path.parts[0] == "etc"]
    sums = [
        f"{hashlib.md5((tree / path).read_bytes(), usedforsecurity=False).hexdigest()}  {path}\n"
        for path in files
        if path not in settings
    ]
    _put(tree / "DEBIAN/conffiles", "".join(f"/{path}\n" for path in settings).encode())
    _put(tree / "DEBIAN/md5sums", "".join(sums).encode())


def _kibibytes(tree: Path) -> int:
    """Return what the package takes on disk, with what its postinst unpacks from the wheels."""
    sizes = [(tree / path).stat().st_size for path in _files(tree)]
    for wheel in tree.rglob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            sizes += [each.file_size for each in archive.infolist()]
    return sum(-(-size // 1024) for size in sizes)


def _files(tree: Path) -> list[Path]:
    return sorted(path.relative_to(tree) for path in tree.rglob("*") if path.is_file())


def _filled(name: str, package: Package, release: Release) -> bytes:
    text = (FILES / name).read_text("utf-8")
    values = {
        "PACKAGE": package.name,
        "PROGRAM": package.program,
        "SETTINGS": package.settings,
        "UNITS": " ".join(package.units),
        "AT_WILL": " ".join(package.at_will),
        "ALL_UNITS": " ".join(package.units + package.at_will),
        "TITLE": package.title,
        "DESCRIPTION": "\n ".join(textwrap.wrap(package.description, width=75)),
        "VERSION": release.version,
        "ARCHITECTURE": release.architecture,
        "DATE": formatdate(release.epoch),
    }
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text.encode()


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _put(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
