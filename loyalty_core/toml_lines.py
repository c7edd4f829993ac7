"""On which line of a TOML text each key stands; `tomllib` does not tell.

The text has been read by `tomllib` before, so only its shape is followed here and nothing is checked.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

Path = tuple[str | int, ...]
"""Keys and, in lists of tables, indices from 0: ("earn", 1, "limit_per_day")."""

_STRING: Final = (
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'"
)
_TOKEN: Final = re.compile(rf"{_STRING}|#[^\n]*|\n|[\[\]{{}}=]|[^\"'#\n\[\]{{}}=]+", re.DOTALL)


def lines_of_keys(text: str) -> dict[Path, int]:
    """Return the line of every header and of every key outside inline tables. The text is valid TOML."""
    lines: dict[Path, int] = {}
    last_index: dict[Path, int] = {}
    table: Path = ()
    line, depth, statement, in_value = 1, 0, "", False
    for token in _TOKEN.findall(text + "\n"):
        if token == "\n" and depth == 0:
            header = statement.strip()
            if not in_value and header.startswith("["):
                table = _place(_key_parts(header.strip("[]")), header.startswith("[["), last_index)
                lines.setdefault(table, line)
            statement, in_value = "", False
        elif in_value:
            depth += (token in ("[", "{")) - (token in ("]", "}"))
        elif token == "=":
            lines[(*table, *_key_parts(statement))] = line
            in_value = True
        elif not token.startswith("#"):
            statement += token
        line += token.count("\n")
    return lines


def line_of(path: Path, lines: dict[Path, int]) -> int:
    """Return the line of the path or of what holds it; 0 where only the whole text does."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 0)


def _place(parts: Path, new_item: bool, last_index: dict[Path, int]) -> Path:
    """Return where a header leads: through the last item of each list of tables on its way."""
    path: Path = ()
    for part in parts[:-1]:
        path = (*path, part)
        if path in last_index:
            path = (*path, last_index[path])
    path = (*path, parts[-1])
    if not new_item:
        return path
    last_index[path] = last_index.get(path, -1) + 1
    return (*path, last_index[path])


def _key_parts(key: str) -> Path:
    """Return the parts of a key as it is written, bare, quoted or dotted."""
    if re.fullmatch(r"\s*[A-Za-z0-9_-]+\s*", key):
        return (key.strip(),)
    parts: list[str] = []
    value: object = tomllib.loads(f"{key}=0")
    while isinstance(value, dict):
        part, value = next(iter(value.items()))
        parts.append(part)
    return tuple(parts)
