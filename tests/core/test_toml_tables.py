"""Mistakes in TOML texts: each with its line and path, bounded, and harmless to print, whatever the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_core.errors import ProgrammeErrors
from loyalty_core.programme_toml import read_programme
from tests.core.programme_texts import HEAD, LADDER, earn, mistakes


def said_of(text: str) -> tuple[str, ...]:
    """Return the mistakes of a whole text, none if it is a programme."""
    try:
        read_programme(text)
    except ProgrammeErrors as error:
        return error.mistakes
    return ()


def test_lines_are_right_after_comments_texts_of_many_lines_and_dotted_keys() -> None:
    head = HEAD.replace("\n", "\r\n") + (
        '# [[earn]] = "no rule"\nnames.ko = "a"\n"na\\u006des".en = 5\n[period] # months = 5\nmonths = 6\n'
    )
    rules = (
        "[[earn]]\n"
        'id = "x"\n'
        'on = [\n  "visit", # [\n  "purchase",\n]\n'
        "points = true\n"
        "[earn.name]\n"
        'ko = """\n\nlong"""\n'
        "[[earn]]\n"
        "id = 'y'\n"
        "points = 1\n"
    )
    assert [sentence.split(":")[1] for sentence in mistakes(rules, head)] == ["10", "19", "21", "24"]


def test_a_mistake_inside_a_list_of_tables_on_one_line_is_placed_at_its_key() -> None:
    ladder = (
        LADDER + 'benefits = [{ kind = "gift", name = { ko = "공" } }, { kind = "discount", percnt = "5" }]\n'
    )
    missing, unknown = mistakes(ladder=ladder)
    assert missing.startswith(
        'shop.toml:15: tier[2] "GOLD": benefits[2]: percent is missing: expected a decimal'
    )
    assert (
        unknown
        == 'shop.toml:15: tier[2] "GOLD": benefits[2]: percnt is an unknown key: did you mean percent?'
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("schema = \n", "x.toml:1: the text is no valid TOML at column 10: Invalid value"),
        ("a = 1\n\n[b\n", 'x.toml:3: the text is no valid TOML at column 3: Expected "]" at the end'),
        (
            "a = 1\na = 2",
            "x.toml:2: the text is no valid TOML at column 6: the same key stands here a second",
        ),
        ("a = 2026-02-30", "x.toml:1: the text is no valid TOML"),
        ("a = '\ud800'", "x.toml: the text holds a lone surrogate: expected UTF-8"),
        ("a = " + "[" * 3000, "x.toml: lists or tables are nested too deep"),
        ("a = " + "9" * 3990, "x.toml: currency is missing"),
        ("a\x1b[31m = 1", "x.toml:1: the text is no valid TOML"),
    ],
)
def test_what_is_no_toml_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ProgrammeErrors) as caught:
        read_programme(text, "x.toml")
    assert any(found.replace("'", '"').startswith(sentence) for found in caught.value.mistakes)
    assert all(found.isprintable() for found in caught.value.mistakes)


def test_a_file_of_256_kib_is_read_and_one_byte_more_is_refused() -> None:
    text = HEAD + LADDER
    filler = "# 한" + "x" * 95 + "\n"
    text += filler * ((256 * 1024 - len(text.encode())) // len(filler.encode()))
    text += "#" * (256 * 1024 - len(text.encode()))
    assert read_programme(text).version == 1
    with pytest.raises(ProgrammeErrors, match="too large: expected at most 256 KiB"):
        read_programme(text + "#")


def test_a_line_of_4000_characters_is_read_and_a_longer_one_is_refused() -> None:
    assert read_programme("#" * 4000 + "\n" + HEAD + LADDER).version == 1
    with pytest.raises(
        ProgrammeErrors, match=r"programme.toml:2: the line is too long: expected at most 4000"
    ):
        read_programme("\n" + "#" * 4001 + "\n" + HEAD + LADDER)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\n".join(f"k{number} = 1" for number in range(5_000)), id="many keys"),
        pytest.param(("a." * 1990 + "a = 1\n").join(["", ""]), id="a deep key"),
    ],
)
def test_a_hostile_file_is_refused(text: str) -> None:
    with pytest.raises(ProgrammeErrors):
        read_programme(text)


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert read_programme("\ufeff" + HEAD + LADDER).version == 1


@given(st.text(max_size=200))
def test_any_text_at_all_is_a_programme_or_named_mistakes(text: str) -> None:
    for whole in (text, HEAD + text + LADDER, HEAD + earn(text) + LADDER):
        assert all(sentence.isprintable() for sentence in said_of(whole))


_VALUES = st.recursive(
    st.sampled_from(
        ["true", "0", "-1", "1", "1.5", '"x"', '"12:00"', '"mon"', "2026-07-01", "07:00:00", "inf"]
    )
    | st.integers().map(str),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | inner.map(lambda item: f"{{ ko = {item} }}")
    ),
    max_leaves=4,
)
_KEYS = st.sampled_from(
    [
        *("schema", "programme", "names", "period", "combine", "earn", "weight", "bonus", "cap", "tier"),
        *(
            "tier_policy",
            "redeem",
            "expiry",
            "id",
            "on",
            "stores",
            "categories",
            "exclude_tenders",
            "minimum",
        ),
        *("weekdays", "from", "until", "from_date", "tiers", "affects", "points", "per", "nth", "times"),
        *("birthday", "first", "limit_per_day", "benefits", "name", "kind", "percent", "months", "step"),
    ]
)


@given(
    st.lists(
        st.tuples(_KEYS, _VALUES) | _KEYS.map(lambda key: (f"[[{key}]]", "")),
        max_size=12,
        unique_by=lambda k: k[0],
    )
)
def test_any_value_under_any_key_is_a_programme_or_named_mistakes(lines: list[tuple[str, str]]) -> None:
    text = "\n".join(f"{key} = {value}" if value else key for key, value in lines)
    with pytest.raises(ProgrammeErrors) as caught:
        read_programme(text)
    assert all(sentence.isprintable() for sentence in caught.value.mistakes)
