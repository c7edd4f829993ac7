"""Style sheets, modules and pictures of pages, at addresses that change with what is in them."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from loyalty_shell.pages.headers import SAFE

FOR_EVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class StaticFile(msgspec.Struct, frozen=True):
    """One file as it is sent."""

    body: bytes
    headers: Mapping[str, str]


class Static:
    """The files of some folders, read once; names are unique among them."""

    def __init__(self, prefix: str, folders: Sequence[Path]) -> None:
        self._files: dict[str, StaticFile] = {}
        self._addresses: dict[str, str] = {}
        for path in sorted(path for folder in folders for path in folder.iterdir() if path.is_file()):
            body = path.read_bytes()
            kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            spelled = f"{hashlib.sha256(body).hexdigest()[:12]}/{path.name}"
            charset = "; charset=utf-8" if kind.startswith("text/") else ""
            headers = {**SAFE, "Content-Type": kind + charset, "Cache-Control": FOR_EVER}
            self._files[spelled] = StaticFile(body, headers)
            self._addresses[path.name] = f"{prefix}/{spelled}"

    def address(self, name: str) -> str:
        """Return where a file is asked for.

        Raises:
            KeyError: there is none of this name.
        """
        return self._addresses[name]

    def file(self, spelled: str) -> StaticFile | None:
        """Return the file at an address, without its prefix; None where there is none."""
        return self._files.get(spelled)
