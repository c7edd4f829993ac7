"""The Corner till writes a line a sale: date, time, number, amount in won, and the member's card or spaces.

    202611201031050000421 12440 2000123456782
    20261120110200000043R  3000
    #TRAINING

An amount behind an R came back; a line that begins with # is no sale.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from edge_agent.pos_adapter.receipt import Key, Receipt
from edge_agent.pos_adapter.rows import Adapter, Here, Row
from loyalty_core.errors import BadInput

LINE_MAX = 200
FORM = re.compile(r"(?P<at>\d{14})(?P<number>\d{6})(?P<kind>[1R])\s+(?P<won>\d{1,9})\s*(?P<member>\d*)")


def rows(file: BinaryIO, here: Here) -> Iterator[Row]:
    """Yield each line as a row; the settings may say the till (`folder.options.corner.till`)."""
    number = 0
    while line := file.readline(LINE_MAX):
        number += 1
        if line.strip():
            yield row(f"line {number}", line, here)


def row(place: str, line: bytes, here: Here) -> Row:
    if line.startswith(b"#"):
        return Row(place=place, raw=line, passed="training")
    found = FORM.fullmatch(line.decode("ascii", "replace").strip())
    if found is None:
        refusal = BadInput(
            "the line does not have the form of a sale: see the till's manual", code="line_unknown"
        )
        return Row(place=place, raw=line, refusal=refusal)
    try:
        at = datetime.strptime(found["at"], "%Y%m%d%H%M%S").isoformat()  # noqa: DTZ007 - local to the store
    except ValueError:
        return Row(place=place, raw=line, refusal=BadInput("there is no such date", code="date_impossible"))
    receipt = Receipt(
        kind="return" if found["kind"] == "R" else "purchase",
        receipt=Key(store=here.store_id, till=here.options.get("till", "T1"), number=found["number"]),
        occurred_at=at,
        member=found["member"] or None,
        net_minor=int(found["won"]),
    )
    return Row(place=place, raw=line, receipt=receipt)


def is_unfinished(file: BinaryIO) -> bool:
    """Tell whether the last line lacks its end."""
    return not file.read().endswith(b"\n")


adapter = Adapter(rows, is_unfinished)
