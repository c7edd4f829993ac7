"""Whether a regular expression may try a line in so many ways that it does not come back.

That is where a part is repeated that itself repeats or chooses, as in `(\\d+,?)*`: a line of a printer's
length can be parted among such repetitions in more ways than there is time for.
"""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(
    r"""
      (?P<one>\\. | \[\^?\]?(?:\\.|[^\]\\])*\])                                # a letter, a set of letters
    | (?P<open>\((?:\?(?:P<\w+>|P=\w+|[:=!>]|<[=!]|\#[^)]*|[aiLmsux-]+:?|\(\w+\)))?)
    | (?P<close>\))
    | (?P<choice>\|)
    | (?P<repeat>[*+?]|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\})[?+]?
    | .
    """,
    re.VERBOSE | re.DOTALL,
)


def is_endless(expression: str) -> bool:
    """Tell whether it repeats a part that repeats or chooses. It must be one that compiles."""
    varies = [False]
    closed = False
    for part in _PART.finditer(expression):
        if part["open"]:
            varies.append(False)
        elif part["choice"]:
            varies[-1] = True
        elif part["repeat"]:
            if closed and _is_many(part):
                return True
            varies[-1] |= not part["least"] or bool(part["comma"])
        closed = False
        if part["close"]:
            closed = varies.pop()
            varies[-1] |= closed
    return False


def _is_many(part: re.Match[str]) -> bool:
    if part["repeat"] in {"*", "+"}:
        return True
    most = part["most"] or ("" if part["comma"] else part["least"])
    return part["repeat"] != "?" and (not most or int(most) > 1)
