"""Member rows of a CSV file -> checked values. Reads no database; a bad row is told in a sentence.

Columns by name: member_id, lookups, name, phone, joined_on, home_store, birthday. Only member_id is needed;
a column that is absent changes nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final

import msgspec

from hq_server.exports.cells import BOM, as_typed
from loyalty_core.calendar import day_of, day_written
from loyalty_core.errors import BadInput
from loyalty_core.events import ID_FORM
from loyalty_core.lookups import MEMBER_ID_FORM, candidates

COLUMNS: Final = ("member_id", "lookups", "name", "phone", "joined_on", "home_store", "birthday")
NAME_MAX: Final = 100
LOOK_UPS_MAX: Final = 20
CSV_FIELD_MAX: Final = 10_000
_FIRST_DAY: Final = day_of(date(1900, 1, 1))
_LAST_DAY: Final = day_of(date(2099, 12, 31))


class NewMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member as a row gives it. None: the file has no such column.

    `also` is what a till that does not know the member id makes of it where it reads as a number: look-ups of
    this member unless another one has them.
    """

    member_id: str
    look_ups: tuple[str, ...]
    name: str | None
    phone: str | None
    joined_on: int | None
    home_store: str | None
    birthday: int | None
    also: tuple[str, ...] = ()


class BadRow(msgspec.Struct, frozen=True):
    """A row that was not taken: its line in the file, and one sentence with what to do."""

    line: int
    code: str
    sentence: str


def read_members(lines: Iterable[str], region: str) -> Iterator[tuple[int, NewMember | BadRow]]:
    """Return each row with its line number.

    Raises:
        BadInput: `csv_columns` or `csv_broken`: the file as a whole cannot be read.
    """
    csv.field_size_limit(CSV_FIELD_MAX)
    reader = csv.DictReader(_unmarked(lines), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        unknown = [name for name in names if name not in COLUMNS]
        if "member_id" not in names or unknown or len(set(names)) != len(names):
            raise BadInput(
                f"the columns must be member_id and any of {', '.join(COLUMNS[1:])}, each once; found: "
                f"{', '.join(names) or 'none'}",
                code="csv_columns",
            )
        reader.fieldnames = names
        for row in reader:
            yield reader.line_num, _read_row(reader.line_num, row, region)
    except csv.Error as error:
        raise BadInput(
            f"line {reader.line_num} is not CSV ({error}): mend it there", code="csv_broken"
        ) from None


def _unmarked(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines without the mark of a file's encoding, which some encodings leave in the text."""
    for number, line in enumerate(lines):
        yield line if number else line.removeprefix(BOM)


def _read_row(line: int, row: Mapping[str | None, object], region: str) -> NewMember | BadRow:
    if None in row or None in row.values():
        return BadRow(
            line, "row_length", "the row has more or fewer fields than the header: check its commas"
        )
    fields = {str(name): as_typed(str(value).strip()) for name, value in row.items()}
    try:
        phone = _phone(fields.get("phone", ""), region)
        look_ups = [_look_up(text, region) for text in fields.get("lookups", "").split(";") if text.strip()]
        if len(look_ups) > LOOK_UPS_MAX:
            raise BadInput(f"a member has at most {LOOK_UPS_MAX} look-ups", code="look_up_malformed")
        member_id = _member_id(fields["member_id"])
        return NewMember(
            member_id=member_id,
            also=_numbers(member_id, region),
            look_ups=tuple(dict.fromkeys([*look_ups, *([f"phone:{phone}"] if phone else [])])),
            name=_name(fields["name"]) if "name" in fields else None,
            phone=phone if "phone" in fields else None,
            joined_on=_date("joined_on", fields.get("joined_on", "")),
            home_store=_store(fields["home_store"]) if "home_store" in fields else None,
            birthday=_date("birthday", fields.get("birthday", "")),
        )
    except BadInput as error:
        return BadRow(line, error.code, str(error))


def _member_id(text: str) -> str:
    if not re.fullmatch(MEMBER_ID_FORM, text):
        raise BadInput(
            "member_id must be 1 to 40 letters, digits, dots, underscores or hyphens",
            code="member_id_malformed",
        )
    return text


def _look_up(text: str, region: str) -> str:
    """Return the phone that a text is, else the card."""
    forms = candidates(text, region)
    found = [form for kind in ("phone:", "card:") for form in forms if form.startswith(kind)]
    if not found:
        raise BadInput(
            "a look-up can never match a card or phone: write it as a till reads it, without a word before "
            "it, and check its digits",
            code="look_up_malformed",
        )
    return found[0]


def _numbers(member_id: str, region: str) -> tuple[str, ...]:
    """Return the phone that a member id reads as, or the card; () where the id itself answers for it."""
    forms = [form for form in candidates(member_id, region) if not form.startswith("id:")]
    phones = [form for form in forms if form.startswith("phone:")]
    digits = [form for form in forms if form.removeprefix("card:").isdecimal()]
    return tuple([form for form in (*phones, *digits)[:1] if form != f"card:{member_id}"])


def _phone(text: str, region: str) -> str:
    if not text:
        return ""
    form = _look_up(text, region)
    if not form.startswith("phone:"):
        raise BadInput(
            f"phone is no valid number in {region}: write it with its country code, or leave it empty",
            code="phone_malformed",
        )
    return form.removeprefix("phone:")


def _name(text: str) -> str:
    if len(text) > NAME_MAX or not text.isprintable():
        raise BadInput(f"name must be at most {NAME_MAX} printable letters", code="name_malformed")
    return text


def _store(text: str) -> str:
    if text and not re.fullmatch(ID_FORM, text):
        raise BadInput(
            'home_store must be a store\'s id: 1 to 32 letters, digits, "-" or "_"', code="store_malformed"
        )
    return text


def _date(column: str, text: str) -> int | None:
    if not text:
        return None
    try:
        day = day_written(text)
    except BadInput:
        day = None
    if day is None or not _FIRST_DAY <= day <= _LAST_DAY:
        raise BadInput(f"{column} must be a date like 2026-07-01, or empty", code="date_malformed")
    return day
