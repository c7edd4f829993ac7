"""Figures as Prometheus' text form 0.0.4, and what counts them: counters and histograms of bounded size.

Source: Prometheus' "Exposition formats". Names and units follow its conventions: base units, `_total` for
what only rises. Each is counted by one thread, so none of them locks. Durations are floats, which
`loyalty_core` does not know.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Final, Literal, NamedTuple

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SERIES_MAX: Final = 200
"""The most combinations of label values of one name; what goes beyond is counted under `OTHER`."""
OTHER: Final = "other"

Labels = tuple[tuple[str, str], ...]


class Sample(NamedTuple):
    """One figure; `suffix` belongs to a histogram's parts."""

    value: float
    labels: Labels = ()
    suffix: str = ""


class Family(NamedTuple):
    """All figures of one name."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    samples: tuple[Sample, ...]


def gauge(name: str, text: str, value: float) -> Family:
    """Return a figure that goes up and down."""
    return Family(name, "gauge", text, (Sample(value),))


def total(name: str, text: str, value: float) -> Family:
    """Return a figure that only rises."""
    return Family(name, "counter", text, (Sample(value),))


def gauges(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Family:
    """Return a figure for each value of a label."""
    return Family(name, "gauge", text, tuple([Sample(value, ((label, of),)) for of, value in values]))


def info(name: str, text: str, **labels: str) -> Family:
    """Return words as labels of a 1."""
    return Family(name, "gauge", text, (Sample(1, tuple(labels.items())),))


def expose(families: Iterable[Family]) -> str:
    """Return the text of all figures."""
    lines: list[str] = []
    for family in families:
        text = family.text.replace("\\", "\\\\").replace("\n", "\\n")
        lines += (f"# HELP {family.name} {text}", f"# TYPE {family.name} {family.kind}")
        for value, labels, suffix in family.samples:
            lines.append(f"{family.name}{suffix}{_braces(labels)} {_number(value)}")
    return "\n".join(lines) + "\n"


class Counter:
    """Counts that only rise, one for each combination of values of its labels."""

    __slots__ = ("_counts", "_labels", "_name", "_text")

    def __init__(self, name: str, text: str, *labels: str) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._counts: dict[tuple[str, ...], float] = {} if labels else {(): 0}

    def add(self, *values: str, by: float = 1) -> None:
        """Count one more, or `by`, of these values of the labels."""
        counts = self._counts
        if values not in counts:
            values = _bounded(values, counts)
        counts[values] = counts.get(values, 0) + by

    def family(self) -> Family:
        """Return what has been counted."""
        counted = sorted(self._counts.copy().items())
        samples = [Sample(count, tuple(zip(self._labels, values, strict=True))) for values, count in counted]
        return Family(self._name, "counter", self._text, tuple(samples))


class Histogram:
    """How often something took how long, one for each combination of values of its labels."""

    __slots__ = ("_bounds", "_labels", "_name", "_series", "_text")

    def __init__(self, name: str, text: str, bounds: Sequence[float], *labels: str) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, labels, tuple(bounds)
        self._series: dict[tuple[str, ...], tuple[list[int], list[float]]] = {}
        if not labels:
            self._series[()] = self._empty()

    def observe(self, value: float, *values: str) -> None:
        """Count what took `value` under these values of the labels."""
        found = self._series.get(values)
        if found is None:
            values = _bounded(values, self._series)
            found = self._series.setdefault(values, self._empty())
        counts, sums = found
        counts[bisect_left(self._bounds, value)] += 1
        sums[0] += value

    def family(self) -> Family:
        """Return what has been counted: how many took up to each bound, and all of them with their sum."""
        samples = [sample for values in sorted(self._series.copy()) for sample in self._samples(values)]
        return Family(self._name, "histogram", self._text, tuple(samples))

    def _empty(self) -> tuple[list[int], list[float]]:
        return [0] * (len(self._bounds) + 1), [0.0]

    def _samples(self, values: tuple[str, ...]) -> Iterator[Sample]:
        labels = tuple(zip(self._labels, values, strict=True))
        counts, sums = self._series[values]
        so_far = 0
        for bound, count in zip((*map(_number, self._bounds), "+Inf"), tuple(counts), strict=True):
            so_far += count
            yield Sample(so_far, (*labels, ("le", bound)), "_bucket")
        yield Sample(sums[0], labels, "_sum")
        yield Sample(so_far, labels, "_count")


def _bounded(values: tuple[str, ...], known: Sized) -> tuple[str, ...]:
    """Return these values, or `OTHER` for each where there are too many already."""
    return values if len(known) < SERIES_MAX else (OTHER,) * len(values)


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    escaped = [
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in labels
    ]
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
