"""Days of trade drawn from a seed: receipts, returns, voids, claims and visits, told to real tills."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from edge_agent.recorder import Intake, Outcome
from edge_agent.store.database import transaction
from loyalty_core.errors import BadInput
from loyalty_core.events import VisitVoided
from tests.edge.made import at, day
from tests.hq.real_till import RealTill

CARDS = ("2000123456782", "2000123456799", "2000123456805")
OPENED = "2026-11-20 09:00"
DAYS = 4
Json = dict[str, Any]


class Stream:
    """What happens at some tills; times rise if `in_order`, and else jump about within the days."""

    def __init__(self, seed: int, tills: Sequence[RealTill], *, in_order: bool) -> None:
        self._random = random.Random(seed)
        self._tills, self._in_order = tills, in_order
        self._sold: list[Json] = []
        self._been: list[tuple[RealTill, Outcome]] = []
        self._number = 0

    def step(self) -> str:
        """Let one more thing happen; return what it was, or the code of its refusal."""
        steps = (
            self._sale,
            self._visit,
            self._return,
            self._void,
            self._claim,
            self._copy,
            self._undo,
            self._sync,
        )
        step = self._random.choices(steps, (6, 3, 6, 1, 3, 2, 1, 2))[0]
        self._number += 1
        try:
            step(self._random.choice(self._tills))
        except BadInput as error:
            return error.code
        return step.__name__

    def _when(self) -> datetime:
        minutes = self._number * 20 if self._in_order else self._random.randrange(DAYS * 1440)
        return datetime.fromisoformat(OPENED) + timedelta(minutes=minutes, seconds=self._number % 60)

    def _who(self) -> Json:
        who = self._random.choice((*CARDS, None))
        return {} if who is None else {"member": who}

    def _some(self) -> Json:
        if not self._sold:
            raise BadInput("nothing was sold yet", code="nothing_sold")
        return self._random.choice(self._sold)

    def _sale(self, till: RealTill) -> None:
        when, lines = self._when(), [self._line(number) for number in range(self._random.randrange(4))]
        net = sum(line["net_minor"] for line in lines) if lines else self._random.randrange(1_000, 20_000)
        net = max(0, net + self._random.choice((0, 0, -300, 700)))
        gift = self._random.choice((0, 0, net // 2))
        tenders = [{"type": "gift_card", "amount_minor": gift}, {"type": "card", "amount_minor": net - gift}]
        sold = self._receipt("purchase", when) | {"net_minor": net, "lines": lines, "tenders": tenders}
        self._sold.append(sold)
        if self._in_order or self._random.random() < 0.8:  # what is left out comes later, as a copy
            till.record(sold | self._who())

    def _line(self, number: int) -> Json:
        quantity, net = self._random.randrange(1, 4), self._random.randrange(500, 9_000)
        sku, category = self._random.choice("ABC"), self._random.choice(("", "food"))
        return {"number": number, "sku": sku, "category": category, "quantity": quantity, "net_minor": net}

    def _copy(self, till: RealTill) -> None:
        till.record(self._some() | self._who())

    def _visit(self, till: RealTill) -> None:
        when = self._when().isoformat(sep=" ")
        self._been.append((till, till.visit(self._random.choice(CARDS), when, f"visit-{self._number}")))

    def _undo(self, _: RealTill) -> None:
        if not self._been:
            return
        till, been = self._random.choice(self._been)
        when, of = self._when(), been.event
        event = VisitVoided(
            None, at(when.isoformat(sep=" ")), day(when.date().isoformat()), of.epoch, of.seq, None
        )
        undo = Intake(
            event=event,
            natural_key=f"visit-void/{of.epoch}/{of.seq}",
            content=b"",
            voids=of,
            adapter="http",
            raw_sha256=b"",
        )
        with transaction(till.conn):
            till.recorder.record(till.conn, till.books(), undo)

    def _return(self, till: RealTill) -> None:
        sold = self._some()
        lines: list[Json] = []
        net = self._random.choice((sold["net_minor"], sold["net_minor"] // 3))
        if sold["lines"] and self._random.random() < 0.8:
            chosen = self._random.sample(sold["lines"], self._random.randrange(1, len(sold["lines"]) + 1))
            lines = [self._part(line) for line in chosen]
            net = sum(line["net_minor"] for line in lines)
        tender = {"type": self._random.choice(("card", "gift_card")), "amount_minor": net}
        back = self._receipt("return", self._when()) | {"net_minor": net, "lines": lines, "tenders": [tender]}
        linked = {"original": sold["receipt"]} if self._random.random() < 0.9 else {}
        till.record(back | linked | self._who())

    def _part(self, line: Json) -> Json:
        quantity = self._random.randrange(1, line["quantity"] + 1)
        return line | {"quantity": quantity, "net_minor": line["net_minor"] * quantity // line["quantity"]}

    def _void(self, till: RealTill) -> None:
        till.record(self._receipt("void", self._when()) | {"original": self._some()["receipt"]})

    def _claim(self, till: RealTill) -> None:
        when = self._when().isoformat(sep=" ")
        till.claim(self._random.choice(CARDS), self._some()["receipt"], when, f"claim-{self._number}")

    def _sync(self, till: RealTill) -> None:
        till.exchange()

    def _receipt(self, kind: str, when: datetime) -> Json:
        date = when.date().isoformat()
        key = {"store": "S012", "till": "T03", "business_date": date, "number": str(self._number)}
        return {"kind": kind, "receipt": key, "occurred_at": when.isoformat() + "+09:00"}
