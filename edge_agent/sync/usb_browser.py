"""The road by stick through a browser, which may write where the agent may not: one archive out, files in.

What lies in between is in a folder of its own below `data_dir`, for a moment. Blocking: for a thread.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec.structs import replace

from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.sync.usb import Exported, export
from edge_agent.sync.usb_replies import Imported, import_replies
from loyalty_core.stick import TO_TILL
from loyalty_shell.stick import StickError, as_text
from loyalty_shell.stick_archives import ENDING, pack

UPLOAD_BYTES_MAX: Final = 64 * 1024 * 1024
UPLOADS_MAX: Final = 100
_PREFIX: Final = "stick-"


class Archive(msgspec.Struct, frozen=True):
    """What an export became: its file, how it is called, and what is in it."""

    path: Path
    name: str
    files: tuple[Exported, ...]


@contextmanager
def exported(config: EdgeConfig, clock: Clock) -> Iterator[Archive]:
    """Give one archive of what waits for headquarters; it is gone at the end.

    Raises:
        StoreError: `not_enrolled`, the disk refuses.
        OSError: the disk is full.
    """
    with _folder(config) as folder:
        files = tuple(export(config, clock, folder, dry_run=False))
        stem = files[0].file.split(".")[0] if files else "dangol"
        archive = folder / "archive"
        with archive.open("wb") as into:
            pack(folder, [one.file for one in files], into)
        yield Archive(archive, f"{stem}{ENDING}", files)


def imported(config: EdgeConfig, uploads: Iterable[tuple[str, IO[bytes]]]) -> list[Imported]:
    """Return what became of each file that a browser brought: replies of headquarters, or archives of them.

    Raises:
        StickError: `nothing_to_import`: none is such a file.
        StoreError: the disk refuses.
        OSError: the disk is full.
    """
    names: dict[str, str] = {}
    with _folder(config) as folder:
        for number, (name, file) in enumerate(uploads, start=1):
            if number > UPLOADS_MAX:
                raise StickError(f"more than {UPLOADS_MAX} files at once", code="folder_too_full")
            ending = next((one for one in (TO_TILL, ENDING) if name.lower().endswith(one)), None)
            if ending is not None:
                # The name is whatever somebody called it: here it is one that no archive may hold.
                plain = f"_{number:03}{ending}"
                names[plain] = as_text(name)
                with (folder / plain).open("wb") as into:
                    shutil.copyfileobj(file, into)
        became: list[Imported] = []
        try:
            told = import_replies(config, folder, dry_run=False)
            became.extend(replace(one, file=names.get(one.file, one.file)) for one in told)
        except StickError as error:
            if error.code != "nothing_to_import" or not became:  # why an archive gave nothing is told of it
                raise
        return became


def forget_left(config: EdgeConfig) -> None:
    """Remove what an agent that was killed left; only one runs here."""
    for left in config.data_dir.glob(f"{_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _folder(config: EdgeConfig) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=config.data_dir) as made:
        yield Path(made)
