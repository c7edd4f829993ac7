"""What a stable code means and what to do, in the language of the page; the exact sentence stands beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for a text that is translated later
    """Mark a text for translation."""
    return text


MEANINGS: Final[Mapping[str, str]] = {
    "body_slow": N_("The request did not arrive in time. Send it again."),
    "body_too_large": N_("This is larger than the till takes."),
    "clock_lost": N_("The till's clock has lost its time. Set it first."),
    "disk_failed": N_("The disk did not keep what was written. Nothing was recorded: call a technician."),
    "disk_full": N_("The disk is full, so nothing was recorded. Call a technician."),
    "disk_read_only": N_("The disk can only be read, so nothing was recorded. Call a technician."),
    "form_stale": N_("This page was open for too long or before another log-in. Open it again."),
    "idempotency_conflict": N_("This was sent before with other content. Open the page again."),
    "member_unknown": N_("No member with this card or number is known at this till."),
    "member_unreadable": N_("This is no card or phone number. Scan or type it again."),
    "origin_refused": N_("Another site tried to reach into this till. It was stopped."),
    "path_unknown": N_("There is no such page."),
    "role_observes": N_("This log-in may look, but change nothing."),
    "stopping": N_("The till's agent is stopping. Try again in a moment."),
}


def meaning(code: str, translate: Callable[[str], str]) -> str | None:
    """Return what a code means, None where the exact sentence must do."""
    text = MEANINGS.get(code)
    return None if text is None else translate(text)
