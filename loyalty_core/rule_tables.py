"""The tables [[earn]], [[weight]], [[bonus]], [[cap]] and [[reward]] of a programme file -> values.

A rule is refused here where it says what cannot be meant: keys that exclude each other, money on visits,
a time of day that is none.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal, TypedDict, get_args

import msgspec

from loyalty_core.calendar import WEEKDAYS
from loyalty_core.programme import Affects, Bonus, Cap, Earn, Kind, Reward, Slot, Weight, When
from loyalty_core.programme_forms import (
    COUNT,
    DATE,
    FACTOR,
    ID,
    MONEY,
    POINTS,
    SOME_MONEY,
    SOME_POINTS,
    TEXT,
    TIME,
    TIME_END,
    names_of,
)
from loyalty_core.toml_tables import YES_OR_NO, Form, Table, one_of, shown
from loyalty_core.units import Day, MinorUnits, Minute, Points

RULES_MAX: Final = 500
"""Of each kind, and of rewards."""
_KIND: Final[Form[Kind]] = one_of(*get_args(Kind))
_AFFECTS: Final[Form[Affects]] = one_of("redeemable", "qualifying")
_PER: Final[Form[Literal["event", "day", "period"]]] = one_of("event", "day", "period")
_MONEY_KEYS: Final = ("categories", "exclude_categories", "exclude_tenders", "minimum")
_BOTH: Final[frozenset[Kind]] = frozenset(get_args(Kind))
_PURCHASE: Final[frozenset[Kind]] = frozenset({"purchase"})


class RuleFile:
    """What a rule needs to know of the rest of its file; `ids` leads to where each id stands."""

    def __init__(self, starts: Minute, codes: list[str]) -> None:
        self.starts = starts
        self.tier = one_of(*dict.fromkeys(codes)) if codes else ID
        self.ids: dict[str, str] = {}


class _Common(TypedDict):
    id: str
    names: dict[str, str]
    when: When
    affects: Affects


def read_earn(table: Table, file: RuleFile) -> Earn:
    """Return an earning rule. `on` may be left out beside `per`: money means purchases."""
    per = table.take("per", SOME_MONEY, None)
    return Earn(
        **_common(table, file, _PURCHASE if "per" in table else None, ("per", *_MONEY_KEYS)),
        points=Points(table.need("points", POINTS, 0)),
        per=None if per is None else MinorUnits(per),
        limit_per_day=table.take("limit_per_day", COUNT, None),
    )


def read_weight(table: Table, file: RuleFile) -> Weight:
    """Return a multiplier."""
    common = _common(table, file, _BOTH, _MONEY_KEYS)
    return Weight(**common, times=table.need("times", FACTOR, Fraction(1)))


def read_bonus(table: Table, file: RuleFile) -> Bonus:
    """Return a rule of fixed extra points."""
    bonus = Bonus(
        **_common(table, file, _BOTH, _MONEY_KEYS),
        points=Points(table.need("points", POINTS, 0)),
        per=table.take("per", _PER, "event"),
        nth=table.take("nth", COUNT, None),
        birthday=table.take("birthday", YES_OR_NO, False),
        first=table.take("first", YES_OR_NO, False),
    )
    alone = "first" if bonus.first else "birthday" if bonus.birthday else None
    if bonus.first and bonus.birthday:
        table.wrong("birthday", "stands beside first", "expected one of them")
    if alone and bonus.per == "day":
        table.wrong("per", f'is "day" beside {alone}', 'expected "event", "period" or no per')
    if alone and bonus.nth is not None:
        table.wrong("nth", f"stands beside {alone}", "expected one of them")
    elif bonus.nth is not None and bonus.per == "event" and table.good("per"):
        table.wrong("nth", "has nothing to count in", 'expected per = "day" or per = "period" beside it')
    return bonus


def read_cap(table: Table, file: RuleFile) -> Cap:
    """Return a limit on points."""
    return Cap(
        **_common(table, file, _BOTH, money_keys=()),
        points=Points(table.need("points", POINTS, 0)),
        per=table.need("per", _PER, "event"),
    )


def read_reward(table: Table, file: RuleFile) -> Reward:
    """Return something to choose for points; its id is unlike those of all rules too."""
    reward_id, names = _own_id(table, file), names_of(table, "name")
    from_day, until_day = _days(table)
    return Reward(
        id=reward_id,
        names=names,
        points=Points(table.need("points", SOME_POINTS, 1)),
        value_minor=MinorUnits(table.take("value_minor", MONEY, 0)),
        tiers=_set(table, "tiers", file.tier),
        stores=_set(table, "stores", ID),
        from_day=from_day,
        until_day=until_day,
    )


def _common(
    table: Table, file: RuleFile, on_default: frozenset[Kind] | None, money_keys: tuple[str, ...]
) -> _Common:
    """Return what every rule has. `on_default` is None where `on` must be written."""
    rule_id = _own_id(table, file)
    on = _on(table, on_default)
    if "purchase" not in on and table.good("on"):
        for key in money_keys:
            if key in table:
                table.wrong(key, "has no meaning on visits alone", 'expected "purchase" in on')
    amounts = [key for key in money_keys if key in ("per", "minimum")]
    if amounts and "exclude_tenders" in table and not any(key in table for key in amounts):
        table.wrong("exclude_tenders", "has no money to count", f"expected {' or '.join(amounts)} beside it")
    return _Common(
        id=rule_id,
        names=names_of(table, "name"),
        when=_when(table, file, on, bool(money_keys)),
        affects=table.take("affects", _AFFECTS, None),
    )


def _own_id(table: Table, file: RuleFile) -> str:
    own = table.need("id", ID, "")
    if table.good("id") and file.ids.setdefault(own, table.title) != table.title:
        table.wrong("id", f"is {shown(own)}, as in {file.ids[own]}", "expected an id of its own")
    return own


def _on(table: Table, default: frozenset[Kind] | None) -> frozenset[Kind]:
    if "on" not in table and default is None:
        table.wrong("on", "is missing", f"expected {_KIND.expected}, or a list of both")
    kinds = table.take_list("on", _KIND, or_one=True)
    return frozenset(kinds) if kinds else default or _BOTH


def _when(table: Table, file: RuleFile, on: frozenset[Kind], counts_money: bool) -> When:
    """Return the conditions of a rule; those that look at money only where `counts_money`."""
    from_day, until_day = _days(table)
    when = When(
        on=on,
        stores=_set(table, "stores", ID),
        weekdays=_weekdays(table),
        slot=_slot(table, file.starts),
        from_day=from_day,
        until_day=until_day,
        tiers=_set(table, "tiers", file.tier),
    )
    if not counts_money:
        return when
    return msgspec.structs.replace(
        when,
        categories=_set(table, "categories", TEXT),
        exclude_categories=_set(table, "exclude_categories", TEXT) or frozenset(),
        exclude_tenders=_set(table, "exclude_tenders", TEXT) or frozenset(),
        minimum=MinorUnits(table.take("minimum", MONEY, 0)),
    )


def _days(table: Table) -> tuple[Day | None, Day | None]:
    first = table.take("from_date", DATE, None)
    last = table.take("until_date", DATE, None)
    if first is not None and last is not None and last < first:
        table.wrong("until_date", "is before from_date", "expected the same day or a later one")
    return first, last


def _set(table: Table, key: str, form: Form[str]) -> frozenset[str] | None:
    values = table.take_list(key, form)
    return None if values is None else frozenset(values)


def _weekdays(table: Table) -> frozenset[int] | None:
    names = table.take_list("weekdays", one_of(*WEEKDAYS))
    return None if names is None else frozenset(WEEKDAYS.index(name) for name in names)


def _slot(table: Table, starts: Minute) -> Slot | None:
    """Return the time of day. Where only one end is written, the business day's start or end is the other."""
    start = table.take("from", TIME, None)
    end = table.take("until", TIME_END, None)
    if (start is None and end is None) or not table.good("from", "until"):
        return None
    slot = Slot(starts if start is None else start, starts if end is None else end)
    if slot.start == slot.end:
        key, other = ("from", "until") if start is not None else ("until", "from")
        same = f"the same as {other}" if other in table else "where the business day starts"
        table.wrong(key, f"is {same}", "expected two times that differ, or neither for the whole day")
    return slot
