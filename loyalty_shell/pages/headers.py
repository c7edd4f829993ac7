"""What every page tells the browser: only this program's own parts, in no other page, kept nowhere.

The policy follows OWASP's HTTP headers cheat sheet. Referrers stay within the program: with none at all a
browser names no origin when a form is sent, and the origin is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SAFE: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Of whatever a browser is given."""
PAGE: Final[Mapping[str, str]] = {**SAFE, "Cache-Control": "no-store"}
"""Of a page, or a part of one."""
