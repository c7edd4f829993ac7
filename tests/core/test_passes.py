"""Passes: one line of digits that says who may log in where, and that nobody but HQ can write."""

from __future__ import annotations

import msgspec
import pytest

from loyalty_core.envelope import key_id, public_of, seal
from loyalty_core.errors import BadInput
from loyalty_core.passes import (
    PASS_BYTES_MAX,
    PASS_DIGITS_MAX,
    PASS_MS_MAX,
    PLACES_MAX,
    Pass,
    bytes_of_digits,
    check_pass,
    open_pass,
    pass_digits,
    seal_pass,
)
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack

AT = EpochMs(1_795_228_260_000)
HOUR_MS = 3_600_000
HQ_KEY, OLD_KEY, STRANGER = (bytes([number]) * 32 for number in (2, 4, 9))
KEYS = {key_id(public_of(HQ_KEY)): public_of(HQ_KEY)}
PASS = Pass("P" * 16, "moonlight", "김기사", ("S012",), ("S013-T01",), "technician", AT, AT + 8 * HOUR_MS)


def code_of(attempt: object) -> str:
    """Return the code with which this is refused."""
    with pytest.raises(BadInput) as refused:
        attempt()  # type: ignore[operator]
    return refused.value.code


def test_a_pass_comes_back_from_its_digits() -> None:
    digits = pass_digits(seal_pass(PASS, HQ_KEY))
    assert digits.isdigit()
    assert digits.isascii()
    assert open_pass(bytes_of_digits(digits), KEYS) == PASS
    assert open_pass(bytes_of_digits(f" {digits[:100]}\r\n{digits[100:]}\n"), KEYS) == PASS


def test_the_largest_pass_fits_a_qr_code_and_its_own_bounds() -> None:
    long, stores, terminals = "\U0001d11e" * 64, ("S" * 32,) * PLACES_MAX, ("T" * 32,) * PLACES_MAX
    largest = Pass("P" * 32, long, long, stores, terminals, "technician", AT, AT + 1)
    data = seal_pass(largest, HQ_KEY, OLD_KEY)
    assert len(data) <= PASS_BYTES_MAX
    assert len(pass_digits(data)) <= len(pass_digits(b"\xff" * PASS_BYTES_MAX)) <= PASS_DIGITS_MAX
    assert open_pass(bytes_of_digits(pass_digits(data)), KEYS) == largest


def test_a_till_that_missed_a_rotation_believes_a_pass_by_the_key_before() -> None:
    before = {key_id(public_of(OLD_KEY)): public_of(OLD_KEY)}
    assert open_pass(seal_pass(PASS, HQ_KEY, OLD_KEY), before) == PASS


def test_a_pass_of_another_house_is_refused() -> None:
    assert code_of(lambda: open_pass(seal_pass(PASS, STRANGER), KEYS)) == "pass_wrong_key"


def test_a_pass_that_was_changed_is_refused() -> None:
    data = seal_pass(PASS, HQ_KEY)
    place = data.index(b"S012")
    changed = data[:place] + b"S013" + data[place + 4 :]
    assert code_of(lambda: open_pass(bytes_of_digits(pass_digits(changed)), KEYS)) == "pass_malformed"


def test_something_else_that_hq_signed_is_no_pass() -> None:
    assert code_of(lambda: open_pass(seal("dangol/coupon/1", pack(PASS), HQ_KEY), KEYS)) == "pass_malformed"
    assert code_of(lambda: open_pass(seal("dangol/pass/1", pack(("x",)), HQ_KEY), KEYS)) == "pass_malformed"


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda digits: "",
        lambda digits: "12",
        lambda digits: digits[:-1],
        lambda digits: digits[:50] + digits[51] + digits[50] + digits[52:],
        lambda digits: "0" + digits,
        lambda digits: "-" + digits,
        lambda digits: digits.replace("1", "\u0661", 1),
        lambda digits: digits + "a",
        lambda digits: "9" * (PASS_DIGITS_MAX + 1),
        lambda digits: "9" * 1_000_000,
    ],
)
def test_a_line_that_was_cut_or_mistyped_is_refused(spoilt: object) -> None:
    digits = pass_digits(seal_pass(PASS, HQ_KEY))
    assert digits[50] != digits[51]
    assert code_of(lambda: bytes_of_digits(spoilt(digits))) == "pass_malformed"  # type: ignore[operator]


def test_a_pass_for_longer_than_a_day_is_neither_made_nor_believed() -> None:
    day = msgspec.structs.replace(PASS, until_ms=AT + PASS_MS_MAX)
    assert open_pass(seal_pass(day, HQ_KEY), KEYS) == day
    longer = msgspec.structs.replace(PASS, until_ms=AT + PASS_MS_MAX + 1)
    assert code_of(lambda: seal_pass(longer, HQ_KEY)) == "pass_malformed"
    assert code_of(lambda: open_pass(seal("dangol/pass/1", pack(longer), HQ_KEY), KEYS)) == "pass_malformed"
    never = msgspec.structs.replace(PASS, until_ms=AT)
    assert code_of(lambda: seal_pass(never, HQ_KEY)) == "pass_malformed"
    nowhere = msgspec.structs.replace(PASS, stores=(), terminals=())
    assert code_of(lambda: seal_pass(nowhere, HQ_KEY)) == "pass_malformed"


def test_a_pass_is_for_its_tills_and_every_till_of_its_stores() -> None:
    check_pass(PASS, "S012-T07", "S012", AT)
    check_pass(PASS, "S013-T01", "S013", AT)
    assert code_of(lambda: check_pass(PASS, "S013-T02", "S013", AT)) == "pass_for_another_till"


def test_a_pass_begins_and_ends_on_the_millisecond() -> None:
    early, last, late = (EpochMs(at) for at in (PASS.from_ms - 1, PASS.until_ms - 1, PASS.until_ms))
    check_pass(PASS, "S012-T01", "S012", last)
    assert code_of(lambda: check_pass(PASS, "S012-T01", "S012", early)) == "pass_not_yet"
    assert code_of(lambda: check_pass(PASS, "S012-T01", "S012", late)) == "pass_expired"
