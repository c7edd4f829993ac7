"""What any till must tell us: a receipt in the shape in which it comes in.

The shape is that of the local HTTP API and of a line in a JSON lines file. Money is in minor units,
quantities are decimals in text. What a receipt means is in `understanding`.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeVar

import msgspec

from loyalty_core.errors import BadInput, said

T = TypeVar("T")
ReceiptKind = Literal["purchase", "return", "void", "visit"]


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receipt's name; the business date may be left to the agent."""

    store: str
    till: str
    number: str
    business_date: str | None = None


class LineIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line as it comes in."""

    number: int
    net_minor: int
    sku: str = ""
    category: str = ""
    quantity: str | int = "1"


class TenderIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tender as it comes in."""

    type: str
    amount_minor: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the till's own software says happened, before we interpret it."""

    kind: ReceiptKind
    receipt: Key
    occurred_at: str
    member: str | None = None
    currency: str | None = None
    lines: list[LineIn] = []
    net_minor: int | None = None
    tax_minor: int = 0
    tenders: list[TenderIn] = []
    original: Key | None = None


_PARTS: Final[dict[str, type[msgspec.Struct]]] = {
    "receipt": Key,
    "original": Key,
    "lines": LineIn,
    "tenders": TenderIn,
}
_DECODER: Final = msgspec.json.Decoder(Receipt)


def decode(raw: bytes) -> Receipt:
    """Return the receipt of JSON bytes; an unknown field is refused.

    Raises:
        BadInput: `receipt_invalid`, `encoding_wrong`, `json_invalid`.
    """
    return decoded(raw, _DECODER)


def decoded(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return what JSON bytes say in the shape of a decoder.

    Raises:
        BadInput: as `decode`.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise BadInput(
            f"the receipt does not have the expected form: {said(error)}", code="receipt_invalid"
        ) from None
    except UnicodeDecodeError:
        raise BadInput("the text is not UTF-8: send it as UTF-8", code="encoding_wrong") from None
    except msgspec.DecodeError as error:
        raise BadInput(f"this is not JSON: {said(error)}", code="json_invalid") from None


def without_unknown(raw: bytes) -> Receipt:
    """Return the receipt of JSON bytes, passing over fields that we do not know.

    Raises:
        BadInput: as `decode`.
    """
    value = plain(raw)
    if isinstance(value, dict):
        value = known(value, Receipt)
        for name, part in _PARTS.items():
            inner = value.get(name)
            if isinstance(inner, dict):
                value[name] = known(inner, part)
            elif isinstance(inner, list):
                value[name] = [known(v, part) if isinstance(v, dict) else v for v in inner]
    return decode(msgspec.json.encode(value))


def plain(raw: bytes) -> Any:
    """Return what JSON bytes say, whatever its shape.

    Raises:
        BadInput: `json_invalid`.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"this is not JSON: {said(error)}", code="json_invalid") from None


def known(value: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the fields of a JSON object that a shape has."""
    return {name: value[name] for name in kind.__struct_fields__ if name in value}


def shown(text: str) -> str:
    """Return the start of what came in, for a sentence: on one line, without control codes."""
    return "".join([letter if letter.isprintable() else "?" for letter in text[:40]])
