"""What was set aside, looked at, mended and handed in once more: one input, inside the writer's transaction.

What was mended is recorded by the same rules as everything else: a file that comes again, corrected or not,
is known by what its receipts are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from edge_agent.config import Csv, EdgeConfig
from edge_agent.pos_adapter import adapters, intake
from edge_agent.pos_adapter.csv_header import delimiter_of
from edge_agent.pos_adapter.csv_rows import HEADER
from edge_agent.pos_adapter.csv_text import AUTO, encoding_of
from edge_agent.pos_adapter.intake import Became
from edge_agent.recorder import Recorder
from edge_agent.store import quarantine
from edge_agent.store.database import Connection
from edge_agent.store.quarantine import Refused
from loyalty_core.errors import BadInput

FIELDS_MAX: Final = 200
"""An input with more fields is mended as text."""
SHOWN_MAX: Final = 20_000
"""Letters of an input that are shown."""
REASON_MAX: Final = 200
_UNSEEN: Final = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_LOST_IN_FORMS: Final = re.compile("[\x00-\x08\x0a-\x1f]")
"""A browser gives back a field with these as another: it is left as it is, or mended in the text."""
_WHOLE_NUMBERS: Final = frozenset({"net_minor", "tax_minor", "amount_minor", "value_minor", "count"})
"""Fields that are numbers, also where the till wrote a text."""
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Field(msgspec.Struct, frozen=True):
    """One field of an input: where it stands (`receipt.number`, `lines[0].sku`, `2.store`), and its text."""

    name: str
    text: str


class Shown(msgspec.Struct, frozen=True):
    """An input as it can be shown: control characters to be seen, cut where it is long."""

    text: str
    is_cut: bool
    is_text: bool
    bytes: int


def shown(refused: Refused, settings: Csv) -> Shown:
    """Return an input as text that steers nothing."""
    text, is_text = _text(refused, settings)
    seen = "".join(_seen(letter) for letter in text[:SHOWN_MAX])
    return Shown(seen, len(text) > SHOWN_MAX, is_text, len(refused.raw))


def text_of(refused: Refused, settings: Csv) -> str | None:
    """Return an input's own text, to be mended; None where it is none, or too long to be shown."""
    text, is_text = _text(refused, settings)
    return text if is_text and len(text) <= SHOWN_MAX else None


def fields_of(refused: Refused, settings: Csv) -> list[Field]:
    """Return the fields of an input, in their order; none where it can be mended as text only."""
    try:
        text, is_text = _text(refused, settings)
        if not is_text:
            return []
        found = _fields(refused.adapter, text, settings)
    except BadInput:
        return []
    found = [
        one for one in found if len(one.text) <= SHOWN_MAX and not _LOST_IN_FORMS.search(one.name + one.text)
    ]
    return found if len(found) <= FIELDS_MAX else []


def _fields(adapter: str, text: str, settings: Csv) -> list[Field]:
    match adapter:
        case "csv":
            return _of_csv(text, settings)
        case "http" | "jsonl":
            return list(_of_json("", _json(text)))
        case _:
            return []


def changed(refused: Refused, settings: Csv, changes: Mapping[str, str]) -> bytes:
    """Return an input with other texts in some of its fields.

    A JSON field that was no text, or must be a number, becomes what its new text says in JSON, if it can be
    read as that.

    Raises:
        BadInput: `field_unknown`, `encoding_wrong`.
    """
    text, _ = _text(refused, settings)
    known = {field.name for field in fields_of(refused, settings)}
    if strange := sorted(changes.keys() - known):
        raise BadInput(f'the input has no field "{strange[0]}": see its fields', code="field_unknown")
    if refused.adapter == "csv":
        return _changed_csv(text, settings, _encoding(refused, settings), changes)
    value = _json(text)
    for name, new in changes.items():
        _put(value, name, new)
    return msgspec.json.encode(value)


def encoded(refused: Refused, settings: Csv, text: str) -> bytes:
    """Return a text that somebody typed as the bytes of an input of this kind.

    Raises:
        BadInput: `encoding_wrong`: the till's encoding has no such letters.
    """
    return _bytes(text.replace("\r\n", "\n"), _encoding(refused, settings))


def retry(conn: Connection, config: EdgeConfig, recorder: Recorder, refused: Refused, now_ms: int) -> Became:
    """Return what the same input became, handed in once more; refused again, it keeps the reason of now.

    Raises:
        BadInput: `quarantine_unknown`: somebody else has settled it meanwhile; undo the transaction.
    """
    became = _hand_in(conn, config, recorder, refused)
    if became.became != "refused":
        _settle(conn, refused, "handed in again")
    else:
        again = msgspec.structs.replace(refused, code=became.code, sentence=became.sentence, at_ms=now_ms)
        quarantine.put(conn, again, config.quarantine_rows_max)
    return became


def mend(
    conn: Connection, config: EdgeConfig, recorder: Recorder, refused: Refused, raw: bytes, how: str
) -> Became:
    """Return what an input became whose bytes somebody changed; refused again, the original stays as it was.

    `how` says which fields were changed, and by whom; it is kept.

    Raises:
        BadInput: `quarantine_unknown`: somebody else has settled it meanwhile; undo the transaction.
    """
    became = _hand_in(conn, config, recorder, msgspec.structs.replace(refused, raw=raw))
    if became.became != "refused":
        _settle(conn, refused, how[:REASON_MAX])
    return became


def discard(conn: Connection, quarantine_id: int, reason: str) -> None:
    """Give up one input that was set aside, for a reason that is kept.

    Raises:
        BadInput: `quarantine_unknown`, `reason_missing`.
    """
    if not reason.strip():
        raise BadInput("say why it is given up: the reason is kept", code="reason_missing")
    if not quarantine.settle(conn, quarantine_id, "discarded", reason.strip()[:REASON_MAX]):
        raise unknown(quarantine_id)


def find(conn: Connection, quarantine_id: int) -> Refused:
    """Return one input that is set aside.

    Raises:
        BadInput: `quarantine_unknown`.
    """
    refused = quarantine.find_open(conn, quarantine_id)
    if refused is None:
        raise unknown(quarantine_id)
    return refused


def unknown(quarantine_id: int) -> BadInput:
    """Return what is said of an input that is not set aside, or no more."""
    return BadInput(
        f"nothing is set aside under {quarantine_id}: see edge-agent quarantine", code="quarantine_unknown"
    )


def _settle(conn: Connection, refused: Refused, how: str) -> None:
    if not quarantine.settle(conn, refused.quarantine_id, "mended", how):
        raise unknown(refused.quarantine_id)


def _hand_in(conn: Connection, config: EdgeConfig, recorder: Recorder, refused: Refused) -> Became:
    try:
        expected = recorder.expectations(recorder.books(conn))
        kind = "jsonl" if refused.adapter == "http" else refused.adapter
        adapter = adapters.adapter_of(kind, refused.source, config)
        here = adapters.here(expected, kind, refused.source, config)
        found = adapter.rows(io.BytesIO(refused.raw), here)
        chunks = intake.chunks(found, expected, refused.adapter)
        ready = [one for chunk in chunks for one in chunk if one.row.passed != HEADER]
    except BadInput as error:
        return Became(place=refused.place, became="refused", code=error.code, sentence=str(error))
    if not ready:
        return Became(
            place=refused.place,
            became="refused",
            code=refused.code,
            sentence="hand in the whole file again: edge-agent take FILE",
        )
    became = intake.record(conn, recorder, ready)
    return next((one for one in became if one.became == "refused"), became[-1])


def csv_of(config: EdgeConfig, refused: Refused) -> Csv:
    """Return how a CSV is read of which this was refused."""
    try:
        return adapters.csv_settings(config.folder, refused.source)
    except BadInput:
        return Csv()


def _bytes(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        raise BadInput(f"{encoding} has no such letters: use others", code="encoding_wrong") from None


def _text(refused: Refused, settings: Csv) -> tuple[str, bool]:
    """Return an input as text, and whether it was one."""
    try:
        encoding = _encoding(refused, settings)
        return refused.raw.decode(encoding).removeprefix("\ufeff"), True
    except (UnicodeDecodeError, BadInput):
        return refused.raw.decode("utf-8", "backslashreplace"), False


def _encoding(refused: Refused, settings: Csv) -> str:
    """Return the encoding of an input.

    Raises:
        BadInput: `encoding_wrong`.
    """
    wanted = {"csv": settings.encoding, "poslog": AUTO}.get(refused.adapter, "utf-8")
    return encoding_of(io.BytesIO(refused.raw), wanted).removesuffix("-sig")


def _seen(letter: str) -> str:
    if letter in "\n\t" or (letter.isprintable() and not _UNSEEN.match(letter)):
        return letter
    code = ord(letter)
    if code < 0x20:
        return chr(0x2400 + code)
    return f"\\u{code:04x}"


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise BadInput("this is not JSON", code="json_invalid") from None


def _of_json(name: str, value: Any) -> Iterator[Field]:
    match value:
        case dict():
            for key, inner in value.items():
                if _STEP.fullmatch(key):
                    yield from _of_json(f"{name}.{key}" if name else key, inner)
        case list():
            for place, inner in enumerate(value):
                yield from _of_json(f"{name}[{place}]", inner)
        case _ if not name:
            return  # the whole input is one value: it has no fields
        case str():
            yield Field(name, value)
        case _:
            yield Field(name, msgspec.json.encode(value).decode())


def _put(value: Any, name: str, new: str) -> None:
    steps: list[Any] = [key or int(place) for key, place in _STEP.findall(name)]
    for step in steps[:-1]:
        value = value[step]
    if isinstance(value[steps[-1]], str) and steps[-1] not in _WHOLE_NUMBERS:
        value[steps[-1]] = new
        return
    try:
        value[steps[-1]] = msgspec.json.decode(new)
    except (msgspec.DecodeError, RecursionError):
        value[steps[-1]] = new


def _table(text: str, settings: Csv) -> list[list[str]]:
    try:
        read = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text, settings), strict=True)
        return list(read) or [[]]
    except csv.Error as error:
        raise BadInput(f"this is not CSV: {error}", code="csv_invalid") from None


def _of_csv(text: str, settings: Csv) -> list[Field]:
    header, *rows = _table(text, settings)
    return [
        Field(f"{number}.{title}", cell)
        for number, row in enumerate(rows, start=1)
        if len(row) == len(header) == len(set(header))
        for title, cell in zip(header, row, strict=True)
    ]


def _changed_csv(text: str, settings: Csv, encoding: str, changes: Mapping[str, str]) -> bytes:
    header, *rows = _table(text, settings)
    for name, new in changes.items():
        number, _, title = name.partition(".")
        rows[int(number) - 1][header.index(title)] = new
    written = io.StringIO(newline="")
    delimiter = delimiter_of(text, settings)
    csv.writer(written, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return _bytes(written.getvalue(), encoding)
