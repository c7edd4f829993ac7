"""A coupon's code as people scan it, or its envelope in a member's row -> what HQ has signed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final

from loyalty_core.envelope import open_sealed
from loyalty_core.errors import BadEnvelope, BadInput, BadWire, UnknownKey
from loyalty_core.messages import CouponIssued
from loyalty_core.wire import unpack

CODE_LENGTH_MAX: Final = 4096


def code_of(envelope: bytes) -> str:
    """Return the code that people scan."""
    return base64.urlsafe_b64encode(envelope).rstrip(b"=").decode()


def read_code(code: str, keys: Mapping[bytes, bytes]) -> CouponIssued:
    """Return the coupon of a code; `keys` are those of HQ's server, by id.

    Raises:
        BadInput: `coupon_unreadable`, `coupon_forged`, or `coupon_key_unknown`: a stranger has signed it, or
            a key of headquarters' that this till has not heard of yet. Without a line nobody can tell.
    """
    text = "".join(code.split()).rstrip("=")
    try:
        if len(text) > CODE_LENGTH_MAX:
            raise BadWire("longer than any code")
        envelope = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return open_coupon(envelope, keys)
    except (binascii.Error, ValueError, BadWire):
        raise BadInput("this is no coupon's code: scan it again", code="coupon_unreadable") from None
    except UnknownKey:
        raise BadInput(
            "this coupon is signed by a key that this till does not know: let the till reach headquarters, "
            "then scan it again; do not take it unless the till does",
            code="coupon_key_unknown",
        ) from None
    except BadEnvelope:
        raise BadInput(
            "this coupon was not issued by headquarters: do not take it", code="coupon_forged"
        ) from None


def open_coupon(envelope: bytes, keys: Mapping[bytes, bytes]) -> CouponIssued:
    """Return the coupon in an envelope.

    Raises:
        BadWire, BadEnvelope: it is none, or not signed by HQ.
    """
    return unpack(open_sealed(envelope, "dangol/coupon/1", keys, bytes_max=CODE_LENGTH_MAX), CouponIssued)
