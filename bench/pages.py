"""What a page of the till costs: its first byte, all its bytes, the memory of the first one; and left open.

The till knows many members and its journal is long (`growth`'s way of making it so). Pages are asked for over
one connection, as a browser does; what a page links to is asked for once and counted with its headers.
"""

from __future__ import annotations

import http.client
import re
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from bench.code import Code
from bench.databases import LOOK_SECONDS, connect
from bench.figures import Figure, Goal
from bench.folder_intake import FOLDER, Watching
from bench.footprint.proc import cpu_ms, memory
from bench.growth.multiply import multiply_till
from bench.one_receipt import WARM, Service
from bench.programs import EDGE, HQ, Running, command, running, set_up
from bench.sales import STORE, card, days_of, receipts

PAGES: Final = {
    "the way to the pages": "/",
    "counter page": "/counter/",
    "technician page": "/admin/",
    "journal page": "/admin/journal",
    "tools page": "/admin/tools",
}
CUSTOMER: Final = "counter page with a customer"
LIVE: Final = {"counter page": "/counter/live", "technician page": "/admin/live"}
OPEN_SECONDS: Final = 20
TURNS: Final = 3
"""Of some sales each, with both pages open and with none."""
PIN: Final = "482913"
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


class Idle(NamedTuple):
    """What a page costs a minute that is left open: bytes that come, processor time in ms."""

    size: float
    cpu_ms: float


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
        body = self._keep_cookies(answer)
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
        return first_byte_ms, head + len(body), body.decode()

    def look_up(self, text: str) -> None:
        """Have the counter page show whose card it is."""
        (secret, *_) = _SECRET.findall(self.get("/counter/")[2])
        form = urlencode({"csrf": secret, "code": text})
        self._ask("POST", "/counter/look", form, http.HTTPStatus.SEE_OTHER).read()

    def log_in(self, shown: str) -> None:
        """Log in as a technician."""
        (secret, *_) = [*_SECRET.findall(self.get("/admin/login")[2]), ""]
        form = urlencode({"csrf": secret, "pass": shown, "pin": PIN})
        self._keep_cookies(self._ask("POST", "/admin/login", form, http.HTTPStatus.SEE_OTHER))

    @contextmanager
    def left_open(self, path: str) -> Iterator[list[int]]:
        """Have a page's stream read until the block ends, which gives how many bytes came each time."""
        other = Browsing(f"http://{self._connection.host}:{self._connection.port}")
        other._cookies = self._cookies
        answer, came = other._ask("GET", path, "", http.HTTPStatus.OK), list[int]()

        def read() -> None:
            with suppress(OSError, ValueError, http.client.HTTPException):
                while piece := answer.read1():
                    came.append(len(piece))

        reader = threading.Thread(target=read, name=path)
        reader.start()
        try:
            yield came
        finally:
            assert other._connection.sock is not None
            other._connection.sock.shutdown(socket.SHUT_RDWR)
            reader.join()
            other.close()

    def _keep_cookies(self, answer: http.client.HTTPResponse) -> bytes:
        body = answer.read()
        for said in answer.headers.get_all("Set-Cookie", []):
            name, _, value = said.partition(";")[0].partition("=")
            self._cookies[name] = value
        return body

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


def measure(
    code: Code, folder: Path, *, count: int, rounds: int, members: int = MEMBERS, open_s: float = OPEN_SECONDS
) -> list[Figure]:
    """Return the cost of each page on a till that has recorded `TIMES` times `count` receipts.

    `rounds` are starts of the agent: each gives a first page, and many later ones.
    """
    till, shown = _fill(code, folder, count, members)
    first: list[float] = []
    taken: dict[str, list[float]] = {name: [] for name in (*PAGES, CUSTOMER)}
    sizes: dict[str, float] = {}
    idle: dict[str, list[Idle]] = {name: [] for name in LIVE}
    alone = list[float]()
    sold: dict[str, list[float]] = {"no page": [], "two pages": []}
    before, after = list[float](), list[float]()
    for turn in range(rounds):
        with running(code, EDGE, till) as agent, closing(Browsing(agent.url)) as browsing:
            before.append(_at_rest(agent))
            first.append(browsing.get(PAGES["the way to the pages"])[0])
            after.append(_at_rest(agent))
            browsing.log_in(shown)
            for name, path in (*PAGES.items(), (CUSTOMER, "/counter/")):
                if name == CUSTOMER:
                    browsing.look_up(card(1))
                taken[name] += [browsing.get(path)[0] for _ in range(EACH)]
                sizes[name] = _all_of(browsing, path)
            alone.append(_spent(agent, open_s))
            for name, path in LIVE.items():
                idle[name].append(_idle(agent, browsing, path, open_s))
            for name, each in _sold(till, agent, browsing, count * (turn + 1)).items():
                sold[name] += each
    beside = f"beside {count * TIMES:,} records and {members:,} members"
    return [
        Figure(what="first byte of the first page after a start", unit="ms", values=tuple(first)),
        *(one for name in taken for one in _of_page(f"{name} {beside}", taken[name], sizes[name], rounds)),
        Figure(what="no page left open: processor a minute", unit="ms", values=tuple(alone)),
        *(one for name in idle for one in _of_idle(name, idle[name])),
        *(
            Figure(what=f"a sale with {name} open, p50", unit="us", values=tuple(each))
            for name, each in sold.items()
        ),
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


def _idle(agent: Running, browsing: Browsing, path: str, seconds: float) -> Idle:
    with browsing.left_open(path) as came:
        time.sleep(SETTLE_SECONDS)  # what the page is first sent is counted with its load
        came.clear()
        spent = _spent(agent, seconds)
        return Idle(60 / seconds * sum(came), spent)


def _spent(agent: Running, seconds: float) -> float:
    began = cpu_ms(agent.pid)
    time.sleep(seconds)
    return 60 / seconds * (cpu_ms(agent.pid) - began)


def _of_idle(name: str, turns: Sequence[Idle]) -> list[Figure]:
    what = f"{name} left open with a customer before it" if name in CUSTOMER else f"{name} left open"
    return [
        Figure(what=f"{what}: a minute", unit="B", values=tuple(one.size for one in turns)),
        Figure(what=f"{what}: processor a minute", unit="ms", values=tuple(one.cpu_ms for one in turns)),
    ]


def _sold(till: Path, agent: Running, browsing: Browsing, first: int) -> dict[str, list[float]]:
    """Return the median of sales by one client, in us, without a page and with both open, in turns."""
    token = (till.parent / "data" / "http.token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    service = Service(till.parent, agent, f"{agent.url}/v1/receipts", headers, first=first)
    told: dict[str, list[float]] = {"no page": [], "two pages": []}
    service.post(WARM, 1)
    for _ in range(TURNS):
        told["no page"].append(service.median_us())
        with browsing.left_open(LIVE["counter page"]), browsing.left_open(LIVE["technician page"]):
            told["two pages"].append(service.median_us())
    return told


def _all_of(browsing: Browsing, path: str) -> float:
    _, size, page = browsing.get(path)
    return size + sum(browsing.get(linked)[1] for linked in dict.fromkeys(_LINKED.findall(page)))


def _at_rest(agent: Running) -> float:
    time.sleep(SETTLE_SECONDS)
    return memory(agent.pid).resident


def _fill(code: Code, folder: Path, count: int, members: int) -> tuple[Path, str]:
    """Return the settings file of a till with a long journal, and a technician's pass for it."""
    hq, till = set_up(code, folder, FOLDER + _AWAY, members)
    pin, shown = folder / "pin", folder / "bench.pass"
    pin.write_text(f"{PIN}\n")
    command(code, HQ, hq, "technician", "add", "bench", "--pin-file", str(pin), "--by", "bench")
    command(
        code, HQ, hq, "technician", "pass", "bench", "--store", STORE, "--out", str(shown), "--by", "bench"
    )
    database = till.parent / "data" / "till.db"
    with running(code, HQ, hq), running(code, EDGE, till), closing(connect(database)) as conn:
        while not conn.execute("SELECT sum(version) FROM technicians").fetchone()[0]:
            time.sleep(LOOK_SECONDS)
    with running(code, EDGE, till) as agent:
        Watching(till, agent).take(receipts(count))
    multiply_till(database, TIMES, days_of(count))
    return till, shown.read_text()
