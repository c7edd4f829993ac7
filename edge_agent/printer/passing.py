"""One passage between a till and its printer: every byte both ways, unchanged, and how each side ends.

What one way holds is bounded: nothing is read from a side before the other has taken what came before. So a
till whose printer takes nothing has to wait, as the printer would make it. A half-close is passed on behind
the last byte, a reset of the printer at once, one of the till once the printer has what the till had sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from edge_agent.printer.copying import Copying
from edge_agent.printer.ends import End
from edge_agent.printer.loop import BROKEN, READABLE, WRITABLE, Loop

DRAIN_S: Final = 5.0
"""A till has gone by a reset, and the printer takes none of what is left for so long: it is reset, too."""
HALF_OPEN_S: Final = 60.0
"""One side has said that it is done, and nothing is heard for so long: as long as a kernel waits, too."""
LINGER_S: Final = 0.1
"""The same where the other side is a line, which never says that it is done."""
LOOK_S: Final = 0.01
"""How often it is looked whether the printer has what the kernel holds for it."""


class Way:
    """One direction."""

    def __init__(self, source: End, sink: End) -> None:
        self.source, self.sink = source, sink
        self.held = b""
        self.has_ended = False
        self.is_finished = False
        """It has ended, and the sink was told."""

    @property
    def wants(self) -> bool:
        """Whether more may be read."""
        return not self.held and not self.has_ended


class Passage:
    """A till that prints. `over` is called once, when both ends have been closed.

    `broke` is how the printer failed, if it did; `till_broke` how the till did.
    """

    def __init__(
        self,
        loop: Loop,
        till: End,
        printer: End,
        *,
        copying: Callable[[Callable[[], bool]], Copying],
        over: Callable[[Passage], None],
    ) -> None:
        self.till, self.printer = till, printer
        self.broke: OSError | None = None
        self.till_broke: OSError | None = None
        self.is_connecting = True
        self._loop, self._over = loop, over
        self._copying = copying(self._waits)
        self._to_printer, self._to_till = Way(till, printer), Way(printer, till)
        self._heard_till = partial(self._heard, till)
        self._heard_printer = partial(self._heard, printer)
        self._resting: set[End] = set()
        self._quiet_since, self._unsent = loop.now(), 0
        self._is_over = self._is_looking = False
        self._limit_s = HALF_OPEN_S

    def start(self) -> None:
        """Begin."""
        self._guarded(self._watch)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is under way, and no copy either."""
        return not (self._waits() or self._to_till.held or self._copying.is_open)

    def stop(self) -> None:
        """End now."""
        self._end(is_cut=self._waits() or self.is_connecting)

    def _heard(self, end: End, events: int) -> None:
        """Do what an end is ready for: to be read for one way, to be written for the other."""
        self._guarded(partial(self._move, end, events))

    def _guarded(self, call: Callable[[], None]) -> None:
        """End where the printer fails; how the till does is known where it is read or written."""
        try:
            call()
        except OSError as error:
            self.broke = error
            self._end(is_cut=True)

    def _move(self, end: End, events: int) -> None:
        if end is self.printer and self.is_connecting:
            self.printer.connected()
            self.is_connecting = False
        reads, writes = self._ways_of(end)
        if events & BROKEN and not (writes.held or (reads.wants and not self.is_connecting)):
            self._gone(end, ConnectionResetError())
        if events & (WRITABLE | BROKEN) and writes.held:
            self._write(writes)
        if events & (READABLE | BROKEN) and reads.wants and not self.is_connecting:
            self._read(reads)
        self._settle()

    def _ways_of(self, end: End) -> tuple[Way, Way]:
        """Return the way for which an end is read, and that for which it is written."""
        if end is self.till:
            return self._to_printer, self._to_till
        return self._to_till, self._to_printer

    def _read(self, way: Way) -> None:
        try:
            data = way.source.read()
        except OSError as error:
            way.has_ended = True
            self._gone(way.source, error)
            return
        if data is None and not self.till_broke:
            self._rest(way.source)
        elif data:
            way.held = data
            self._write(way)
        else:
            way.has_ended = True

    def _write(self, way: Way) -> None:
        try:
            count = way.sink.write(way.held)
        except OSError as error:
            self._gone(way.sink, error)
            return
        if not count:
            self._rest(way.sink)
            return
        passed, way.held = way.held[:count], way.held[count:]
        self._quiet_since = self._loop.now()
        if way is self._to_printer:
            self._copying.passed(passed)
        else:
            self._copying.answered(count)

    def _gone(self, end: End, error: OSError) -> None:
        """Nobody hears any more what the printer says; what the till has sent goes on to the printer."""
        if end is self.printer:
            raise error
        self.till_broke = self.till_broke or error
        self._to_till.held, self._to_till.has_ended, self._to_till.is_finished = b"", True, True

    def _settle(self) -> None:
        """Pass on what has ended; then end, or see what is to be heard next."""
        if self.till_broke is not None and not self.is_connecting:
            while self._to_printer.wants:
                self._read(self._to_printer)
        for way in (self._to_till, self._to_printer):
            if way.has_ended and not way.held and not way.is_finished and not self.till_broke:
                self._finish(way)
        if self._is_done():
            self._end(is_cut=self.till_broke is not None)
        else:
            self._watch()
            self._look_again()

    def _finish(self, way: Way) -> None:
        way.is_finished = True
        try:
            is_told = way.sink.finish()
        except OSError as error:
            self._gone(way.sink, error)
            return
        self._limit_s = HALF_OPEN_S if is_told else LINGER_S
        if way.sink is self.till and not is_told:
            # What else comes on the till's line is for the printer's next connection.
            self._to_printer.has_ended = True

    @property
    def _is_ending(self) -> bool:
        return bool(self.till_broke) or self._to_printer.is_finished or self._to_till.is_finished

    def _is_done(self) -> bool:
        """Tell whether nothing more can come of it."""
        if not self._is_ending:
            return False
        if (unsent := self.printer.unsent()) != self._unsent:
            self._quiet_since, self._unsent = self._loop.now(), unsent
        quiet_s = self._loop.now() - self._quiet_since
        if self.till_broke is not None:
            is_passed = self._to_printer.has_ended and not self._waits()
            return is_passed or quiet_s >= DRAIN_S
        if self._to_printer.is_finished and self._to_till.is_finished:
            return True
        return quiet_s >= self._limit_s and not self._waits()

    def _look_again(self) -> None:
        """Come back in a while where time ends it."""
        if self._is_ending and not self._is_looking:
            self._is_looking = True
            self._loop.after(LOOK_S if self.till_broke else self._limit_s / 10, self._look)

    def _look(self) -> None:
        self._is_looking = False
        if not self._is_over:
            self._guarded(self._settle)

    def _watch(self) -> None:
        """Hear of each end what it can do; with nothing to do now it would tell of its end for ever."""
        is_deaf = self.is_connecting
        for end, heard in ((self.till, self._heard_till), (self.printer, self._heard_printer)):
            reads, writes = self._ways_of(end)
            if (end is self.till and self.till_broke) or (writes.is_finished and not reads.wants):
                self._loop.forget(end.fd)
                continue
            events = READABLE if reads.wants and not is_deaf else 0
            if writes.held or (is_deaf and end is self.printer):
                events |= WRITABLE
            self._loop.watch(end.fd, 0 if end in self._resting else events, heard)

    def _rest(self, end: End) -> None:
        """Leave an end alone that is told to be ready and is not, or it would be told again at once."""
        if end.rest_s and end not in self._resting:
            self._resting.add(end)
            self._loop.after(end.rest_s, partial(self._rested, end))

    def _rested(self, end: End) -> None:
        self._resting.discard(end)
        if not self._is_over:
            self._guarded(self._watch)

    def _waits(self) -> bool:
        """Tell whether the printer has not taken all that the till has sent."""
        return bool(self._to_printer.held) or (not self.is_connecting and self.printer.unsent() > 0)

    def _end(self, *, is_cut: bool) -> None:
        """Close the copy and both ends, cut off where that is what happened."""
        if self._is_over:
            return
        self._is_over = True
        has_failed = self.broke is not None and not self._to_printer.is_finished
        self._copying.end(is_whole=not (has_failed or self._waits()))
        for end in (self.till, self.printer):
            self._loop.forget(end.fd)
            if is_cut:
                end.reset()
            else:
                end.close()
        self._over(self)
