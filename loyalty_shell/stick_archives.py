"""Archives of files for a stick: what a browser downloads as one, and what somebody puts on a stick unopened.

Anybody may have made an archive. Of what is in it only files with names such as ours are written, each
bounded; what is ours is closed and so does not get smaller by packing, so an archive that grows is refused.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from loyalty_shell.stick import FILES_MAX, StickError, as_text, find_files, write_file

ENDING: Final = ".zip"
ARCHIVE_BYTES_MAX: Final = 256 * 1024 * 1024
GROWS_MAX: Final = 2
"""Above how much what comes out may be than what went in."""
SLACK_BYTES: Final = 1024 * 1024
INDEX_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of an archive's own list of its files, which is in memory whole."""
_END: Final = struct.Struct("<4s4H2LH")
_WIDE: Final = b"PK\x06\x07"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}")
_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED: Final = 1


def pack(folder: Path, names: Iterable[str], into: IO[bytes]) -> None:
    """Write one archive of these files; each is in memory for a moment."""
    with zipfile.ZipFile(into, "w", zipfile.ZIP_STORED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), (folder / name).read_bytes())


def unpack_all(folder: Path, ending: str, bytes_max: int) -> Iterator[tuple[str, StickError]]:
    """Write what the archives in a folder hold that ends so beside them; yield those that cannot be used.

    Doing it again is harmless. One file holds `bytes_max` bytes at most.

    Raises:
        OSError: the stick is full, can only be read, or is gone.
    """
    try:
        names = find_files(folder, ENDING)
    except StickError as error:
        if error.code != "nothing_to_import":
            raise
        return
    for name in names:
        try:
            _unpack(folder, name, ending, bytes_max)
        except StickError as error:
            yield as_text(name), error


def _unpack(folder: Path, name: str, ending: str, bytes_max: int) -> None:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise StickError("it is a link, a folder or a device, and is left alone", code="file_not_regular")
    size = path.stat().st_size
    if size > ARCHIVE_BYTES_MAX:
        raise StickError(f"it is larger than {ARCHIVE_BYTES_MAX:,} bytes", code="file_too_large")
    try:
        _check_index(path)
        with zipfile.ZipFile(path) as archive:
            found = [one for one in archive.infolist() if _is_ours(one, ending)]
            if len(found) > FILES_MAX:
                raise StickError(f"it holds more than {FILES_MAX:,} files", code="folder_too_full")
            left = size * GROWS_MAX + SLACK_BYTES
            for one in found:
                with archive.open(one) as packed:
                    data = packed.read(min(bytes_max, left) + 1)
                if len(data) > min(bytes_max, left):
                    raise StickError("what is in it is larger than any of ours", code="file_too_large")
                left -= len(data)
                write_file(folder, one.filename, data)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError):
        raise StickError("it is damaged, or no archive of ours", code="archive_damaged") from None


def _check_index(path: Path) -> None:
    """Refuse an archive that lists too much, or whose end says less plainly how much.

    Raises:
        StickError: `folder_too_full`, `archive_damaged`.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END.size - 20))
        tail = file.read()
    if len(tail) < _END.size:
        raise zipfile.BadZipFile
    mark, *_, index_bytes, _, comment_bytes = _END.unpack(tail[-_END.size :])
    if mark != b"PK\x05\x06" or comment_bytes:
        raise zipfile.BadZipFile
    if index_bytes > INDEX_BYTES_MAX or tail.startswith(_WIDE):
        raise StickError("it holds more files than any of ours: pack fewer into one", code="folder_too_full")


def _is_ours(one: zipfile.ZipInfo, ending: str) -> bool:
    named = _NAME.fullmatch(one.filename) is not None and one.filename.lower().endswith(ending)
    return named and not one.flag_bits & _ENCRYPTED
