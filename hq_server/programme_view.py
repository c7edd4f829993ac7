"""The published versions of the programme: which holds when, and which tills have it."""

from __future__ import annotations

from typing import Literal

import msgspec

from hq_server.fleet_view import at_text
from hq_server.house import House, load_house
from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of
from loyalty_core.programme import Programme, version_for
from loyalty_core.units import Day, EpochMs

State = Literal["over", "in_force", "to_come"]


class ProgrammeView(msgspec.Struct, frozen=True, kw_only=True):
    """One published version, with its text as its owner wrote it.

    A version is `over` where a higher one holds on every day that is left to it. `tills_running` are the
    approved tills whose rules of today it is, `tills_lacking` those that have not said yet that they have it;
    of a version that is over nobody is said to lack it.
    """

    programme: str
    version: int
    effective_from: str
    published_at: str
    state: State
    tills_running: int
    tills_lacking: tuple[str, ...]
    text: str


class TillProgramme(msgspec.Struct, frozen=True, kw_only=True):
    """Which version a till has, and by which it runs today; 0 where it has none, or none that holds yet."""

    terminal_id: str
    has: int
    runs: int


def programmes(tx: Transaction, now_ms: EpochMs) -> list[ProgrammeView]:
    """Return every published version, in order."""
    house, tills = load_house(tx), programmes_at_tills(tx, now_ms)
    found = []
    for version, programme_id, day, published_ms, text in tx.all("house.programmes"):
        state = _state(house, version, Day(day), now_ms)
        lacking = () if state == "over" else tuple([one.terminal_id for one in tills if one.has < version])
        found.append(
            ProgrammeView(
                programme=programme_id,
                version=version,
                effective_from=date_of(Day(day)).isoformat(),
                published_at=at_text(published_ms),
                state=state,
                tills_running=sum(one.runs == version for one in tills),
                tills_lacking=lacking,
                text=text,
            )
        )
    return found


def programmes_at_tills(tx: Transaction, now_ms: EpochMs) -> list[TillProgramme]:
    """Return which version each approved till has, as it said last."""
    house = load_house(tx)
    return [
        TillProgramme(terminal_id=terminal_id, has=has, runs=_running(house, has, now_ms))
        for terminal_id, has in tx.all("arrivals.programmes_at_tills")
    ]


def _state(house: House, version: int, since: Day, now_ms: EpochMs) -> State:
    today = house.today(now_ms)
    last = version_for(house.programmes, max(today, since))
    if last is None or last.version != version:
        return "over"
    return "to_come" if since > today else "in_force"


def _running(house: House, has: int, now_ms: EpochMs) -> int:
    known: tuple[Programme, ...] = tuple([one for one in house.programmes if one.version <= has])
    running = version_for(known, house.today(now_ms)) if known else None
    return 0 if running is None else running.version
