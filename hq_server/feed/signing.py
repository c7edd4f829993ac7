"""Signatures of webhooks, as Standard Webhooks (standardwebhooks.com) has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

SECRET_BYTES: Final = 32
_PREFIX: Final = "whsec_"


def secret_text(secret: bytes) -> str:
    """Return a secret as its receiver is given it."""
    return _PREFIX + base64.b64encode(secret).decode()


def signed_headers(secret: bytes, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that name a message, the time of this attempt, and the HMAC-SHA256 over all."""
    signed = b"%s.%d.%s" % (message_id.encode(), at_s, body)
    mac = base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{mac}"}
