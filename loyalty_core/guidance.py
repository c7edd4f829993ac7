"""Ways to earn what is missing to the next tier before the period ends. A way is a promise, and it is kept.

*Visits*: so many further visits in the frame, on any of its business days, at any of its minutes. *Purchase*:
one purchase of the amount or more in the frame. Either closes the gap, whichever days, minutes, store, goods
and means of payment are chosen within what the way says, as long as nothing is taken back and nothing else is
done on those days. Points and gift cards are not money here. Bonuses over a period or a life are not counted
on: they only help.

Each way is derived with the rules of every day left, versions that are published for later included. Only
whole days are counted on: today is in the promise where it gives as much after what was done today, and is
left out by name where it does not. On the last day there is only what is left of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from loyalty_core.accrual import DaySoFar
from loyalty_core.outlook import Asked, Frame, Outlook
from loyalty_core.programme import Kind, Slot
from loyalty_core.resolved import Resolved
from loyalty_core.scenes import Scene, amounts_from, gain, is_choosy, is_one_a_day, least_amount
from loyalty_core.units import MinorUnits, Minute

OUTLOOKS_KEPT: Final = 32
PLANS_KEPT: Final = 1024
"""For each outlook: as many gaps are remembered."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One way to close the gap: `count` visits, or a purchase of `minor` or more.

    `one_a_day`: of several visits on one day only the first counts. `from_tomorrow`: today does not give it.
    `store_id`: it holds in this store only. `only_eligible`: some goods or means of payment do not count.
    `morning`: the frame runs from the start of the business day until noon.
    """

    kind: Literal["visits", "purchase"]
    count: int = 1
    minor: MinorUnits = MinorUnits(0)
    frame: Frame = Frame()
    morning: bool = False
    one_a_day: bool = False
    from_tomorrow: bool = False
    store_id: str | None = None
    only_eligible: bool = False


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where one member is: what is missing, what was done today, and the local minute now.

    `used` says what each cap over a period has let through, in qualifying points; a cap that is not in it
    leaves no room for a promise.
    """

    missing: int
    today: Sequence[Resolved]
    minute: Minute
    used: Mapping[str, int] = {}


class _Trial(msgspec.Struct, frozen=True):
    """What may be met today, an amount, and what that gives to who has nothing of the day yet.

    It gives the same whatever there was before where it is `steady`.
    """

    scene: Scene
    minor: int
    gives: int
    steady: bool


class _Plan(msgspec.Struct, frozen=True):
    """A way before today is looked at; `least` is what one of its visits, or the purchase, must give.

    `trials` are those of today, by the times that are left of it.
    """

    way: Way
    least: int
    trials: dict[tuple[Minute, ...], tuple[_Trial, ...]] = {}


class _Offer(msgspec.Struct, frozen=True):
    """What is known of a frame whatever is missing: a way without its figure, and the scenes of its days.

    `days` counts them; `least` is what any visit on them gives.
    """

    way: Way
    days: int
    scenes: list[Scene]
    least: int = 0


class _Book(msgspec.Struct):
    """What was worked out of one outlook: its offers, and plans by what is missing.

    `since` is the minute that they are of, on the last day of a period.
    """

    outlook: Outlook
    since: Minute | None
    visits: list[_Offer]
    purchases: list[_Offer]
    plans: dict[int, tuple[_Plan, ...]]


class Guide:
    """Finds ways; keeps what it worked out, for many members lack the same."""

    def __init__(self) -> None:
        self._books: dict[tuple[object, ...], _Book] = {}

    def ways(self, asked: Asked, progress: Progress) -> tuple[Way, ...]:
        """Return the honest ways, visits first; none where the rules give none."""
        if progress.missing <= 0 or asked.today > asked.period.last:
            return ()
        book = self._book(asked, progress.minute)
        plans = book.plans.get(progress.missing)
        if plans is None:
            if len(book.plans) >= PLANS_KEPT:
                book.plans.clear()
            plans = book.plans[progress.missing] = (*_visits(book, progress), *_purchase(book, progress))
        stood: dict[str, DaySoFar] = {}
        found = [_with_today(book.outlook, plan, progress, stood) for plan in plans]
        return tuple([way for way in found if way is not None])

    def _book(self, asked: Asked, minute: Minute) -> _Book:
        key = (asked.today, asked.period.id, asked.tiers, asked.store_id, asked.starts)
        book = self._books.get(key)
        if book is None or book.outlook.asked != asked:
            if len(self._books) >= OUTLOOKS_KEPT:
                self._books.clear()
            book = self._books[key] = _opened(Outlook(asked), minute)
        elif book.since not in (None, minute):
            book = self._books[key] = _opened(book.outlook, minute)
        return book


def _opened(outlook: Outlook, minute: Minute) -> _Book:
    since = None if outlook.whole_days else minute
    visits = [offer for offer in _offers(outlook, "visits", since) if offer.least > 0]
    return _Book(outlook, since, visits, _offers(outlook, "purchase", since), {})


def _offers(outlook: Outlook, of: Literal["visits", "purchase"], since: Minute | None) -> list[_Offer]:
    """Return an offer for every frame that has a day left, "any time" first."""
    if not outlook.is_bounded:
        return []
    kind, found = _KINDS[of], []
    days = outlook.whole_days or [outlook.asked.today]
    today = [outlook.asked.today] * outlook.has_today
    store_id = outlook.asked.store_id if outlook.names_stores(kind) else None
    for frame in outlook.frames(kind, days):
        within = [day for day in days if frame.holds_day(day)]
        scenes = outlook.scenes(kind, within, outlook.minutes(frame, since))
        if not scenes:
            continue
        anytime = outlook.minutes(frame)
        every = [
            *outlook.scenes(kind, filter(frame.holds_day, today), anytime),
            *outlook.scenes(kind, within, anytime),
        ]
        way = Way(
            kind=of,
            frame=frame,
            morning=frame.slot == Slot(outlook.asked.starts, _NOON),
            one_a_day=of == "visits" and is_one_a_day(every),
            only_eligible=of == "purchase" and is_choosy(every),
            store_id=store_id,
        )
        least = min(gain(scene, kind, 0) for scene in scenes) if of == "visits" else 0
        found.append(_Offer(way, len(within), scenes, least))
    return found


def _visits(book: _Book, progress: Progress) -> list[_Plan]:
    """Return the fewest visits that are sure to suffice, and how many do at any time if those are more.

    What can be done now goes before what has to wait for a date.
    """
    found = []
    for offer in book.visits:
        count = -(-progress.missing // offer.least)
        if count > offer.days:
            continue
        way = msgspec.structs.replace(offer.way, count=count, one_a_day=offer.way.one_a_day and count > 1)
        rank = (way.frame.from_day is not None, count, -offer.days, way.frame.conditions)
        found.append((rank, _Plan(way, offer.least)))
    if not found:
        return []
    _, best = min(found, key=lambda ranked: ranked[0])
    return [best, *[plan for _, plan in found if plan.way.frame == Frame() and plan != best]]


def _purchase(book: _Book, progress: Progress) -> list[_Plan]:
    """Return the smallest purchase that is sure to suffice at any time; else the smallest at some time."""
    found = []
    for offer in book.purchases:
        minor = least_amount(offer.scenes, progress.missing)
        if minor is None:
            continue
        plan = _Plan(msgspec.structs.replace(offer.way, minor=minor), progress.missing)
        if offer.way.frame == Frame():
            return [plan]
        found.append(plan)
    return [min(found, key=lambda plan: plan.way.minor)] if found else []


def _with_today(outlook: Outlook, plan: _Plan, progress: Progress, stood: dict[str, DaySoFar]) -> Way | None:
    """Return the way as this member may take it; None where a cap, or the last day, leaves no room for it.

    `stood` gathers what there was of today, by tier.
    """
    way = plan.way
    kind = _KINDS[way.kind]
    for cap in outlook.period_caps(kind):
        if cap.points - progress.used.get(cap.id, cap.points) < progress.missing:
            return None
    minutes = outlook.minutes(way.frame, progress.minute)
    if not outlook.has_today or not way.frame.holds_day(outlook.asked.today) or not minutes:
        return way
    others = (way.count - 1) * plan.least if way.one_a_day else 0
    need = progress.missing - others if way.one_a_day or way.count == 1 else plan.least
    trials = plan.trials.get(minutes)
    if trials is None:
        trials = plan.trials[minutes] = tuple(_trials(outlook.scenes_today(kind, minutes), kind, way.minor))
    if trials and all(_gives(trial, kind, progress.today, stood) >= need for trial in trials):
        return way
    return msgspec.structs.replace(way, from_tomorrow=True) if outlook.whole_days else None


def _trials(scenes: Sequence[Scene], kind: Kind, minor: int) -> Iterable[_Trial]:
    for scene in scenes:
        steady = not is_one_a_day([scene])
        for amount in amounts_from([scene], minor):
            yield _Trial(scene, amount, gain(scene, kind, amount), steady)


def _gives(trial: _Trial, kind: Kind, today: Sequence[Resolved], stood: dict[str, DaySoFar]) -> int:
    """Return what a trial gives after what there was of the day."""
    if trial.steady or not today:
        return trial.gives
    rules = trial.scene.rules
    if rules.tier not in stood:
        stood[rules.tier] = DaySoFar(rules, today)
    return gain(trial.scene, kind, trial.minor, stood[rules.tier])


_KINDS: Final[Mapping[Literal["visits", "purchase"], Kind]] = {"visits": "visit", "purchase": "purchase"}
_NOON: Final = Minute(12 * 60)
