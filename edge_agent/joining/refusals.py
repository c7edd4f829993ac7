"""What a refusal means to somebody who lets a till join, and which field it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from edge_agent.pages import refusals
from edge_agent.pages.refusals import N_

MEANINGS: Final[Mapping[str, str]] = {
    "code_malformed": N_("The invite code has six groups of four letters or digits. Look at it again."),
    "enrol_too_many": N_("Too many tills join at headquarters just now. Wait a moment, then try again."),
    "hq_url_invalid": N_("The address of headquarters begins with https://. Look at it again."),
    "hq_wrong_key": N_(
        "What answers is not the headquarters that made this code. Check the code, then the address."
    ),
    "invite_expired": N_("This invite code has expired. Ask headquarters for a new one."),
    "invite_for_another": N_("This invite code is for another till. Ask headquarters for a new one."),
    "invite_unknown": N_("Headquarters does not know this invite code. Check it, or ask for a new one."),
    "invite_used": N_("Another till has used this invite code. Ask headquarters for a new one."),
    "join_later": N_("Too many tries. Wait a moment, then try again with the same code."),
    "key_busy": N_("Somebody lets this till join by command just now. Wait a moment, then try again."),
}


def meaning(code: str, translate: Callable[[str], str]) -> str | None:
    """Return what a code means here, None where the exact sentence must do."""
    text = MEANINGS.get(code)
    return refusals.meaning(code, translate) if text is None else translate(text)


def is_of_address(code: str) -> bool:
    """Tell whether the address is to be looked at; otherwise it is the code."""
    return code.startswith("hq_") and code != "hq_wrong_key"
