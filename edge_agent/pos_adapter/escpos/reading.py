"""A paper by a profile -> a receipt, a day's total, or why it counts nothing; and what each line is.

What looks like a receipt and cannot be read is refused, never guessed. What is neither (a slip, a ticket with
a number to wait by, a picture) is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

import msgspec

from edge_agent.pos_adapter.escpos import goods
from edge_agent.pos_adapter.escpos.amounts import amount, day, instant
from edge_agent.pos_adapter.escpos.lines import Lines
from edge_agent.pos_adapter.escpos.paper import LINE_MAX, LINES_MAX, Paper, papers
from edge_agent.pos_adapter.escpos.profile import Profile, first
from edge_agent.pos_adapter.handed_in import DayTotalIn, TillDay
from edge_agent.pos_adapter.receipt import Key, Receipt, TenderIn
from edge_agent.pos_adapter.rows import Here, Row
from loyalty_core.errors import BadInput

BYTES_MAX: Final = 64 * 1024 * 1024
"""The longest print that is read at once."""
_LETTER: Final = re.compile(r"\w")
_DATED_NUMBER: Final = re.compile(r"20\d\d[-./]?\d\d[-./]?\d\d[-\s/]")


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What a paper is, and its lines, each with what it was taken for ("" for nothing)."""

    row: Row
    lines: tuple[tuple[str, str], ...]


def rows(file: BinaryIO, here: Here, *, profile: Profile, till: str, is_cut_short: bool) -> Iterator[Row]:
    """Yield the papers of a print, in order.

    Raises:
        BadInput: `print_too_large`.
    """
    yield from (read.row for read in reads(file, here, profile=profile, till=till, is_cut_short=is_cut_short))


def reads(
    file: BinaryIO, here: Here, *, profile: Profile, till: str = "", is_cut_short: bool = False
) -> Iterator[Read]:
    """Yield the papers of a print with their lines; of one that `is_cut_short` the last may lack its end.

    Raises:
        BadInput: `print_too_large`.
    """
    data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise BadInput(f"it has more than {BYTES_MAX} bytes: part it", code="print_too_large")
    for number, paper in enumerate(papers(data, profile.printer), start=1):
        reading = _Reading(paper, profile, here, till)
        place = f"paper {number}"
        try:
            if is_cut_short and not paper.is_cut and not paper.is_blank:
                raise BadInput(
                    "the printer went away before it had all of it: if it was not printed again, print it "
                    "again at the till",
                    code="print_cut_short",
                )
            row = msgspec.structs.replace(reading.row(), place=place, raw=paper.raw)
        except BadInput as error:
            row = Row(place=place, raw=paper.raw, refusal=error)
        yield Read(row=row, lines=reading.told())


class _Reading:
    def __init__(self, paper: Paper, profile: Profile, here: Here, till: str) -> None:
        self._paper, self._profile, self._here, self._till = paper, profile, here, till
        self._currency = here.currency or ""
        self._lines = Lines(paper.lines, profile, self._currency)

    def told(self) -> tuple[tuple[str, str], ...]:
        """Return the lines, each with what it was taken for."""
        return tuple(zip(self._lines.texts, self._lines.taken, strict=True))

    def row(self) -> Row:
        """Return what the paper is; its place and bytes are for the caller to say.

        Raises:
            BadInput: what is wrong with it.
        """
        if not any(_LETTER.search(line) for line in self._lines.texts):
            return _passed("no_text" if self._paper.pictures else "blank")
        if not self._currency:
            raise BadInput(
                "no programme is known yet, whose currency this is in: retry it when this till has heard "
                "from headquarters",
                code="currency_missing",
            )
        if self._lines.title("z_report"):
            return Row(place="", raw=b"", receipt=self._day_total())
        if self._lines.title("report"):
            return _passed("report")
        return self._receipt()

    def _receipt(self) -> Row:
        lines = self._lines
        lines.part()
        original = lines.value("original")
        for place in lines.fit("original_date"):
            lines.taken[place] = lines.taken[place] or "original_date"
        refunds, voids = lines.marks("refund"), lines.marks("void")
        is_copy = lines.match("reprint") is not None
        if lines.match("training"):
            return _passed("training")
        number, till, store, member = (lines.value(name) for name in ("number", "till", "store", "member"))
        at = self._moment(is_copy=is_copy)
        lines.skip()
        tenders = goods.tenders(lines, self._profile, self._currency)
        total, tax = lines.total(sum(one.amount_minor for one in tenders)), lines.amount("tax")
        items = goods.items(lines, self._profile, self._currency)
        if (not items or (total is None and not number)) and lines.title("ignore"):
            return _passed("slip")
        if total is None and not (items and (number or self._is_paid())):
            if self._paper.is_cropped:
                raise BadInput(
                    "no total was found, and more stands there than is read, which is "
                    f"{LINES_MAX} lines of {LINE_MAX} letters: have the till end its lines, and print "
                    "it again",
                    code="paper_too_long",
                )
            return _passed("slip")
        if not tenders and lines.match("unpaid"):
            return _passed("unpaid")
        if total is None:
            raise self._missing("total", "total_missing", "the total")
        if not items and lines.match("approval"):
            raise BadInput(
                "it may be a card slip or a receipt: it tells an approval, and no line fits patterns.item of "
                f"the profile {self._profile.name}; write one for its goods, or name the slip's title in "
                "patterns.ignore",
                code="slip_or_receipt",
            )
        if self._is_followed(number):
            raise BadInput(
                "two receipts stand on one paper, with no cut between them: print each again at the till, "
                "and have it cut after each",
                code="receipts_joined",
            )
        if not number:
            raise self._missing("number", "number_missing", "the receipt's number")
        if at is None:
            raise self._missing("time", "time_missing", "the date and time")
        if not (till or self._till):
            raise BadInput(
                f"no line fits patterns.till of the profile {self._profile.name}: write one, or say the till "
                "in the settings of its printer",
                code="till_missing",
            )
        is_refund, is_void = (lines.is_said_of_all(marks) for marks in (refunds, voids))
        kind: Literal["purchase", "return", "void"] = "purchase"
        if is_void and original:
            kind = "void"
        elif is_refund or is_void or total < 0:
            kind = "return"
        key = Key(
            store=self._profile.stores.get(store, store)
            if self._profile.stores and store
            else self._here.store_id,
            till=till or self._till,
            number=number,
            business_date=self._date("business_date"),
        )
        receipt = Receipt(
            kind=kind,
            receipt=key,
            occurred_at=at,
            member=member or None,
            original=self._original(original, key) if original and kind != "purchase" else None,
        )
        if kind != "void":
            sign = -1 if kind == "return" and total < 0 else 1
            receipt = msgspec.structs.replace(
                receipt,
                currency=self._currency,
                net_minor=abs(total),
                tax_minor=abs(tax or 0),
                lines=goods.returned(items, abs(total)) if kind == "return" else items,
                tenders=[TenderIn(type=one.type, amount_minor=sign * one.amount_minor) for one in tenders],
            )
        return Row(place="", raw=b"", receipt=receipt, is_copy=is_copy)

    def _is_paid(self) -> bool:
        """Tell whether a line says how it was paid, or what was handed over."""
        tenders = self._profile.tenders.values()
        return any(
            self._profile.found("received", line) or any(first(patterns, line) for patterns in tenders)
            for line in self._lines.texts
        )

    def _is_followed(self, number: str) -> bool:
        """Tell whether another number stands there, and goods between the first total and a later one.

        Goods have a quantity or titles of columns, or stand below that number: the rest may be tenders.
        """
        lines, found = self._lines, self._profile.found
        texts = lines.texts[: lines.slip_at]
        last = max((place for place in lines.fit("total") if place < len(texts)), default=0)
        said = {place: one["value"] for place, line in enumerate(texts) if (one := found("number", line))}
        others = [place for place, value in said.items() if value != number]
        for place in range(lines.total_at + 1, last):
            item = found("item", texts[place]) if others and not lines.taken[place] else None
            if item and (
                item.groupdict().get("quantity") or any(lines.total_at < one < place for one in others)
            ):
                return True
            if others and found("columns", texts[place]):
                return True
        return False

    def _original(self, number: str, key: Key) -> Key:
        """Return the key of the receipt that is taken back; a date before its number is none of it.

        But where this receipt's own number begins with a date, so does that one's; and likewise with a till.
        """
        _, found = self._lines.found("original", again=True)
        date = key.business_date
        if found is not None and found.groupdict().get("year") is not None:
            date = day(found).isoformat()
            if _DATED_NUMBER.match(key.number):
                number = found.string[found.start("year") : found.end("value")]
        elif (said := self._lines.found("original_date", again=True)[1]) is not None:
            date = day(said).isoformat()
        if not key.number.startswith(f"{key.till}-"):
            number = number.removeprefix(f"{key.till}-") or number
        return Key(store=key.store, till=key.till, number=number, business_date=date)

    def _day_total(self) -> DayTotalIn:
        date = self._date("z_date") or self._date("date")
        count, net, till = (self._lines.value(name) for name in ("z_count", "z_net", "till"))
        plain = count.replace(",", "")
        if not (plain.isascii() and plain.isdecimal() and len(plain) <= 9):
            raise self._missing("z_count", "day_total_missing", "how many receipts there were")
        sold = amount(net, self._currency) if net else None
        if sold is None:
            raise self._missing("z_net", "day_total_missing", "what was sold")
        if date is None:
            raise self._missing("z_date", "day_total_missing", "of which day it is")
        if not (till or self._till):
            raise self._missing("till", "till_missing", "of which till it is")
        return DayTotalIn(
            kind="day_total",
            receipt=TillDay(store=self._here.store_id, till=till or self._till, business_date=date),
            count=int(plain),
            net_minor=sold,
            currency=self._currency,
        )

    def _missing(self, pattern: str, code: str, what: str) -> BadInput:
        return BadInput(
            f"{what} was not found: no line fits patterns.{pattern} of the profile {self._profile.name}; "
            "write one that does, and see edge-agent profile try",
            code=code,
        )

    def _moment(self, *, is_copy: bool) -> str | None:
        """Return the date and time, which may stand in one line or in two; of a reprint not its own."""
        printed = frozenset(self._lines.fit("printed"))
        for but in (printed,) if is_copy else (printed, frozenset[int]()):
            if found := self._lines.match("time", but=but):
                return instant(day(found), found).isoformat()
            if not (dated := self._lines.match("date", but=but)):
                continue
            if clock := self._lines.match("clock", but=but):
                return instant(day(dated), clock).isoformat()
        return None

    def _date(self, name: str) -> str | None:
        found = self._lines.match(name)
        return day(found).isoformat() if found is not None else None


def _passed(why: str) -> Row:
    return Row(place="", raw=b"", passed=why)
