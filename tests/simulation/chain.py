"""A whole chain in one process on clocks that stand still: real tills, a real headquarters, no road between.

What is handed in, decided, lost on the way or cut off in the middle is up to the caller. `world` is what the
oracle is told of it, `stands` what came of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from edge_agent.standing import standing
from edge_agent.store import journal, outbox
from hq_server.audit import audit
from hq_server.config import load_config
from hq_server.derivation import Rulebook
from hq_server.holds import lapse_some
from hq_server.house import load_house
from hq_server.keys import make_key
from hq_server.ledger import ledger_accounts
from hq_server.member_rows import lots_of
from hq_server.rederive import expire, expiry_is_due, rederive_some
from hq_server.setup import found_house
from hq_server.store.connection import Transaction, connect, reading, writing
from hq_server.store.database import create
from loyalty_core.calendar import Place, day_of, zone_named
from loyalty_core.entries import NO_EVENT
from loyalty_core.events import HQ, Event, EventId, ReceiptKey
from loyalty_core.journal import unpack_record
from loyalty_core.units import Day, Minute, Seq
from tests.edge import made
from tests.hq.conftest import Hq, StillClock
from tests.hq.desk import Desk
from tests.oracle.reading import figures
from tests.oracle.world import Adjustment, Close, Entries, Identity, Points, World
from tests.simulation.rules import programme_text
from tests.simulation.till import START, SimTill, cut_off

T = TypeVar("T")
STORES: Final = ("S012", "S012", "S013")
"""Where each till stands."""
CARDS: Final = {"M1": "2000123456782", "M2": "2000123456799", "M3": "2000123456805"}
STRAY: Final = "2999123456787"
"""A card that nobody has until headquarters attaches it."""
MEMBERS: Final = (
    "member_id,lookups,name,home_store,birthday\n"
    f"M1,{CARDS['M1']},가,S012,1990-11-20\nM2,{CARDS['M2']},나,S012,2000-02-29\nM3,{CARDS['M3']},다,S013,\n"
)
SEOUL: Final = Place(zone_named("Asia/Seoul"), Minute(300))


class Chain:
    """Three tills of two stores, headquarters, its desk, and one date for all."""

    def __init__(self, folder: Path, months: int) -> None:
        (folder / "hq").mkdir()
        path = folder / "hq" / "hq.toml"
        path.write_text('data_dir = "data"\n', "utf-8")
        config = load_config(path)
        Path(config.data_dir).mkdir()
        clock = StillClock()
        clock.now = int(made.at(START))
        key = make_key(config.key_path)
        connection = create(config.database_path)
        with writing(connection) as tx:
            found_house(tx, random=os.urandom(8), now_ms=clock())
        self.line = connect(config.database_path)
        connection.close()
        self.hq = Hq(config, path, key, "", clock)
        self.desk = Desk(self.hq)
        self.months = months
        self.versions = 0
        self.publish((), "best", "2026-01-01")
        self.hq.members(MEMBERS)
        self.tills = [
            SimTill(folder / f"till{place}", self.hq, store_id, self.line)
            for place, store_id in enumerate(STORES)
        ]
        self.names: dict[str, str] = {f"id:{member}": member for member in CARDS}
        self.names |= {f"card:{card}": member for member, card in CARDS.items()}
        self.merges: dict[str, str] = {}
        self.adjustments: list[Adjustment] = []
        self.matches: dict[EventId, ReceiptKey] = {}
        self.closes: dict[str, Close] = {}

    def publish(self, pieces: Iterable[int], combine: str, since: str) -> None:
        """Publish the next version, from a date on."""
        self.versions += 1
        text = programme_text(self.versions, since, pieces, months=self.months, combine=combine)
        self.hq.publish(text)

    def close(self) -> None:
        """Let go of all databases."""
        self.line.close()
        for till in self.tills:
            till.close()

    @property
    def today(self) -> date:
        """The date on every wall."""
        passed = timedelta(milliseconds=self.hq.clock.now - int(made.at(START)))
        return (datetime.fromisoformat(START) + passed - timedelta(minutes=SEOUL.starts)).date()

    def go_on(self, days: int, minutes: int) -> None:
        """Let time pass."""
        passed_ms = (days * 1_440 + minutes) * 60_000
        self.hq.clock.now += passed_ms
        for till in self.tills:
            till.clock.go_on(passed_ms)

    def write(self, work: Callable[[Transaction], T], power: int | None = None) -> T:
        """Do something at headquarters in one transaction."""
        with writing(self.line) as tx, cut_off(self.line, power):
            return work(tx)

    def settle(self) -> None:
        """Let all tills talk and headquarters do its chores until nobody has anything to say."""
        for _ in range(3):
            for till in self.tills:
                till.lapse()
                till.exchange()
            self.chores()
        assert not any(outbox.waiting(till.conn)[0] for till in self.tills)

    def chores(self) -> None:
        """Do what is due at headquarters."""
        now_ms = self.hq.clock()
        while self.write(lambda tx: expiry_is_due(tx, now_ms) and expire(tx, now_ms) >= 0):
            pass
        self.write(lambda tx: lapse_some(tx, now_ms))
        while self.write(lambda tx: rederive_some(tx, now_ms)):
            pass

    def close_period(self, period_id: str) -> None:
        """Close a period on what headquarters knows, as the decision of the close does."""
        self.chores()
        accounts = figures(self.world()).accounts
        self.closes[period_id] = Close(
            posted=frozenset((m, one) for m, account in accounts.items() for one in account.entries),
            totals={m: account.qualifying.get(period_id, 0) for m, account in accounts.items()},
        )
        self.hq.sql(f"INSERT INTO bucket_closes SELECT bucket, '{period_id}', change_no FROM buckets")  # noqa: S608

    def world(self) -> World:
        """Return everything that headquarters has heard of and decided, for the oracle."""
        facts: list[tuple[EventId, Event]] = []
        heads: dict[str, int] = dict(
            self.hq.sql("SELECT terminal_id, max(seq) FROM events GROUP BY terminal_id")
        )
        for till in self.tills:
            for seq, record, _ in journal.walk(till.conn, 1, 0):
                if seq <= heads.get(till.terminal_id, 0):
                    facts.append((EventId(till.terminal_id, 1, 0, Seq(seq)), unpack_record(record).event))
        rows = self.hq.sql("SELECT epoch, branch, seq, record FROM visiting_facts WHERE terminal_id = '~hq'")
        facts += [(EventId(HQ, row[0], row[1], Seq(row[2])), unpack_record(row[3]).event) for row in rows]
        with reading(self.line) as tx:
            house = load_house(tx)
        stores = (*set(STORES), "")
        return World(
            facts=tuple(facts),
            programmes=house.programmes,
            places=dict.fromkeys(stores, SEOUL),
            terminals={HQ: "", **{till.terminal_id: till.store_id for till in self.tills}},
            members={(store, name): member for store in stores for name, member in self.names.items()},
            through=day_of(self.today),
            birthdays={"M1": (11, 20), "M2": (2, 29)},
            merges=tuple(self.merges.items()),
            adjustments=tuple(self.adjustments),
            closes=dict(self.closes),
            matches=dict(self.matches),
        )

    def disputed(self) -> set[tuple[str, str]]:
        """Return the open exceptions that receipts raise: kind and event."""
        return set(
            self.hq.sql(
                "SELECT kind, subject FROM arrival_exceptions WHERE closed_at_ms IS NULL"
                " AND kind NOT IN ('day_open', 'clock_ahead')"
            )
        )

    def overdrawn(self) -> set[str]:
        """Return whose accounts are said to be overdrawn."""
        rows = self.hq.sql(
            "SELECT subject FROM account_exceptions WHERE kind = 'overdrawn' AND closed_at_ms IS NULL"
        )
        return {subject for (subject,) in rows}

    def stands(self) -> dict[str, tuple[Entries, int, dict[str, int], dict[str, int]]]:
        """Return what stands for each account: entries, balance, qualifying points and lots by period."""
        found = {}
        with reading(self.line) as tx:
            house = load_house(tx)
            rules = Rulebook(house)
            for bucket in range(house.bucket_count):
                for account in ledger_accounts(tx, house, bucket):
                    totals = tx.all("accounts.totals_of", bucket=bucket, member_id=account.member_id)
                    facts = [one for of_day in account.facts.days.values() for one in of_day]
                    lots = lots_of(rules, totals, facts, Day(day_of(self.today))).lots
                    found[account.member_id] = (
                        _net(account.entries),
                        sum(redeemable for _, redeemable, *_ in totals),
                        {period: points for period, _, points, _ in totals if points},
                        {lot.period_id: lot.points for lot in lots},
                    )
        return found

    def audited(self) -> None:
        """Derive everything again and compare."""
        with reading(self.line) as tx:
            audit(tx, self.hq.public_key, lambda *_: None)

    def shown(self, till: SimTill, member: str) -> int:
        """Return the balance that a till shows."""
        books = till.books()
        return standing(till.conn, books, f"id:{member}", Day(day_of(self.today))).balance


def _net(entries: Any) -> Entries:
    """Return the net of each movement, whatever corrections it took."""
    summed: Entries = {}
    for entry in entries:
        kind = entry.corrects or entry.kind
        identity = Identity(
            kind=kind,
            event=None if entry.event == NO_EVENT else entry.event,
            rule=entry.rule if kind in ("bonus", "cap", "adjustment") else "",
            day=None if kind == "cap" else int(entry.business_day),
            period=entry.period_id,
        )
        points = Points(entry.redeemable, entry.qualifying)
        summed[identity] = summed.get(identity, Points(0, 0)).plus(points)
    return {identity: points for identity, points in summed.items() if points != (0, 0)}
