"""Look-ups: one form for every spelling of a card or phone, and none for what can never name one member."""

from __future__ import annotations

import hashlib
import hmac
import random
import subprocess
import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_core.lookups import (
    MEMBER_ID_FORM,
    candidates,
    card_of,
    hashed,
    masked_name,
    other_ways,
    unknown_form,
    without_zeros,
)

CARD = "card:2000123456782"
PHONE = "phone:+821012345678"
CARDS = [
    ("2000123456782", "card:2000123456782"),
    ("2100000000012", "card:2100000000012"),
    ("2999999999991", "card:2999999999991"),
    ("8801234567893", "card:8801234567893"),
    ("8801123456789019", "card:8801123456789019"),
    ("9020123456789012", "card:9020123456789012"),
    # Luhn is not asked for, and of 13 digits only a member card (prefix 2) must have its check digit.
    ("8801123456789010", "card:8801123456789010"),
    ("8801234567890", "card:8801234567890"),
    ("1234567890123456789", "card:1234567890123456789"),
]
PHONES = [
    ("010-1234-5678", PHONE),
    ("01012345678", PHONE),
    ("+82 10-1234-5678", PHONE),
    ("+8201012345678", PHONE),
    ("010 1234 5678", PHONE),
    ("０１０－１２３４－５６７８", PHONE),
    ("1012345678", PHONE),
    ("8210-1234-5678", PHONE),
    ("010.1234.5678", PHONE),
    ("(010) 1234-5678", PHONE),
    ("010–1234–5678", PHONE),
    ("011-123-4567", "phone:+82111234567"),
    ("010-123-4567", "phone:+82101234567"),
]
NEVER = [
    "",
    "   ",
    "\r\n",
    "-",
    "0",
    "0000000000000",
    "2000123456784",
    "2000 1234 56784",
    "010-****-5678",
    "010-1234-****",
    "010-＊＊＊＊-5678",
    "010-●●●●-5678",
    "010-XXXX-5678",
    "8801-12xx-xxxx-9019",
    "2000123456782\x002000123456782",
    "20001234\n56782",
    "홍길동",
    "+2000123456782",
    "a" * 41,
    "1" * 65,
]


@pytest.mark.parametrize(("text", "form"), CARDS)
def test_a_card_number_is_tried_as_id_and_as_card_and_never_as_phone(text: str, form: str) -> None:
    assert candidates(text) == (f"id:{text}", form)
    assert unknown_form(text) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0000000000000028403134012", "card:28403134012"),
        ("00000000000000000000002000123456782", CARD),
        ("]E02000123456782\r\n", CARD),
        ("\x022000123456782\x03", CARD),
        ("2000123456782\t", CARD),
        (";9020123456789012=2512101123400?", "card:9020123456789012"),
        (";2000123456782?", CARD),
        ("%B9020123456789012^KIM/MINJI^2512101?", "card:9020123456789012"),
        ("%2000123456782?", CARD),
    ],
)
def test_what_scanners_and_tills_put_around_a_card_is_not_its_number(text: str, form: str) -> None:
    assert form in candidates(text)
    assert unknown_form(text) == form


@pytest.mark.parametrize(
    "text",
    [
        "0000000000000000000000000",
        "000000000000000002000123456784",
        ";2000123456784?",
        ";20001234****82?",
        "%Bnobody^X^?",
        ";2000123456782",
    ],
)
def test_what_is_no_card_inside_of_that_never_matches(text: str) -> None:
    assert candidates(text) == ()


@pytest.mark.parametrize(("text", "form"), PHONES)
def test_every_spelling_of_a_phone_number_has_one_form(text: str, form: str) -> None:
    assert candidates(text)[-1] == form
    assert unknown_form(text) == form


@pytest.mark.parametrize("text", NEVER)
def test_what_is_masked_misread_or_empty_never_matches(text: str) -> None:
    assert candidates(text) == ()
    assert unknown_form(text) is None


def test_a_leading_zero_of_the_scanner_is_dropped_only_before_a_right_check_digit() -> None:
    forms = candidates("02000123456782")
    assert [form for form in forms if form.startswith("card:")] == [CARD, "card:02000123456782"]
    assert forms[0] == "id:2000123456782"
    assert unknown_form("02000123456782") == CARD
    assert candidates("02000123456784") == ("id:02000123456784", "card:02000123456784")
    assert candidates("12000123456782") == ("id:12000123456782", "card:12000123456782")


@pytest.mark.parametrize(
    "text",
    [
        "2000123456782\r\n",
        " 2000 1234 56782 ",
        "2000-1234-56782",
        "]E02000123456782",
        "２０００１２３４５６７８２",
    ],
)
def test_what_scanners_and_hands_add_to_a_card_is_cleaned_away(text: str) -> None:
    assert unknown_form(text) == CARD


def test_twelve_digits_may_be_a_phone_number_and_thirteen_may_not() -> None:
    assert unknown_form("821012345678") == PHONE
    assert unknown_form("8201012345678") == "card:8201012345678"


def test_a_number_that_is_both_is_tried_as_id_and_card_before_phone() -> None:
    assert candidates("010-1234-5678") == (
        "id:010-1234-5678",
        "id:01012345678",
        "card:01012345678",
        "phone:+821012345678",
    )


def test_codes_of_letters_keep_their_case_and_are_no_phone_numbers() -> None:
    assert candidates("M-0000010") == ("id:M-0000010", "card:M0000010")
    assert candidates("m.kim_01") == ("id:m.kim_01", "card:m.kim_01")
    assert unknown_form("010CALLNOW") == "id:010CALLNOW"
    assert unknown_form("M-0000010") == "id:M-0000010"


def test_an_id_of_three_x_is_masked_only_when_it_is_as_long_as_a_number() -> None:
    assert candidates("XXX0001") == ("id:XXX0001", "card:XXX0001")
    assert candidates("XXX00001") == ()


def test_forty_characters_are_a_code_and_one_more_is_none() -> None:
    assert candidates("a" * 40) == ("id:" + "a" * 40, "card:" + "a" * 40)
    assert candidates("a" * 41) == ()


def test_a_text_of_64_characters_is_cleaned_and_a_longer_one_never_matches() -> None:
    assert unknown_form("2000123456782".ljust(64)) == CARD
    assert unknown_form("2000123456782".ljust(65)) is None


def test_numbers_without_a_country_code_belong_to_the_region() -> None:
    assert unknown_form("(212) 555-2368", "US") == "phone:+12125552368"
    assert unknown_form("(212) 555-2368", "KR") is None
    assert unknown_form("+82 10-1234-5678", "US") == PHONE


def test_every_block_of_korean_mobile_numbers_is_valid_as_the_library_says() -> None:
    own = random.Random(20261123)
    for block in range(10_000):
        gap = own.choice(["", " ", "-"])
        text = f"010{gap}{block:04}{own.choice(['', ' ', '-'])}{own.randrange(10_000):04}"
        number = phonenumbers.parse(text, "KR")
        form = f"phone:{phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}"
        assert (form in candidates(text)) == phonenumbers.is_valid_number(number), text


def test_no_block_of_korean_mobile_numbers_is_valid_in_part() -> None:
    own = random.Random(20261124)
    blocks = [*own.sample(range(10_000), 40), *range(5965, 6005)]
    for block in blocks:
        ends = [place * digit for place in (1, 10, 100, 1000) for digit in range(10)]
        texts = [f"010-{block:04}-{end:04}" for end in (*ends, 9999)]
        valid = {phonenumbers.is_valid_number(phonenumbers.parse(text, "KR")) for text in texts}
        assert len(valid) == 1, block


def test_a_mobile_number_of_another_country_is_not_told_by_the_blocks_of_korea() -> None:
    assert unknown_form("010-1234-5678", "IT") == "phone:+3901012345678"


def test_two_numbers_in_one_field_are_not_taken_for_the_first() -> None:
    assert candidates("010-1234-5678/010-2222-3333") == ()
    assert not any(form.startswith("phone:") for form in candidates("010-1234-5678 010-2222-3333"))


def test_a_card_is_looked_up_without_loading_the_phone_library() -> None:
    code = (
        "import sys; from loyalty_core.lookups import candidates\n"
        "candidates('2000123456782'); assert 'phonenumbers' not in sys.modules\n"
        "candidates('010-1234-5678'); assert 'phonenumbers' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_member_ids_are_one_to_forty_of_their_letters() -> None:
    assert MEMBER_ID_FORM == r"^[A-Za-z0-9._-]{1,40}$"


def test_the_hash_depends_on_the_form_and_on_the_key_and_hides_both() -> None:
    key = bytes(range(32))
    digest = hmac.new(key, b"phone:+821012345678", hashlib.sha256).digest()
    assert hashed(PHONE, key) == "h:" + digest[:16].hex()
    assert hashed(PHONE, bytes(32)) != hashed(PHONE, key)
    assert hashed(CARD, key) != hashed(PHONE, key)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("홍길동", "홍*동"),
        ("김철", "김*"),
        ("남궁민수", "남**수"),
        ("홍 길동", "홍*동"),
        ("\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "홍*동"),
        ("김", "*"),
        ("Jane Doe", "J*** D**"),
        ("J Doe", "* D**"),
        ("  Jane \n Doe ", "J*** D**"),
        ("김Jane", "김****"),
        ("山田太郎", "山***"),
        ("", ""),
        ("<b>x</b>", "<" + "*" * 7),
    ],
)
def test_a_masked_name_shows_first_letters_only(name: str, shown: str) -> None:
    assert masked_name(name) == shown


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("0077403134", ("id:77403134", "card:77403134")),
        ("00-77403134", ("id:77403134", "card:77403134")),
        ("0000123", ("id:123", "card:123")),
        # These are a phone number, a card that was misread but for its zero, and a number without zeros.
        ("01012345678", ("card:01012345678", PHONE)),
        ("02000123456784", ("id:02000123456784", "card:02000123456784")),
        ("77403134", ("id:77403134", "card:77403134")),
        ("AB00123", ("id:AB00123", "card:AB00123")),
        ("00AB123", ("id:00AB123", "card:00AB123")),
    ],
)
def test_a_number_is_tried_without_zeros_in_front_at_last(text: str, last: tuple[str, str]) -> None:
    assert candidates(text)[-2:] == last


@given(st.text("0123456789", min_size=1, max_size=12).filter(lambda text: text.strip("0")), st.integers(0, 8))
def test_whatever_zeros_are_added_or_lost_the_card_is_the_same(digits: str, zeros: int) -> None:
    typed, known = f"card:{digits}", f"card:{'0' * zeros}{digits}"
    assert card_of(typed) == card_of(known) == f"card:{digits.lstrip('0')}"
    # What is recorded finds what is kept of the member: the number, and the number without zeros.
    kept = {known, without_zeros(known)}
    assert kept & {typed, *other_ways(typed)}
    assert typed not in other_ways(typed)


@pytest.mark.parametrize(
    "reference", ["id:M-0012", "card:M0012", "h:00ff", "phone:+8210", "id:0-12", "card:000"]
)
def test_only_numbers_have_zeros_to_lose(reference: str) -> None:
    assert without_zeros(reference) is None


def test_a_masked_name_is_bounded() -> None:
    assert masked_name("a" * 1000) == "a" + "*" * 63
