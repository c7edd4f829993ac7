"""A TOML text as tables that gather every mistake with its line and path, instead of stopping at the first.

A `Form` says what a value must be. A `Table` reads keys by their forms and remembers which keys were asked
for; whatever else stands in it is an unknown key. Nothing here knows what the keys mean.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from loyalty_core.toml_lines import Path, line_of, lines_of_keys

T = TypeVar("T")
D = TypeVar("D")

TEXT_BYTES_MAX: Final = 256 * 1024
LINE_LENGTH_MAX: Final = 4000
"""Reading a dotted key takes time with the square of its length."""
_SHOWN_MAX: Final = 40


@dataclass(frozen=True, slots=True)
class Form(Generic[T]):
    """What a value must be, in words; `read` returns it, or None when it is something else."""

    expected: str
    read: Callable[[object], T | None]


def whole(low: int, high: int) -> Form[int]:
    """Return the form of a whole number from `low` to `high`."""

    def read(value: object) -> int | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return value if low <= value <= high else None

    return Form(f"a whole number from {low:,} to {high:,}", read)


def matching(pattern: str, expected: str) -> Form[str]:
    """Return the form of a text that matches the pattern as a whole."""

    def read(value: object) -> str | None:
        return value if isinstance(value, str) and re.fullmatch(pattern, value) else None

    return Form(expected, read)


def text(length_max: int) -> Form[str]:
    """Return the form of a text that people read or tills write: on one line, no space around it."""

    def read(value: object) -> str | None:
        if not isinstance(value, str) or not 1 <= len(value) <= length_max:
            return None
        return value if value.isprintable() and value == value.strip() else None

    return Form(f"a text of 1 to {length_max} characters on one line, without spaces around it", read)


def one_of(*values: T) -> Form[T]:
    """Return the form of a value that is one of these, and of the same type."""

    def read(value: object) -> T | None:
        return next((known for known in values if known == value and type(known) is type(value)), None)

    return Form(_either([shown(value) for value in values]), read)


YES_OR_NO: Final[Form[bool]] = Form("true or false", lambda value: value if isinstance(value, bool) else None)


class Document:
    """A TOML text being read, and its mistakes so far."""

    def __init__(self, text: str, source: str) -> None:
        self._text = text.removeprefix("\ufeff")
        self._source = source
        self._mistakes: list[tuple[Path, str]] = []
        self._tables: list[Table] = []

    def open(self) -> Table | str:
        """Return the root table, or the sentence that says why the text is no TOML."""
        try:
            if len(self._text.encode()) > TEXT_BYTES_MAX:
                return f"{self._source}: the text is too large: expected at most {TEXT_BYTES_MAX // 1024} KiB"
            for number, line in enumerate(self._text.split("\n"), start=1):
                if len(line) > LINE_LENGTH_MAX:
                    return (
                        f"{self._source}:{number}: the line is too long: expected at most {LINE_LENGTH_MAX}"
                    )
            return Table(self, (), "", tomllib.loads(self._text + "\n"))
        except UnicodeEncodeError:
            return f"{self._source}: the text holds a lone surrogate: expected UTF-8"
        except RecursionError:
            return f"{self._source}: lists or tables are nested too deep: expected a few levels at most"
        except ValueError as error:
            return _syntax_sentence(self._source, str(error))

    def mistakes(self) -> tuple[str, ...]:
        """Return a sentence for each mistake, unknown keys included, in the order of the text."""
        for table in self._tables:
            table.refuse_unknown_keys()
        if not self._mistakes:
            return ()
        lines = lines_of_keys(self._text)
        placed = [(line_of(path, lines), sentence) for path, sentence in self._mistakes]
        placed.sort(key=lambda mistake: mistake[0])
        return tuple(f"{self._source}:{f'{line}:' if line else ''} {sentence}" for line, sentence in placed)

    def add(self, path: Path, sentence: str) -> None:
        """Note a mistake at this path."""
        self._mistakes.append((path, sentence))

    def register(self, table: Table) -> None:
        """Have the table's unknown keys refused at the end."""
        self._tables.append(table)


class Table:
    """One table: reads keys by their forms. `prefix` goes before a key when the key is shown."""

    def __init__(self, document: Document, path: Path, prefix: str, values: dict[str, object]) -> None:
        self._document = document
        self._path = path
        self._prefix = prefix
        self._values = values
        self._asked: dict[str, None] = {}
        self._wrong: set[str] = set()
        document.register(self)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    @property
    def title(self) -> str:
        """The table's own place as shown: `earn[2] "visit"`."""
        return self._prefix.rstrip(":. ")

    def good(self, *keys: str) -> bool:
        """Tell whether none of these keys is missing or wrong so far."""
        return self._wrong.isdisjoint(keys)

    def wrong(self, key: str, what: str, expected: str, item: str = "") -> None:
        """Note that a key is wrong, or an `item` ("[2]") of its list."""
        self._wrong.add(key)
        self._document.add((*self._path, key), f"{self._shown(key)}{item} {what}: {expected}")

    def take(self, key: str, form: Form[T], default: D) -> T | D:
        """Return the value of an optional key; the default where it is absent, or wrong and noted."""
        self._asked[key] = None
        if key not in self._values:
            return default
        value = form.read(self._values[key])
        if value is None:
            self.wrong(key, f"is {shown(self._values[key])}", f"expected {form.expected}")
            return default
        return value

    def need(self, key: str, form: Form[T], stand_in: D) -> T | D:
        """Return the value of a required key; the stand-in where it is missing or wrong, which is noted."""
        if key not in self._values:
            self.wrong(key, "is missing", f"expected {form.expected}")
        return self.take(key, form, stand_in)

    def take_list(self, key: str, form: Form[T], or_one: bool = False) -> tuple[T, ...] | None:
        """Return the values of a list without repeats, None where it is absent, empty or wrong.

        With `or_one` a single value may stand without brackets.
        """
        self._asked[key] = None
        if key not in self._values:
            return None
        given = self._values[key]
        if not isinstance(given, list):
            if or_one:
                single = self.take(key, form, None)
                return None if single is None else (single,)
            self.wrong(key, f"is {shown(given)}", f"expected a list in brackets, each {form.expected}")
            return None
        if not given:
            self.wrong(key, "is empty", "expected at least one, or leave the key out")
        values: dict[T, None] = {}
        for number, item in enumerate(given, start=1):
            value = form.read(item)
            if value is None:
                self.wrong(key, f"is {shown(item)}", f"expected {form.expected}", f"[{number}]")
            elif value in values:
                self.wrong(key, f"is {shown(item)} again", "expected each once", f"[{number}]")
            else:
                values[value] = None
        return tuple(values) if self.good(key) else None

    def section(self, key: str) -> Table | None:
        """Return the table of this key, or None where there is none."""
        self._asked[key] = None
        if key not in self._values:
            return None
        given = self._values[key]
        if not isinstance(given, dict):
            self.wrong(key, f"is {shown(given)}", f"expected a table [{key}]")
            return None
        return Table(self._document, (*self._path, key), f"{self._shown(key)}.", given)

    def sections(self, key: str, count_max: int, name: str | None = None) -> list[Table]:
        """Return the tables of a list of tables; `name` is the key whose text is shown with the number."""
        self._asked[key] = None
        given = self._values.get(key, [])
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            shape = f"[[{key}]] with double brackets" if name else f"a list of tables, {key} = [{{ ... }}]"
            self.wrong(key, f"is {shown(given)}", f"expected {shape}")
            return []
        if len(given) > count_max:
            self.wrong(key, f"stands {len(given):,} times", f"expected at most {count_max}")
            return []
        tables = []
        for index, values in enumerate(given):
            label = values.get(name) if name else None
            title = f"[{index + 1}] {shown(label)}" if isinstance(label, str) else f"[{index + 1}]"
            prefix = f"{self._shown(key)}{title}: "
            tables.append(Table(self._document, (*self._path, key, index), prefix, values))
        return tables

    def refuse_unknown_keys(self) -> None:
        """Note every key that nobody asked for, with the known key that it may have meant."""
        for key in self._values:
            if key not in self._asked:
                self.wrong(key, "is an unknown key", _hint(key, list(self._asked)))

    def _shown(self, key: str) -> str:
        return self._prefix + (key if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", key) else shown(key))


def shown(value: object) -> str:
    """Return a value as its owner would recognise it, short and harmless to print."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        printable = "".join(letter if letter.isprintable() else "?" for letter in value[: _SHOWN_MAX + 1])
        return f'"{printable}"' if len(value) <= _SHOWN_MAX else f'"{printable[:_SHOWN_MAX]}..."'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a number beyond all bounds"
    return str(value)


def _hint(key: str, known: list[str]) -> str:
    """Return the known key that an unknown one was meant to be, or all of them where none is like it."""
    likest = max(known, key=lambda other: _alike(key, other))
    return f"did you mean {likest}?" if _alike(key, likest) else f"expected {_either(known)}"


def _alike(key: str, known: str) -> int:
    """Return how many letters a key shares with a known one: at least 3/4, or its beginning; else 0."""
    if len(key) > 2 and known.startswith(key):
        return len(key)
    if abs(len(key) - len(known)) > len(known) // 2:
        return 0
    blocks = difflib.SequenceMatcher(None, key, known, autojunk=False).get_matching_blocks()
    shared = sum(block.size for block in blocks)
    return shared if 8 * shared >= 3 * (len(key) + len(known)) else 0


def _either(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)


def _syntax_sentence(source: str, complaint: str) -> str:
    """Return the one sentence of a syntax error, in the form of all others."""
    found = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", complaint, re.DOTALL)
    what, line, where = (found[1], f"{found[2]}:", f" at column {found[3]}") if found else (complaint, "", "")
    what = what.replace("Cannot overwrite a value", "the same key stands here a second time")
    printable = "".join(letter if letter.isprintable() else "?" for letter in what)
    return f"{source}:{line} the text is no valid TOML{where}: {printable}"
