"""What stands on the paper: letters, columns and ends."""

from __future__ import annotations

import tracemalloc

import pytest

from edge_agent.pos_adapter.escpos.paper import Paper, Printer, papers

KOREAN, PLAIN = Printer(), Printer(multibyte="")


def lines(data: bytes, printer: Printer = PLAIN) -> list[str]:
    return [line for paper in papers(data, printer) for line in paper.lines]


def test_korean_letters_need_no_command_and_may_be_switched_off_inside_a_line() -> None:
    assert lines("합계 1".encode("cp949"), KOREAN) == ["합계 1"]
    assert lines("합".encode("cp949") + b"\x1c.\x1bt\x00\x9b\x1c&" + "계".encode("cp949"), KOREAN) == [
        "합¢계"
    ]


def test_a_letter_of_two_bytes_may_be_parted_by_a_command() -> None:
    first, second = "합".encode("cp949")
    assert lines(bytes([first]) + b"\x1bE\x01" + bytes([second]) + b"X", KOREAN) == ["합X"]


def test_letters_of_three_bytes_may_be_parted_by_commands_too() -> None:
    data = b"\x1bE\x01".join(bytes([one]) for one in "합계 1".encode())
    assert lines(data, Printer(multibyte="utf-8")) == ["합계 1"]
    assert lines(b"\xc7\n1\xc7\x1c.2", KOREAN) == ["12"]


def test_every_letter_of_every_code_page_is_one() -> None:
    for page in range(256):
        (line,) = lines(b"\x1bt" + bytes([page]) + b"1" + bytes(range(0x80, 0x100)) + b"2")
        assert line[0] + line[-1] == "12"


def test_each_word_may_have_a_code_page_of_its_own() -> None:
    data = b"Caf\x82 \x1bt\x12\x9da \x1bt\x10\x80"
    assert lines(data) == ["Café Ła €"]
    assert lines(b"\x1bt\x63\xd5", Printer(multibyte="", code_pages={0x63: "cp1252"})) == ["Õ"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\r", b"\r", b"\x1bd\x01", b"\x1bJ\x10", b"\x0c"])
def test_a_line_ends_in_every_way(end: bytes) -> None:
    assert lines(b"A" + end + b"B" + end + b"C") == ["A", "B", "C"]


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"Cola\x1b$\xf0\x002\x1b$\x68\x013.98", "Cola                2         3.98"),
        (b"Cola\x1b\\\x30\x002", "Cola    2"),
        (b"A very long name of a thing\x1b$\x0c\x002", "A very long name of a thing 2"),
        (b"1\x1b$\x0c\x002", "1 2"),
        (b"12\x1b\\\xf4\xff3", "12 3"),
        (b"Cola\t2\t3", "Cola    2       3"),
        (b"\x1bD\x0a\x14\x00Cola\t2\t3\t4", "Cola      2         3 4"),
        (b"\x1d!\x10AB\x1b$\x30\x00C", "AB C"),
    ],
)
def test_columns_by_position_keep_apart_what_stands_in_them(data: bytes, line: str) -> None:
    assert lines(data) == [line]


def test_korean_letters_are_two_columns_wide() -> None:
    assert lines("신라면".encode("cp949") + b"\x1b$\x78\x002", KOREAN) == ["신라면    2"]


def ends(data: bytes) -> list[Paper]:
    return list(papers(data, PLAIN))


@pytest.mark.parametrize("cut", [b"\x1dV\x00", b"\x1dVA\x03", b"\x1dVB\x30", b"\x1bi", b"\x1bm"])
def test_a_cut_ends_a_paper_and_what_prints_nothing_after_it_is_none(cut: bytes) -> None:
    after = b"\x1bp\x00\x32\x32\n\x1dr\x01\x1b@" + cut
    first, second = ends(b"A" + cut + after + b"B" + cut + after)
    assert (first.lines, second.lines) == (("A",), ("B",))
    assert first.raw + second.raw == b"A" + cut + after + b"B" + cut + after


def test_without_a_cut_the_end_of_the_bytes_is_the_end_of_the_paper() -> None:
    first, second = ends(b"A\x1dV\x00B")
    assert (first.is_cut, second.is_cut, second.lines) == (True, False, ("B",))


def test_a_picture_is_none_of_the_text_and_a_drawer_prints_nothing() -> None:
    (picture,) = ends(b"\x1dv0\x00\x01\x00\x02\x00AB\x1dV\x00")
    assert (picture.lines, picture.pictures, picture.is_blank) == ((), 1, False)
    (drawer,) = ends(b"\x1b@\x1bp\x00\x32\x32")
    assert drawer.is_blank
    assert [one.is_blank for one in ends(b"")] == [True]


def test_a_paper_of_miles_is_read_to_a_limit() -> None:
    (paper,) = ends(b"A\n" * 5000 + b"x" * 5000)
    assert len(paper.lines) == 2000
    assert max(len(line) for line in lines(b"x" * 5000)) == 200


def test_what_moves_and_types_nothing_takes_no_room() -> None:
    tracemalloc.start()
    try:
        papers_ = ends(b"A" + b"\t" * 40_000 + b"B\n" + b"\x1b$\xff\xff" * 4_000 + b"C" + b"\x1bi" * 1_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [one.lines for one in papers_] == [("A",)]
    assert peak < 500_000
