"""The link of the last day, without gaps: what a person sees of the spans that were written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

import msgspec

from edge_agent.store.link_spans import OK, STARTED, Span

DAY_MS: Final = 24 * 3_600_000
State = Literal["up", "down", "off", "unknown"]


class Stretch(msgspec.Struct, frozen=True):
    """From when to when the link was in one state; `code` is why it was down, empty otherwise."""

    from_ms: int
    to_ms: int
    state: State
    code: str = ""


def timeline(spans: Sequence[Span], now_ms: int, *, back_ms: int = DAY_MS) -> list[Stretch]:
    """Return the state of the link from `back_ms` ago until now, without gap or overlap.

    `off` is when the agent did not run, `unknown` before anything was noted. A clock that was set moves what
    was noted before it; what would lie in the future or overlap is cut.
    """
    begins_ms = now_ms - back_ms
    found: list[Stretch] = []
    for one, after in pairwise([*spans, None]):
        assert one is not None
        until_ms = now_ms if after is None else after.from_ms
        if after is not None and after.code == STARTED:
            found.append(_stretch(one, min(one.to_ms, until_ms)))
            found.append(Stretch(min(one.to_ms, until_ms), until_ms, "off"))
        else:
            found.append(_stretch(one, until_ms))
    return _without_gaps(found, begins_ms, now_ms)


def _stretch(span: Span, until_ms: int) -> Stretch:
    if span.code == OK:
        return Stretch(span.from_ms, until_ms, "up")
    if span.code == STARTED:
        return Stretch(span.from_ms, until_ms, "unknown")
    return Stretch(span.from_ms, until_ms, "down", span.code)


def _without_gaps(found: Sequence[Stretch], begins_ms: int, now_ms: int) -> list[Stretch]:
    told: list[Stretch] = []
    at_ms = begins_ms
    for one in found:
        from_ms, to_ms = max(one.from_ms, at_ms), min(one.to_ms, now_ms)
        if to_ms <= from_ms:
            continue
        if from_ms > at_ms:
            told.append(Stretch(at_ms, from_ms, "unknown"))
        if told and (told[-1].state, told[-1].code) == (one.state, one.code):
            told[-1] = msgspec.structs.replace(told[-1], to_ms=to_ms)
        else:
            told.append(Stretch(from_ms, to_ms, one.state, one.code))
        at_ms = to_ms
    if at_ms < now_ms:
        told.append(Stretch(at_ms, now_ms, "unknown"))
    return told
