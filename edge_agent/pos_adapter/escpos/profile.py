"""How the papers of a till are read: patterns by name, in TOML, of one's own or ready (`ko`, `en`).

A pattern is a regular expression that is looked for in a line, without regard to case; what it finds is in
its groups. A profile that `extends` another one takes over what it does not say itself.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_agent.pos_adapter.escpos.expressions import is_endless
from edge_agent.pos_adapter.escpos.paper import Printer
from loyalty_core.errors import BadInput

READY: Final = ("ko", "en", "en-gb")
DEFAULT: Final = "ko"
EXTENDS_MAX: Final = 5

Patterns = tuple[re.Pattern[str], ...]


class Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A profile as it is written: each pattern a list of expressions, the likeliest first.

    `title_lines` is how many lines from the top may say what kind of paper it is.
    """

    extends: str = ""
    multibyte: str | None = None
    is_multibyte_at_first: bool | None = None
    dots_per_column: int | None = None
    code_pages: dict[str, str] = {}
    title_lines: int | None = None
    stores: dict[str, str] | None = None
    patterns: dict[str, list[str]] = {}
    tenders: dict[str, list[str]] = {}


NAMES: Final = (
    *("number", "time", "date", "clock", "printed", "till", "store", "member"),
    *("original", "original_date", "business_date", "training", "unpaid", "approval"),
    *("ignore", "report", "refund", "void", "reprint", "skip", "total", "tax", "change", "received"),
    *("columns", "item", "priced", "z_report", "z_date", "z_count", "z_net"),
)
"""What patterns a profile may have."""
_GROUPS: Final[Mapping[str, frozenset[str]]] = {
    **{
        name: frozenset({"value"})
        for name in (
            *("number", "till", "store", "member", "original", "total", "tax", "change", "received"),
            *("z_count", "z_net"),
        )
    },
    **{
        name: frozenset({"year", "month", "day"})
        for name in ("date", "original_date", "business_date", "z_date")
    },
    "time": frozenset({"year", "month", "day", "hour", "minute"}),
    "clock": frozenset({"hour", "minute"}),
    "item": frozenset({"name", "net"}),
    "priced": frozenset({"net"}),
}
"""The groups that a pattern must have."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile, ready to read with."""

    name: str
    printer: Printer
    title_lines: int
    stores: Mapping[str, str]
    patterns: Mapping[str, Patterns]
    tenders: Mapping[str, Patterns]

    def of(self, name: str) -> Patterns:
        """Return the patterns of a name, the likeliest first."""
        return self.patterns.get(name, ())

    def found(self, name: str, line: str) -> re.Match[str] | None:
        """Return what the first pattern of a name that fits finds in a line."""
        return first(self.of(name), line)


def first(patterns: Sequence[re.Pattern[str]], line: str) -> re.Match[str] | None:
    """Return what the first pattern that fits finds in a line."""
    for pattern in patterns:
        if found := pattern.search(line):
            return found
    return None


def profile(name: str, base: Path | None = None) -> Profile:
    """Return a ready profile by its name, or one of a file (`.toml`), relative to `base`.

    Raises:
        BadInput: `profile_unknown`, `profile_invalid`.
    """
    return _made(name, str(base or Path()))


@lru_cache(maxsize=16)
def _made(name: str, base: str) -> Profile:
    texts = list(_chain(name, Path(base)))
    patterns: dict[str, Patterns] = {}
    tenders: dict[str, Patterns] = {}
    for where, text in reversed(texts):
        for kind, written in text.patterns.items():
            if kind not in NAMES:
                raise _invalid(where, f"patterns.{kind} is none of {', '.join(NAMES)}")
            patterns[kind] = _compiled(where, f"patterns.{kind}", written, _GROUPS.get(kind, frozenset()))
        for tender, written in text.tenders.items():
            tenders[tender] = _compiled(where, f"tenders.{tender}", written, frozenset({"value"}))
    where = texts[0][0]

    def said(field: str, otherwise: Any) -> Any:
        return next((found for _, text in texts if (found := getattr(text, field)) is not None), otherwise)

    plain = Printer()
    printer = Printer(
        multibyte=said("multibyte", plain.multibyte),
        is_multibyte_at_first=said("is_multibyte_at_first", plain.is_multibyte_at_first),
        dots_per_column=said("dots_per_column", plain.dots_per_column),
        code_pages={
            page: codec for _, text in reversed(texts) for page, codec in _pages(where, text).items()
        },
    )
    _check_codec(where, "multibyte", printer.multibyte)
    if not 1 <= printer.dots_per_column <= 100:
        raise _invalid(where, "dots_per_column must be from 1 to 100")
    return Profile(
        name=name,
        printer=printer,
        title_lines=said("title_lines", 6),
        stores=said("stores", {}),
        patterns=patterns,
        tenders=tenders,
    )


def _chain(name: str, base: Path) -> Iterator[tuple[str, Text]]:
    """Yield a profile and those that it extends, each with where it is written."""
    for _ in range(EXTENDS_MAX):
        where, written, base = _written(name, base)
        try:
            text = msgspec.convert(tomllib.loads(written), Text)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise _invalid(where, str(error)) from None
        yield where, text
        if not text.extends:
            return
        name = text.extends
    raise _invalid(name, f"more than {EXTENDS_MAX} profiles extend one another")


def _written(name: str, base: Path) -> tuple[str, str, Path]:
    """Return where a profile is, its text, and the folder to which names in it are relative."""
    if name in READY:
        return (
            name,
            resources.files(__package__).joinpath("profiles", f"{name}.toml").read_text("utf-8"),
            base,
        )
    path = base / name
    if path.suffix != ".toml":
        raise BadInput(
            f'there is no profile "{name}": name a file that ends in .toml, or one of {", ".join(READY)}',
            code="profile_unknown",
        )
    try:
        return str(path), path.read_text("utf-8"), path.parent
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the profile {path} cannot be read ({type(error).__name__}): correct its name or its rights",
            code="profile_unknown",
        ) from None


def _compiled(where: str, field: str, written: list[str], groups: frozenset[str]) -> Patterns:
    found = []
    for place, text in enumerate(written, start=1):
        try:
            pattern = re.compile(text, re.IGNORECASE)
        except re.error as error:
            raise _invalid(where, f"{field}, expression {place}: {error}") from None
        if is_endless(text):
            raise _invalid(
                where,
                f"{field}, expression {place}: it repeats a part that repeats or chooses inside, or has "
                "more than three .* in it, and might never end: repeat one set of letters, such as [\\d,]+",
            )
        if missing := groups - pattern.groupindex.keys():
            wanted = ", ".join(f"(?P<{group}>...)" for group in sorted(missing))
            raise _invalid(where, f"{field}, expression {place}: it needs {wanted}")
        found.append(pattern)
    return tuple(found)


def _pages(where: str, text: Text) -> dict[int, str]:
    pages = {}
    for number, codec in text.code_pages.items():
        if not number.isdecimal():
            raise _invalid(where, f'code_pages: "{number}" is no number of a code page')
        _check_codec(where, f"code_pages.{number}", codec)
        pages[int(number)] = codec
    return pages


def _check_codec(where: str, field: str, codec: str) -> None:
    try:
        "".encode(codec or "ascii")
    except LookupError:
        raise _invalid(where, f'{field}: nobody knows the encoding "{codec}"') from None


def _invalid(where: str, what: str) -> BadInput:
    return BadInput(f"the profile {where} is wrong: {what}", code="profile_invalid")
