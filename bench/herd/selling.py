"""A real till that sells on while all others return: every answer is timed."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.code import Code
from bench.programs import EDGE, running
from bench.sales import receipts

PAUSE_S: Final = 0.05
SALES_MAX: Final = 10_000


class Sold:
    """What the till answered so far; `failed` is why the last sale was refused."""

    def __init__(self) -> None:
        self.each_ms: list[float] = []
        self.failed = ""


@contextmanager
def selling(code: Code, till: Path) -> Iterator[Sold]:
    """Sell at this till, a sale every `PAUSE_S`, until the block ends.

    Raises:
        RuntimeError: a sale was refused.
    """
    sold, over = Sold(), threading.Event()
    token = (till.parent / "data" / "http.token").read_text().strip()
    bodies = receipts(SALES_MAX)
    with running(code, EDGE, till) as agent:
        thread = threading.Thread(target=_sell, args=(agent.url, token, bodies, sold, over), name="selling")
        thread.start()
        try:
            yield sold
        finally:
            over.set()
            thread.join()
    if sold.failed or not sold.each_ms:
        raise RuntimeError(f"the till that sells was refused: {sold.failed}")


def _sell(url: str, token: str, bodies: list[bytes], sold: Sold, over: threading.Event) -> None:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=60)
    heads = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for body in bodies:
        began_s = time.perf_counter()
        line.request("POST", "/v1/receipts", body, heads)
        answer = line.getresponse()
        told = answer.read()
        sold.each_ms.append((time.perf_counter() - began_s) * 1000)
        if answer.status != 200:
            sold.failed = told.decode(errors="replace")[:300]
        if sold.failed or over.wait(PAUSE_S):
            break
    line.close()
