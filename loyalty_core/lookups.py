"""Spellings of cards and phone numbers -> one form, and what may be shown or kept of a person.

A look-up form is `id:` (HQ's member id), `card:` (digits or code) or `phone:` (E.164); a till may keep it
hashed as `h:`. What can never name one member (masked, misread, empty) has no form, so that it never matches.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from functools import lru_cache
from typing import Final

MEMBER_ID_FORM: Final = r"^[A-Za-z0-9._-]{1,40}$"
TEXT_LENGTH_MAX: Final = 64
NAME_LENGTH_MAX: Final = 64

_MEMBER_ID: Final = re.compile(MEMBER_ID_FORM)
_DIGITS: Final = re.compile("[0-9]{1,40}")
_EAN13: Final = re.compile("[0-9]{13}")
_CODE: Final = re.compile(r"[A-Za-z0-9._]{1,40}")
_CARD_DIGITS: Final = re.compile(r"[0-9]{13,}")
_PHONE: Final = re.compile(r"\+?[0-9() .-]{3,}")
_NO_DIGIT: Final = re.compile("[^0-9]")
_KOREAN_MOBILE: Final = re.compile("010[ -]?([0-9]{4})[ -]?([0-9]{4})")
"""What most look-ups by phone are at home: asking phonenumbers of each takes as long as all else of a row."""
_DASHES: Final = re.compile("[\u2010-\u2015\u2212]")
_HANGUL: Final = re.compile("[가-힣]{2,}")
_SYMBOLOGY: Final = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
"""What a scanner may put before a code to tell its kind (ISO/IEC 15424)."""
_TRACKS: Final = (
    re.compile(r";([0-9]{8,19})(?:=[0-9=]{0,40})?\?[^\s]?"),
    re.compile(r"%[A-Z]?([0-9]{8,19})(?:\^[^?]{0,60})?\?[^\s]?"),
)
"""A magnetic stripe as readers type it (ISO/IEC 7813): sentinels around the number and what follows it."""
_CONTROLS: Final = "".join(map(chr, range(32)))
_CARD_MAX: Final = 19
"""No card has more digits (ISO/IEC 7812): a till that writes more has filled the field up with zeros."""
_MASKED: Final = re.compile(r"[0-9Xx]*[Xx]{3}[0-9Xx]*")


def candidates(text: str, region: str = "KR") -> tuple[str, ...]:
    """Return the forms to try for what was typed or scanned, likeliest first; () where none can match.

    `region` says whose phone numbers may be written without their country code. 13 digits or more are never
    a phone number; 13 digits that begin with 2 are a member card and must pass its check digit. Last comes
    the number without zeros in front, which scanners add and spreadsheets drop, unless it is a phone number.
    """
    clean = _cleaned(text)
    compact = clean.replace(" ", "").replace("-", "")
    if not compact.strip("0") or (len(compact) >= 8 and _MASKED.fullmatch(compact)) or _is_misread(compact):
        return ()
    forms: list[str] = []
    if len(compact) == 14 and compact[0] == "0" and _is_ean13(compact[1:]):
        forms += [f"id:{compact[1:]}", f"card:{compact[1:]}"]
    if _MEMBER_ID.fullmatch(clean):
        forms.append(f"id:{clean}")
    if _DIGITS.fullmatch(compact):
        forms.append(f"id:{compact}")
    if _CODE.fullmatch(compact):
        forms.append(f"card:{compact}")
    phone = _phone(clean, region)
    if phone is not None:
        forms.append(f"phone:{phone}")
    elif _DIGITS.fullmatch(compact) and not _is_misread(bare := compact.lstrip("0")):
        forms += [f"id:{bare}", f"card:{bare}"]
    return tuple(dict.fromkeys(forms))


def unknown_form(text: str, region: str = "KR") -> str | None:
    """Return the one form under which a look-up that nobody has is recorded; None where it can never match.

    A valid phone number goes as phone, digits as card, and what has letters as a member id, hyphens and all:
    whoever knows the members finds the card among them too.
    """
    return unknown_of(candidates(text, region))


def unknown_of(forms: tuple[str, ...]) -> str | None:
    """Return the one of these candidates under which a look-up nobody has is recorded, None for none."""
    phones = [form for form in forms if form.startswith("phone:")]
    digits = [form for form in forms if form.startswith("card:") and form[5:].isdecimal()]
    return next(iter(phones + digits + list(forms)), None)


def card_of(reference: str) -> str:
    """Return the one spelling of the card that an `id:` or `card:` reference is, should it be no id.

    Without hyphens and, where it is of digits, without zeros in front: numbers that differ by those are one.
    """
    compact = re.sub("[ -]", "", reference.split(":", 1)[1])
    return f"card:{compact.lstrip('0') or compact if _DIGITS.fullmatch(compact) else compact}"


def without_zeros(reference: str) -> str | None:
    """Return the card that an `id:` or `card:` reference is without zeros in front; None where it has none.

    It is a name of whoever has the number with zeros, so that no other member can have it.
    """
    kind, _, text = reference.partition(":")
    has = kind in {"id", "card"} and text.startswith("0") and _DIGITS.fullmatch(text) and text.strip("0")
    return card_of(reference) if has else None


def other_ways(reference: str) -> tuple[str, ...]:
    """Return what else a reference may mean where nobody knew the member, likeliest first.

    Digits are recorded as `card:`, what has letters as `id:`, as it was typed, so each may be the other; and
    digits may have more zeros in front than the member's number, or fewer.
    """
    kind, _, text = reference.partition(":")
    if kind not in {"id", "card"}:
        return ()
    card = re.sub("[ -]", "", text)
    ways = [f"id:{text}" if kind == "card" else f"card:{card}", card_of(reference)]
    bare = without_zeros(reference)
    if bare is not None:
        ways.append(f"id:{bare.removeprefix('card:')}")
    return tuple(way for way in dict.fromkeys(ways) if way != reference)


def hashed(look_up: str, store_key: bytes) -> str:
    """Return the form that a till keeps: `h:` and 16 bytes of HMAC-SHA256 under the store's key, in hex."""
    return "h:" + hmac.digest(store_key, look_up.encode(), "sha256")[:16].hex()


def masked_name(name: str) -> str:
    """Return what may be shown of a name: `홍*동`, `김*`, `J*** D**`.

    A Korean name keeps its first syllable, and its last where it has three or more; every other name keeps
    the first letter of each word; a single letter is masked as a whole.
    """
    plain = unicodedata.normalize("NFC", name)[:NAME_LENGTH_MAX]
    if not plain.isprintable():
        plain = "".join(letter if letter.isprintable() else " " for letter in plain)
    words = plain.split()
    joined = "".join(words)
    if _HANGUL.fullmatch(joined):
        return joined[0] + "*" * (len(joined) - 2) + joined[-1] if len(joined) > 2 else joined[0] + "*"
    return " ".join(word[0] + "*" * (len(word) - 1) if len(word) > 1 else "*" for word in words)


def _cleaned(text: str) -> str:
    """Return the text with one spelling for digits, dashes and spaces, without what is put around it.

    "" where it is too long.
    """
    if len(text) > TEXT_LENGTH_MAX:
        return ""
    plain = text if text.isascii() else _DASHES.sub("-", unicodedata.normalize("NFKC", text))
    plain = _SYMBOLOGY.sub("", plain.strip().strip(_CONTROLS).strip())
    if plain[:1] in {";", "%"}:
        plain = next((found[1] for track in _TRACKS if (found := track.fullmatch(plain))), plain)
    if len(plain) > _CARD_MAX and plain[0] == "0" and _DIGITS.fullmatch(plain):
        return plain.lstrip("0")
    return plain


def _is_misread(compact: str) -> bool:
    return compact.startswith("2") and bool(_EAN13.fullmatch(compact)) and not _is_ean13(compact)


def _is_ean13(digits: str) -> bool:
    """Tell whether these are 13 digits whose last one is the check digit of the others (GS1)."""
    if not _EAN13.fullmatch(digits):
        return False
    return sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def _phone(clean: str, region: str) -> str | None:
    """Return the E.164 form of a valid phone number."""
    mobile = _KOREAN_MOBILE.fullmatch(clean) if region == "KR" else None
    if mobile is not None:
        return f"+8210{mobile[1]}{mobile[2]}" if _is_mobile_block(mobile[1]) else None
    if not _PHONE.fullmatch(clean):
        return None
    if _CARD_DIGITS.fullmatch(_NO_DIGIT.sub("", clean)) and not clean.startswith("+"):
        return None
    return _parsed(clean, region)


@lru_cache(maxsize=10_000)
def _is_mobile_block(block: str) -> bool:
    """Tell whether Korea's mobile numbers 010-`block`-0000 to 9999 are valid: blocks are given out whole."""
    return _parsed(f"010{block}0000", "KR") is not None


def _parsed(text: str, region: str) -> str | None:
    # Loading phonenumbers takes time and memory that a till without phone look-ups need not spend.
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
