"""Whatever a till sends, however it is cut, paused and broken off: the printer and the copy get just that."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.printer.ends import Socket
from tests.edge.printer.room import Room, reset

QUESTIONS = [b"\x10\x04\x01", b"\x1b@", b"\x1dr\x01\x10\x04\x02"]
STEP_S = 0.7
Chunk = tuple[bytes, float, bytes]
CHUNKS = st.lists(
    st.tuples(
        st.one_of(
            st.binary(min_size=1, max_size=300).filter(lambda data: data[0] not in b"\x10\x1b\x1d"),
            st.sampled_from([*QUESTIONS, b"\x10", b"\x04\x01", b"\x1dV\x00", b"x" * 40_000]),
        ),
        st.sampled_from([0.0, 0.0, STEP_S, 3 * STEP_S]),
        st.binary(max_size=20),
    ),
    max_size=6,
)
ENDS = st.sampled_from(["close", "half", "reset", "unread"])


@settings(max_examples=max(1, settings().max_examples // 3))
@given(chunks=CHUNKS, end=ENDS, reads=st.booleans())
def test_the_printer_and_the_copies_get_what_the_till_sent(
    chunks: list[Chunk], end: str, *, reads: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        room = Room(Path(folder), silence_ms=2000)
        try:
            printed(room, chunks, end, reads=reads)
            copies = room.copies()
        finally:
            room.close()
    assert not any(".part." in name for name in copies)
    assert room.relay.tally.copies_lost == 0
    if reads:
        assert list(copies.values()) == list(expected(chunks))


def printed(room: Room, chunks: Iterable[Chunk], end: str, *, reads: bool) -> None:
    """Print, break off in one of the ways, and see that the printer got it all and how it ended."""
    till, printer = room.pair()
    sent, found, said = b"", b"", b""
    for data, pause_s, answer in chunks:
        till.setblocking(True)
        till.sendall(data)
        till.setblocking(False)
        sent += data
        if reads:
            found += room.read(printer, len(sent) - len(found))
            room.acknowledged()
        printer.send(answer)
        said += answer
        if pause_s:
            room.go_on(pause_s, step=STEP_S)
    # What a reset finds there yet is lost with any printer.
    room.until(lambda: not Socket(till).unsent())
    room.settle()
    if end == "unread":
        printer.send(b"unread")
        room.settle()
    else:
        assert room.read(till, len(said)) == said
    if end == "half":
        till.shutdown(socket.SHUT_WR)
    elif end == "reset":
        reset(till)
    else:
        till.close()
    room.go_on(0.02, step=0.01)
    rest, how = room.end_of(printer, step=0.005)
    assert (found + rest, how) == (sent, "reset" if end in ("reset", "unread") else "closed")
    printer.close()
    room.until(lambda: room.relay.tally.connections_open == 0)


def expected(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Yield the copies: questions alone begin none, and do not lengthen one."""
    copy, silent_s = b"", 0.0
    for data, pause_s, _ in chunks:
        if data not in QUESTIONS:
            silent_s = 0.0
        elif not copy:
            continue
        copy += data
        silent_s += pause_s
        if silent_s >= 2.0:
            yield copy
            copy = b""
    if copy:
        yield copy
