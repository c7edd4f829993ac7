"""What a page of the till costs: its first byte, all its bytes, and the memory that the first one takes.

The till knows many members and its journal is long (`growth`'s way of making it so). Pages are asked for over
one connection, as a browser does; what a page links to is asked for once and counted with its headers.
"""

from __future__ import annotations

import http.client
import re
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

from bench.code import Code
from bench.figures import Figure, Goal
from bench.folder_intake import FOLDER, Watching
from bench.footprint.proc import memory
from bench.growth.multiply import multiply_till
from bench.programs import EDGE, Running, running, set_up
from bench.sales import card, days_of, receipts

PAGES: Final = {"the way to the pages": "/", "counter page": "/counter/"}
CUSTOMER: Final = "counter page with a customer"
MEMBERS: Final = 50_000
TIMES: Final = 10
"""The journal is so many times what the till recorded itself."""
EACH: Final = 200
SETTLE_SECONDS: Final = 1.0
FIRST_BYTE: Final = Goal(limit=50)
SIZE: Final = Goal(limit=60_000)
_AWAY: Final = "sync = {retry_first_ms = 300_000, retry_max_ms = 300_000}\n"
_SECRET: Final = re.compile(r'name="csrf" value="([^"]+)"')
_LINKED: Final = re.compile(r'(?:href|src)="(/static/[^"]+)"')


class Browsing:
    """One connection to a till that keeps its cookies."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> tuple[float, int, str]:
        """Return when the first byte came, in ms, how many came with head, and the page.

        Raises:
            RuntimeError: it is no page.
        """
        start = time.perf_counter()
        answer = self._ask("GET", path, "", http.HTTPStatus.OK)
        first_byte_ms = (time.perf_counter() - start) * 1e3
        body = answer.read()
        for said in answer.headers.get_all("Set-Cookie", []):
            name, _, value = said.partition(";")[0].partition("=")
            self._cookies[name] = value
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
        return first_byte_ms, head + len(body), body.decode()

    def look_up(self, text: str) -> None:
        """Have the counter page show whose card it is."""
        (secret, *_) = _SECRET.findall(self.get("/counter/")[2])
        form = urlencode({"csrf": secret, "code": text})
        self._ask("POST", "/counter/look", form, http.HTTPStatus.SEE_OTHER).read()

    def _ask(self, method: str, path: str, form: str, wanted: int) -> http.client.HTTPResponse:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, form or None, headers)
        answer = self._connection.getresponse()
        if answer.status != wanted:
            raise RuntimeError(f"{path} answers {answer.status}")
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def measure(code: Code, folder: Path, *, count: int, rounds: int, members: int = MEMBERS) -> list[Figure]:
    """Return the cost of each page on a till that has recorded `TIMES` times `count` receipts.

    `rounds` are starts of the agent: each gives a first page, and many later ones.
    """
    till = _fill(code, folder, count, members)
    first: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in (*PAGES, CUSTOMER)}
    sizes: dict[str, float] = {}
    before, after = list[float](), list[float]()
    for _ in range(rounds):
        with running(code, EDGE, till) as agent, closing(Browsing(agent.url)) as browsing:
            before.append(_at_rest(agent))
            first.append(browsing.get(PAGES["the way to the pages"])[0])
            after.append(_at_rest(agent))
            for name, path in (*PAGES.items(), (CUSTOMER, "/counter/")):
                if name == CUSTOMER:
                    browsing.look_up(card(1))
                taken[name] += [browsing.get(path)[0] for _ in range(EACH)]
                sizes[name] = _all_of(browsing, path)
    beside = f"beside {count * TIMES:,} records and {members:,} members"
    return [
        Figure(what="first byte of the first page after a start", unit="ms", values=tuple(first)),
        *(one for name in taken for one in _of_page(f"{name} {beside}", taken[name], sizes[name], rounds)),
        Figure(what="memory before the first page, resident", unit="MB", values=tuple(before)),
        Figure(what="memory after it, resident", unit="MB", values=tuple(after)),
    ]


def _of_page(what: str, taken: Sequence[float], size: float, rounds: int) -> list[Figure]:
    turns = [sorted(taken[turn * EACH : (turn + 1) * EACH]) for turn in range(rounds)]
    p50 = tuple(statistics.median(one) for one in turns)
    p99 = tuple(one[EACH * 99 // 100] for one in turns)
    return [
        Figure(what=f"{what}: first byte, p50", unit="ms", values=p50, goal=FIRST_BYTE),
        Figure(what=f"{what}: first byte, p99", unit="ms", values=p99, goal=FIRST_BYTE),
        Figure(what=f"{what}: first load in all", unit="B", values=(size,), goal=SIZE),
    ]


def _all_of(browsing: Browsing, path: str) -> float:
    _, size, page = browsing.get(path)
    return size + sum(browsing.get(linked)[1] for linked in dict.fromkeys(_LINKED.findall(page)))


def _at_rest(agent: Running) -> float:
    time.sleep(SETTLE_SECONDS)
    return memory(agent.pid).resident


def _fill(code: Code, folder: Path, count: int, members: int) -> Path:
    _, till = set_up(code, folder, FOLDER + _AWAY, members)
    with running(code, EDGE, till) as agent:
        Watching(till, agent).take(receipts(count))
    multiply_till(till.parent / "data" / "till.db", TIMES, days_of(count))
    return till
