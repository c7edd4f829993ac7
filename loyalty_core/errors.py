"""LoyaltyError and its children, each with a stable code that other systems may rely on.

A message is one sentence: what is wrong, where, what to do. It never holds a secret or a person.
"""

from __future__ import annotations

from typing import Final

SAID_MAX: Final = 200
"""Letters of what a decoder says that become part of a sentence."""


class LoyaltyError(Exception):
    """A broken law or a refused input. `code` is stable; `str(error)` is for people."""

    code: str = "loyalty_error"

    def __init__(self, sentence: str, *, code: str | None = None) -> None:
        super().__init__(sentence)
        if code is not None:
            self.code = code


class BadInput(LoyaltyError):
    """Something handed in cannot be used as it is; the sender can mend it and try again."""

    code = "bad_input"


class BadWire(LoyaltyError):
    """Bytes that are not the one canonical form of a value we know."""

    code = "wire_malformed"


class UnknownRecord(BadWire):
    """A well-formed record of a version or type that this release does not know."""

    code = "record_unknown"


class BadEnvelope(LoyaltyError):
    """An envelope whose signature or type does not hold."""

    code = "envelope_invalid"


class UnknownKey(BadEnvelope):
    """An envelope signed by nobody we know."""

    code = "key_unknown"


class BrokenChain(LoyaltyError):
    """A journal whose hashes do not follow from its bytes."""

    code = "chain_broken"


class ProgrammeErrors(LoyaltyError):
    """Every mistake of a programme file at once, one sentence each in `mistakes`."""

    code = "programme_invalid"

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def said(error: Exception) -> str:
    """Return what a decoder says is wrong, for a sentence: on one line, its beginning and its end.

    What it quotes of the input in between may be as long as that.
    """
    text = printable(str(error))
    half = SAID_MAX // 2
    return text if len(text) <= SAID_MAX else f"{text[:half]}...{text[-half:]}"


def printable(text: str) -> str:
    """Return a stranger's text on one line: what would steer a terminal is a question mark."""
    return "".join([letter if letter.isprintable() else "?" for letter in text])
