"""What a command says when the machine fails it, and how a service's refusal comes to the journal."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable
from typing import Final

from loyalty_core.errors import LoyaltyError

_OWNER: Final = ("permission_denied", "this user may not use it: run this as the user who owns it")
_FULL: Final = ("disk_full", "the disk is full: free space and try again")
_OF_SYSTEM: Final = {
    errno.EACCES: _OWNER,
    errno.EPERM: _OWNER,
    errno.EROFS: ("read_only", "it cannot be written: make its disk and folder writable"),
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
}


class Fault(LoyaltyError):
    """The surroundings failed a command."""

    code = "io_failed"


def of_system(error: OSError) -> Fault | None:
    """Return what to tell of an error of the system, None where it says no number or a pipe was closed."""
    if error.errno is None or error.errno == errno.EPIPE:
        return None
    what = error.filename if isinstance(error.filename, str) else "a file of this command"
    code, sentence = _OF_SYSTEM.get(error.errno, ("io_failed", f"it cannot be used ({error.strerror})"))
    return Fault(f"{what}: {sentence}", code=code)


def not_text(words: Iterable[str]) -> str:
    """Return what to tell of words of a command line that are no UTF-8, '' where all are."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            return f"{word!a} is no text in UTF-8: type it so, and give such a file another name"
    return ""


def is_journal() -> bool:
    """Tell whether standard error is the stream of which systemd says that it goes to the journal."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    about = os.fstat(sys.stderr.fileno()) if stream else None
    return about is not None and stream == f"{about.st_dev}:{about.st_ino}"


def was_logged(code: str, sentence: str) -> bool:
    """Log why a service was refused where that goes to the journal; return False where people read it."""
    if not is_journal():
        return False
    from loyalty_shell.logs import log_refusal

    log_refusal(code, sentence)
    return True
