"""How the desk has ruled in a period: granted and refused, by store, person and gap. Reads only."""

from __future__ import annotations

from collections import Counter

import msgspec

from hq_server.config import Grants
from hq_server.decisions import Decision, decision, every_decision
from hq_server.desk.cases import every_case, moot
from hq_server.desk.rulings import ruling_of
from hq_server.desk.settling import Refusal
from hq_server.desk.standing import grants_used
from hq_server.house import House
from hq_server.store.connection import Transaction
from loyalty_core.calendar import period_named
from loyalty_core.units import EpochMs


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Rulings of one store, person or gap, counted by member. Of each, `alone` and `unlike` are a part.

    `granted_alone` though others stood alike; `refused_unlike` though one who stood alike was granted it.
    """

    name: str
    granted: int = 0
    granted_alone: int = 0
    refused: int = 0
    refused_unlike: int = 0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a period. `used` of `per_period_max` grants are given or proposed.

    `by_person` counts grants for who proposed and refusals for who refused, `by_approver` grants for who
    approved, and for who refused a proposal the members whom it covered.
    """

    period: str
    per_period_max: int
    used: int
    cases: dict[str, int]
    in_all: Line
    by_store: tuple[Line, ...]
    by_person: tuple[Line, ...]
    by_approver: tuple[Line, ...]
    by_gap: tuple[Line, ...]


def figures(tx: Transaction, house: House, limits: Grants, period_id: str, now_ms: EpochMs) -> Figures:
    """Return how the desk has ruled in a period.

    Raises:
        BadInput: `period_unknown`.
    """
    period = period_named(period_id, house.newest.period_months)
    sums = {name: _Sums() for name in ("all", "store", "person", "approver", "gap")}
    states: Counter[str] = Counter()
    for case in every_case(tx, period_id=period.id):
        is_moot = case.state == "open" and moot(tx, house, case, now_ms) is not None
        states["moot" if is_moot else case.state] += 1
        if case.state == "refused" and case.decision is not None:
            one = decision(tx, case.decision)
            refusal = msgspec.json.decode(one.detail, type=Refusal)
            names = (("store", case.home_store), ("person", one.made_by), ("gap", str(refusal.missing)))
            for of, name in (("all", ""), *names):
                sums[of].add(name, refused=1, refused_unlike=int(refusal.unlike))
    rulings: dict[int, Decision] = {}
    for number, store, missing, count in tx.all("accounts.granted_figures", period_id=period.id):
        one = rulings.setdefault(number, decision(tx, number))
        alone = count if ruling_of(one).alone else 0
        people = (("person", one.made_by), ("approver", one.given_by or ""))
        for of, name in (("all", ""), ("store", store), *people, ("gap", str(missing))):
            sums[of].add(name, granted=count, granted_alone=alone)
    for one in every_decision(tx, "grant", state="refused"):
        ruling = ruling_of(one)
        if ruling.period == period.id:
            sums["approver"].add(one.given_by or "", refused=ruling.members)
    return Figures(
        period=period.id,
        per_period_max=limits.per_period_max,
        used=grants_used(tx, period.id),
        cases=dict(sorted(states.items())),
        in_all=next(iter(sums["all"].lines()), Line(name="")),
        by_store=sums["store"].lines(),
        by_person=sums["person"].lines(),
        by_approver=sums["approver"].lines(),
        by_gap=tuple(sorted(sums["gap"].lines(), key=lambda one: int(one.name))),
    )


class _Sums:
    """Lines by name, added up."""

    def __init__(self) -> None:
        self._lines: dict[str, Counter[str]] = {}

    def add(self, name: str, **counts: int) -> None:
        """Add to the line of a name."""
        self._lines.setdefault(name, Counter()).update(counts)

    def lines(self) -> tuple[Line, ...]:
        """Return the lines in order of name."""
        return tuple([Line(name=name, **self._lines[name]) for name in sorted(self._lines)])
