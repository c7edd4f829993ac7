"""Whether a regular expression may try a line in so many ways that it does not come back.

That is where a part is repeated that itself repeats or chooses, as in `(\\d+,?)*`: a line of a printer's
length can be parted among such repetitions in more ways than there is time for. So it can where nearly
anything may be repeated many times over, as in `.*a.*b.*c.*d`.
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


WIDE_MAX: Final = 3
"""How often nearly anything may be repeated: three part a line of 200 letters in a million ways."""
_WIDE: Final = re.compile(r"\.|\\[SD]|\[\^.*", re.DOTALL)


def is_endless(expression: str) -> bool:
    """Tell whether it repeats a part that repeats or chooses, or nearly anything more than `WIDE_MAX` times.

    It must be one that compiles.
    """
    varies = [False]
    closed, before, wide = False, "", 0
    for part in _PART.finditer(expression):
        if part["open"]:
            varies.append(False)
        elif part["choice"]:
            varies[-1], wide = True, 0
        elif part["repeat"]:
            if closed and _is_many(part):
                return True
            wide += bool(_WIDE.fullmatch(before)) and _is_without_end(part)
            if wide > WIDE_MAX:
                return True
            varies[-1] |= not part["least"] or bool(part["comma"])
        closed, before = False, part[0]
        if part["close"]:
            closed = varies.pop()
            varies[-1] |= closed
    return False


def _is_without_end(part: re.Match[str]) -> bool:
    return part["repeat"][0] in "*+" or (bool(part["comma"]) and not part["most"])


def _is_many(part: re.Match[str]) -> bool:
    if part["repeat"] in {"*", "+"}:
        return True
    most = part["most"] or ("" if part["comma"] else part["least"])
    return part["repeat"] != "?" and (not most or int(most) > 1)
