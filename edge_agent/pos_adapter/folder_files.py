"""The files that lie in a watched folder: which are receipts', how one is opened, where it goes when taken.

The folder belongs to the till's software: anything may stand there, and be another thing a moment later.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from edge_agent.config import Folder
from edge_agent.pos_adapter.rows import shown
from loyalty_core.errors import BadInput

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BUFFER: Final = 64 * 1024


class State(NamedTuple):
    """How a file stands: it is another one when either changes."""

    size: int
    mtime_ns: int


class Lying(NamedTuple):
    """A file that lies there."""

    path: Path
    state: State


class Looked(NamedTuple):
    """What lies in a folder: what is to be taken, what was taken and still lies there, if there is more.

    So many may be files and are `hidden`: the system does not say what they are.
    """

    new: dict[str, Lying]
    taken: dict[str, Lying]
    more: bool
    hidden: int


def path_of(folder: Folder) -> Path:
    """Return the folder's path.

    Raises:
        BadInput: `folder_missing`.
    """
    if not folder.path.is_dir():
        raise BadInput(
            f"the watched folder {folder.path} is not there: make it, or correct folder.path",
            code="folder_missing",
        )
    return folder.path


def look(folder: Folder, endings: Collection[str], taken: Mapping[str, tuple[int, int]]) -> Looked:
    """Return the receipt files of a folder by their names as they are shown; `taken` tells which are known.

    Raises:
        OSError: the folder cannot be read.
    """
    new: dict[str, Lying] = {}
    there: dict[str, Lying] = {}
    hidden = 0
    with os.scandir(folder.path) as entries:
        for entry in entries:
            if Path(entry.name).suffix.lower() not in endings or entry.name.startswith((".", "~")):
                continue
            try:
                about = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError:
                hidden += 1
                continue
            if not (stat.S_ISREG(about.st_mode) or stat.S_ISLNK(about.st_mode)):
                continue
            name, lying = shown(entry.name), Lying(Path(entry.path), _state(about))
            if taken.get(name) == lying.state:
                there[name] = lying
            elif len(new) < folder.files_max:
                new[name] = lying
            else:
                return Looked(new, there, more=True, hidden=hidden)
    return Looked(new, there, more=False, hidden=hidden)


def open_to_read(name: str, lying: Lying, bytes_max: int) -> BinaryIO:
    """Return a regular file as a stream, following no link.

    Raises:
        BadInput: `file_too_large`, `file_is_link`: it will never be read as it is.
        OSError: it cannot be read now, or is another one already.
    """
    path, state = lying
    if state.size > bytes_max:
        raise BadInput(
            f"{name} has {state.size} bytes, more than the {bytes_max} that are taken: split it, or set "
            "folder.file_bytes_max",
            code="file_too_large",
        )
    if path.is_symlink():
        raise BadInput(
            f"{name} is a link, and only files in the folder itself are read: put the file there",
            code="file_is_link",
        )
    # What was a regular file a moment ago may be a link or a pipe now.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    file = io.BufferedReader(_Settled(fd, state.size), BUFFER)
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode) or _state(about) != state:
        file.close()
        raise FileNotFoundError(f"{name} is another file already")
    return file


class _Settled(io.FileIO):
    """A file as long as it was when it had settled: what comes behind that may be half a row yet."""

    def __init__(self, fd: int, size: int) -> None:
        super().__init__(fd, "rb")
        self._size = size

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return super().readinto(memoryview(buffer)[: self._left])

    def readall(self) -> bytes:
        return b"".join(iter(lambda: super(_Settled, self).read(self._left), b""))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            return super().seek(self._size + offset)
        return super().seek(offset, whence)

    @property
    def _left(self) -> int:
        return max(0, self._size - self.tell())


class Reading:
    """A file that is opened in a thread. Leaving the context closes it, also where it is opened only then."""

    def __init__(self, name: str, lying: Lying, bytes_max: int) -> None:
        self._wanted = (name, lying, bytes_max)
        self._lock = threading.Lock()
        self._is_over = False
        self._file: BinaryIO | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_over = True
            if self._file is not None:
                self._file.close()

    def open(self) -> BinaryIO:
        """Return the file, as `open_to_read` does."""
        file = open_to_read(*self._wanted)
        with self._lock:
            self._file = file
            if self._is_over:
                file.close()
        return file


def is_as_it_was(file: BinaryIO, state: State) -> bool:
    """Tell whether an open file has not been changed since."""
    return _state(os.fstat(file.fileno())) == state


def put_away(folder: Folder, lying: Lying) -> None:
    """Move or delete a file that was taken, if it is still the same one.

    Raises:
        OSError: it cannot be moved or deleted.
    """
    path, state = lying
    try:
        if _state(path.lstat()) != state:
            return
    except FileNotFoundError:
        return
    if folder.after == "delete":
        path.unlink(missing_ok=True)
        return
    done = folder.path / folder.done
    done.mkdir(parents=True, exist_ok=True)
    path.rename(_free_name(done / path.name))


def _free_name(path: Path) -> Path:
    """Return this path, or one with a number behind its name where it is in use."""
    number, free = 1, path
    while os.path.lexists(free):
        number, free = number + 1, path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def _state(about: os.stat_result) -> State:
    # A share's clock may stand beyond 2262, which no column holds.
    return State(about.st_size, about.st_mtime_ns % 2**63)
