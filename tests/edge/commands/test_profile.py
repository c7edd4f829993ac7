"""`edge-agent profile`: how a print is read, line by line, before anything is recorded."""

from __future__ import annotations

import json

from tests.edge.commands.desk import Desk
from tests.edge.escpos.made import RECEIPT, SALE, printed


def put(desk: Desk, name: str, data: bytes) -> str:
    path = desk.folder / name
    path.write_bytes(data)
    return str(path)


def test_a_print_is_shown_line_by_line_with_what_it_becomes(desk: Desk) -> None:
    lines = desk.ok("profile", "try", put(desk, "a.escpos", printed(RECEIPT))).splitlines()
    assert lines[0] == "paper 1"
    assert "         total | 합계                               12,440" in lines
    assert "          item | 신라면 5입         4,980      2     9,960" in lines
    assert lines[-1].startswith(
        '  would be handed in: {"kind":"purchase","receipt":{"store":"S012","till":"03"'
    )
    assert desk.count() == 0


def test_another_profile_and_currency_may_be_tried(desk: Desk) -> None:
    file = put(desk, "a.escpos", printed(SALE, "cp437"))
    told = json.loads(desk.ok("profile", "try", "--profile", "en", "--currency", "USD", "--json", file))
    assert (told["receipt"]["net_minor"], told["receipt"]["currency"]) == (1429, "USD")
    assert {"text": "TOTAL                         $14.29", "taken_for": "total"} in told["lines"]


def test_what_cannot_be_read_says_which_pattern_to_write(desk: Desk) -> None:
    file = put(desk, "a.escpos", printed(RECEIPT.replace("No:0042", "")))
    result = desk.call("profile", "try", file)
    assert result.exit_code == 1
    assert (
        "would be set aside: the receipt's number was not found: no line fits patterns.number"
        in result.stdout
    )


def test_a_profile_of_ones_own_needs_only_what_differs(desk: Desk) -> None:
    own = desk.folder / "mine.toml"
    own.write_text("extends = \"ko\"\n[patterns]\nnumber = ['전표\\s*=\\s*(?P<value>\\d+)']\n", "utf-8")
    file = put(desk, "a.escpos", printed(RECEIPT.replace("No:0042", "전표 = 77")))
    told = json.loads(desk.ok("profile", "try", "--profile", str(own), "--json", file))
    assert told["receipt"]["receipt"]["number"] == "77"


def test_a_group_that_finds_nothing_or_no_number_is_a_mistake_of_the_paper(desk: Desk) -> None:
    file = put(desk, "a.escpos", printed(RECEIPT))
    day = "(?P<month>11)-(?P<day>20) (?P<hour>1..)(?P<minute>31)"
    for number, (written, code) in enumerate(
        [
            ("total = ['합계\\s+(?P<value>x)?']", "total_unreadable"),
            (f"time = ['(?P<year>x)?2026-{day}']", "date_impossible"),
            (f"time = ['(?P<year>2026)-{day}']", "date_impossible"),
        ]
    ):
        own = desk.folder / f"mine{number}.toml"
        own.write_text(f'extends = "ko"\n[patterns]\n{written}\n', "utf-8")
        told = json.loads(desk.call("profile", "try", "--profile", str(own), "--json", file).stdout)
        assert told["code"] == code


def test_mistakes_in_a_profile_are_told_with_their_place(desk: Desk) -> None:
    file = put(desk, "a.escpos", printed(RECEIPT))
    own = desk.folder / "mine.toml"
    for written, said in (
        ("[patterns]\ntotal = ['(']", "patterns.total, expression 1: missing )"),
        ("[patterns]\ntotal = ['x']", "patterns.total, expression 1: it needs (?P<value>...)"),
        ("[patterns]\nsum = ['x']", "patterns.sum is none of number"),
        ("[tenders]\ncash = ['x']", "tenders.cash, expression 1: it needs (?P<value>...)"),
        ("multibyte = 'klingon'", 'multibyte: nobody knows the encoding "klingon"'),
        ("code_pages = {x = 'cp437'}", 'code_pages: "x" is no number of a code page'),
        ("[patterns]\ntotal = ['(?P<value>(\\d+,?)+)$']", "patterns.total, expression 1: it repeats a part"),
        ("colour = 1", "unknown field `colour`"),
        ("patterns = 1 2", "line 1"),
        ("extends = 'mine.toml'", "more than 5 profiles extend one another"),
    ):
        own.write_text(written, "utf-8")
        sentence = desk.refused("profile", "try", "--profile", str(own), file)
        assert sentence.startswith("error (profile_invalid)")
        assert said in sentence
    assert "profile_unknown" in desk.refused("profile", "try", "--profile", "klingon", file)
    assert "profile_unknown" in desk.refused("profile", "try", "--profile", "gone.toml", file)
    assert "file_unreadable" in desk.refused("profile", "try", "gone.escpos")
    assert "no regular file" in desk.refused("profile", "try", str(desk.folder))


def test_the_ready_profiles_are_named(desk: Desk) -> None:
    ko, en, british = desk.ok("profile", "list").splitlines()
    assert ko.startswith("ko  Korean tills.")
    assert en.startswith("en  English tills")
    assert british.startswith("en-gb  English tills with the day before the month")
