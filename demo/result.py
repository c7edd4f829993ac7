"""The end of the story: journals and ledger compared, both programs checking themselves, and what to try."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Final

from demo import members, tables
from demo.agreement import Agreement, compare
from demo.processes import Program
from demo.shops import Shops
from loyalty_core.calendar import day_of, period_of
from loyalty_core.units import Day, EpochMs

EXPLAINED_LINES: Final = 26


async def tell(shops: Shops) -> bool:
    """Compare, show the result, and have both programs check themselves; return whether all agrees."""
    screen, hq = shops.screen, shops.hq
    played = shops.played
    found = await asyncio.to_thread(
        compare,
        shops.tills,
        shops.handed,
        hq.database,
        [Day(day) for day in range(day_of(played.day_before), day_of(played.last_day) + 1)],
        _period_of_most(shops),
        EpochMs(time.time_ns() // 1_000_000),
    )
    screen.heading("Tills and headquarters compared, record by record")
    screen.table(tables.records(found))
    screen.remarks(tables.record_remarks(found))
    screen.heading("What happened at the tills, and the points that it moved")
    screen.table(tables.happenings(found))
    screen.remarks(tables.happening_remarks(found))
    screen.heading("Points: what the tills had claimed, what headquarters gave")
    screen.table(tables.points(found))
    screen.remarks(tables.point_remarks(found))
    _show_tiers(shops, found)
    await _explain(shops, found)
    screen.heading("Both programs check themselves")
    programs: list[tuple[Program, str, str]] = [
        *((till, "verify", f"edge-agent verify  {till.store_id}") for till in shops.tills),
        (hq, "audit", "hq-server audit"),
    ]
    said = await asyncio.gather(*(program.run(word) for program, word, _ in programs))
    screen.pairs(
        (name, (out if status == 0 else out + err).strip() or f"exit status {status}")
        for (_, _, name), (status, out, err) in zip(programs, said, strict=True)
    )
    checked = [status == 0 for status, _, _ in said]
    agreed = found.agrees and all(checked)
    screen.verdict(agreed)
    return agreed


def _show_tiers(shops: Shops, found: Agreement) -> None:
    """Show the projected tiers, and who is near the next."""
    screen, period, near = shops.screen, found.period, found.period.near_misses
    screen.heading(f"Tiers that {period.id} would give, if it ended now")
    screen.table(tables.tiers(found))
    screen.heading(f"Near the next tier, {period.near_miss_points} points or less: {len(near)} members")
    if near:
        screen.table(tables.nearest(found))
    if len(near) > tables.NEAREST_SHOWN:
        screen.note(f"and {len(near) - tables.NEAREST_SHOWN} more")


async def _explain(shops: Shops, found: Agreement) -> None:
    """Show how the history begins of a member to whom most has happened there, by most rules."""
    if not found.stories:
        return
    member_id = max(found.stories, key=lambda one: (found.stories[one], one))
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


def tell_addresses(shops: Shops) -> None:
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
    screen.heading("In a browser")
    screen.copyable(
        [
            ("a cashier", f"{till.address}/counter/  and type {someone}"),
            (
                "a technician",
                f"{till.address}/admin/  with {folder}/technician.pass, PIN in technician.pin beside it",
            ),
        ]
    )
    screen.heading("Try")
    screen.copyable(
        [
            ("a till", f"{edge_agent} status"),
            ("the period", f"{hq_server} period status"),
            ("what is open", f"{hq_server} exceptions"),
            ("yesterday", f"{hq_server} reconcile"),
            ("at the till", f"curl -H @$D/{till.store_id}/bearer {till.address}/v1/members/{someone}"),
            ("at HQ", f"curl -H @$D/hq/bearer {hq.address}/api/v1/members/{someone}"),
        ]
    )
    screen.note("Ctrl-C stops all of it and removes the folder.")


def _period_of_most(shops: Shops) -> str:
    """Return the period that most of the baskets fall into."""
    baskets = shops.played.baskets
    middle = baskets[len(baskets) // 2].sold_at.date()
    return period_of(day_of(middle), shops.programme.period_months).id


def _language() -> tuple[str, ...]:
    """Return the option for the language of the explanation: Korean where the terminal is."""
    said = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return ("--language", "ko" if said.startswith("ko") else "en")
