"""How fast each adapter turns a till's file into receipts, and how much memory a large file takes.

Each reads its file in a process of its own, to receipts that are understood and recorded nowhere: the
recorder is the same for all, and measured with the watched folder.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from bench.code import ROOT
from bench.figures import NOW, Figure, figure

LINES: Final = 4
"""Lines of a receipt."""
KINDS: Final = {
    "jsonl": "JSON lines",
    "csv": f"CSV, {LINES} rows each",
    "poslog": f"POSLog, {LINES} lines each",
    "escpos": f"prints, {LINES} items each",
}
MIB: Final = 1024 * 1024


class Took(msgspec.Struct, frozen=True):
    """What reading a file took: `grown_mib` is the most memory that it had beyond that before it."""

    receipts: int
    seconds: float
    grown_mib: float


def measure(folder: Path, *, count: int, rounds: int) -> list[Figure]:
    """Return receipts a second of each adapter, and the memory of a file of `count` receipts."""
    folder.mkdir()
    figures = []
    for kind, called in KINDS.items():
        file = folder / f"a.{kind}"
        with file.open("wb") as written:
            for part in _WRITERS[kind](count):
                written.write(part)
        took = [_read(kind, file) for _ in range(rounds)]
        if any(one.receipts != count for one in took):
            raise RuntimeError(f"{kind}: {took[0].receipts} of {count} receipts were read")
        mib = file.stat().st_size / MIB
        figures += [
            figure(f"adapter: {called}", "/s", {NOW: [one.receipts / one.seconds for one in took]}),
            figure(
                f"adapter: memory for {count:,} receipts, {mib:,.0f} MiB of {kind}",
                "MiB",
                {NOW: [one.grown_mib for one in took]},
            ),
        ]
        file.unlink()
    return figures


def _read(kind: str, file: Path) -> Took:
    words = [sys.executable, "-m", "bench.adapters", kind, str(file)]
    done = subprocess.run(words, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True)
    return msgspec.json.decode(done.stdout, type=Took)


def _main(kind: str, file: str) -> None:
    from edge_agent.config import EdgeConfig, EscPos, Folder
    from edge_agent.pos_adapter.adapters import adapter_of
    from edge_agent.pos_adapter.intake import chunks
    from edge_agent.pos_adapter.rows import Here
    from edge_agent.pos_adapter.understanding import Expectations
    from loyalty_core.calendar import Place
    from loyalty_core.units import Minute

    place = Place(ZoneInfo("Asia/Seoul"), Minute(0))
    expected = Expectations(
        store_id="S012", place=place, currency="KRW", now_ms=None, today=None, future_tolerance_ms=0
    )
    config = EdgeConfig(folder=Folder(path=Path(), escpos=EscPos(till="T03")))
    adapter = adapter_of(kind, "a", config)
    here = Here(store_id="S012", zone=place.zone, currency="KRW")
    before, count, start = _rss_mib(), 0, time.perf_counter()
    with Path(file).open("rb") as data:
        for chunk in chunks(adapter.rows(data, here), expected, kind):
            count += sum(one.intake is not None for one in chunk)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"receipts": count, "seconds": seconds, "grown_mib": max(0.0, peak - before)}))


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / MIB


def _json_lines(count: int) -> Iterator[bytes]:
    for number in range(count):
        lines = [{"number": n, "sku": f"A{n}", "quantity": "1", "net_minor": 1000} for n in range(LINES)]
        receipt = {
            "kind": "purchase",
            "receipt": {
                "store": "S012",
                "till": "T03",
                "business_date": "2026-11-20",
                "number": f"{number:06}",
            },
            "occurred_at": "2026-11-20T10:31:00",
            "member": "2000123456782",
            "net_minor": 1000 * LINES,
            "lines": lines,
        }
        yield json.dumps(receipt).encode() + b"\n"


def _csv(count: int) -> Iterator[bytes]:
    yield b"store,till,business_date,number,occurred_at,member,line,sku,quantity,net_minor,tender\n"
    for number in range(count, 0, -1):
        for n in range(LINES):
            yield (
                f"S012,T03,2026-11-20,{number:06},2026-11-20T10:31:00,2000123456782,{n},A{n},1,1000,card\n"
            ).encode()


def _poslog(count: int) -> Iterator[bytes]:
    item = (
        '<LineItem EntryMethod="Scanned"><SequenceNumber>{n}</SequenceNumber><Sale ItemType="Stock">'
        '<POSIdentity POSIDType="GTIN"><POSItemID>880104301483{n}</POSItemID></POSIdentity>'
        "<MerchandiseHierarchy "
        'Level="Department">8</MerchandiseHierarchy><Description>an item of some length</Description>'
        "<RegularSalesUnitPrice>1000</RegularSalesUnitPrice><ExtendedAmount>1000</ExtendedAmount>"
        "<Quantity>1</Quantity></Sale></LineItem>"
    )
    items = "".join(item.format(n=n) for n in range(LINES))
    yield b'<POSLog xmlns="http://www.nrf-arts.org/IXRetail/namespace/">'
    for number in range(count):
        yield (
            "<Transaction><RetailStoreID>S012</RetailStoreID><WorkstationID>T03</WorkstationID>"
            f"<SequenceNumber>{number}</SequenceNumber><BusinessDayDate>2026-11-20</BusinessDayDate>"
            "<EndDateTime>2026-11-20T10:31:00</EndDateTime><CurrencyCode>KRW</CurrencyCode>"
            f"<RetailTransaction>{items}<LineItem><Tender TenderType='Cash'><Amount>4000</Amount></Tender>"
            "</LineItem><Total TotalType='TransactionGrandAmount'>4000</Total></RetailTransaction>"
            "</Transaction>"
        ).encode()
    yield b"</POSLog>"


def _prints(count: int) -> Iterator[bytes]:
    items = "".join(f"상품 {n}                     1     1,000\n" for n in range(LINES))
    for number in range(count):
        text = (
            f"달빛마트\n2026-11-20 10:31:00 POS:03 No:{number:06}\n상품명        수량        금액\n{items}"
            "합계                       4,000\n현금                       4,000\n"
        )
        yield b"\x1b@" + text.encode("cp949") + b"\x1bd\x04\x1dV\x00"


_WRITERS: Final[dict[str, Callable[[int], Iterator[bytes]]]] = {
    "jsonl": _json_lines,
    "csv": _csv,
    "poslog": _poslog,
    "escpos": _prints,
}

if __name__ == "__main__":
    _main(*sys.argv[1:])
