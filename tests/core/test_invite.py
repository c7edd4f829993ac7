"""The invite code: what is printed can be typed back, sloppily, and pins the HQ that made it."""

from __future__ import annotations

import pytest

from loyalty_core.errors import BadInput
from loyalty_core.invite import make_code, pin_of, read_code

KEY = bytes(range(32))
SECRET = b"\x01\x23\x45\x67\x89\xab\xcd\xef"


def test_a_code_is_six_groups_and_reads_back_as_its_secret_and_pin() -> None:
    code = make_code(SECRET, KEY)
    assert [len(group) for group in code.split("-")] == [4] * 6
    assert read_code(code) == (b"\x01\x23\x45\x67\x89\xab\xcd\xe0", pin_of(KEY))


def test_case_spaces_and_hyphens_do_not_matter_when_a_code_is_typed() -> None:
    code = make_code(SECRET, KEY)
    assert read_code(f"  {code.lower().replace('-', ' ')} ") == read_code(code)
    assert read_code(code.replace("-", "")) == read_code(code)


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    code = make_code(b"\x00" * 8, KEY)
    assert code.startswith("0000-0000-0000-")
    assert read_code("oooo-OOOO-o0O0-" + code[15:]) == read_code(code)
    one = make_code(b"\x00\x00\x00\x00\x00\x00\x00\x10", KEY)
    assert one[:14] == "0000-0000-0001"
    assert read_code(one[:13] + "l" + one[14:]) == read_code(one)


def test_two_headquarters_have_two_pins() -> None:
    assert pin_of(KEY) != pin_of(bytes(32))
    assert pin_of(KEY)[-1] & 0x0F == 0


@pytest.mark.parametrize("text", ["", "ABCD", "U" * 24, "0" * 23, "0" * 25, "한" * 24])
def test_what_is_no_code_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_code(text)
    assert caught.value.code == "code_malformed"
