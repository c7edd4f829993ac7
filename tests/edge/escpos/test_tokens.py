"""The length of every command: who loses step reads pictures as prices."""

from __future__ import annotations

import pytest

from edge_agent.pos_adapter.escpos.tokens import tokens

AFTER = b"12,440"
COMMANDS = [
    b"\x1b@",
    b"\x1b!\x30",
    b"\x1ba\x01",
    b"\x1bE\x01",
    b"\x1b-\x01",
    b"\x1bt\x0d",
    b"\x1bR\x0d",
    b"\x1bM\x01",
    b"\x1bd\x04",
    b"\x1bJ\x40",
    b"\x1b2",
    b"\x1b3\x40",
    b"\x1b \x02",
    b"\x1b$\x40\x41",
    b"\x1b\\\x40\x41",
    b"\x1bp\x00\x32\x32",
    b"\x1bD\x08\x10\x20\x00",
    b"\x1b*\x00\x03\x00ABC",
    b"\x1b*\x21\x02\x00ABCDEF",
    b"\x1bc0\x02",
    b"\x1bi",
    b"\x1bm",
    b"\x1b&\x03AB\x02ABCDEF\x01ABC",
    b"\x1b(A\x04\x00ABCD",
    b"\x1b{\x01",
    b"\x1dB\x01",
    b"\x1d!\x11",
    b"\x1dW\x41\x42",
    b"\x1dL\x41\x42",
    b"\x1dH\x02",
    b"\x1dh\x40",
    b"\x1dw\x03",
    b"\x1df\x01",
    b"\x1dk\x02200012345678\x00",
    b"\x1dk\x43\x0c200012345678",
    b"\x1dk\x49\x05{BABC",
    b"\x1dv0\x00\x02\x00\x03\x00ABCDEF",
    b"\x1d(L\x04\x000012",
    b"\x1d(k\x03\x001C3",
    b"\x1d8L\x05\x00\x00\x00ABCDE",
    b"\x1dV\x00",
    b"\x1dV1",
    b"\x1dVB\x30",
    b"\x1dVA\x03",
    b"\x1da\xff",
    b"\x1dr\x01",
    b"\x1d*\x01\x02ABCDEFGHIJKLMNOP",
    b"\x1c&",
    b"\x1c.",
    b"\x1cC\x01",
    b"\x1cS\x40\x41",
    b"\x1c-\x01",
    b"\x1c!\x08",
    b"\x1c(A\x02\x0000",
    b"\x1cp\x01\x30",
    b"\x1cq\x01\x01\x00\x01\x00ABCDEFGH",
    b"\x10\x04\x01",
    b"\x10\x04\x07\x01",
    b"\x10\x05\x01",
    b"\x10\x14\x01\x00\x05",
    b"\x10\x14\x08ABCDEFG",
    b"\x18",
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[:3].hex())
def test_what_follows_a_command_is_text_again(command: bytes) -> None:
    first, text = tokens(command + AFTER)
    assert (first.end, text.name, text.args, first.is_known) == (len(command), b"", AFTER, True)


@pytest.mark.parametrize("command", [b"\x1bp\x00", b"\x1bp\x00\x32"])
def test_a_pulse_whose_times_were_left_out_ends_where_the_next_command_begins(command: bytes) -> None:
    found = list(tokens(command + b"\x1bd\x04" + AFTER))
    assert [one.name for one in found] == [b"\x1bp", b"\x1bd", b""]


def test_a_command_that_nobody_knows_costs_itself_and_is_told() -> None:
    found = list(tokens(b"\x1b\x7f" + AFTER))
    assert next((one.name, one.is_known) for one in found) == (b"\x1b\x7f", False)
    assert found[-1].args == AFTER


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[:3].hex())
def test_a_command_that_is_cut_off_ends_with_the_bytes(command: bytes) -> None:
    for length in range(1, len(command)):
        assert [one.end for one in tokens(command[:length])][-1] == length


def test_a_picture_of_four_gigabytes_that_never_comes_takes_no_memory() -> None:
    (found,) = tokens(b"\x1d8L\xff\xff\xff\xffABC")
    assert (found.end, len(found.args)) == (10, 8)
