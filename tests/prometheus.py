"""Prometheus' text form 0.0.4, read strictly: what its server would only warn of is refused here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Labels = frozenset[tuple[str, str]]
NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
SAMPLE = re.compile(r"(?P<name>[a-z0-9_]+)(?:\{(?P<labels>.+)\})? (?P<value>-?\d+(?:\.\d+)?(?:e-?\d+)?)")
LABEL = re.compile(r'(?P<name>[a-z_]+)="(?P<value>(?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
UNITS = ("seconds", "bytes")
PARTS = ("_bucket", "_sum", "_count")


@dataclass
class Read:
    """All figures of one name, as they were read."""

    kind: str
    text: str
    figures: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def of(self, **labels: str) -> float:
        """Return the figure with these labels."""
        return self.part("", **labels)

    def part(self, suffix: str, **labels: str) -> float:
        """Return the figure of a histogram's part with these labels."""
        return self.figures[suffix, frozenset(labels.items())]


def parsed(text: str) -> dict[str, Read]:
    """Return what a text says, by name; fails where Prometheus or its conventions would not have it so."""
    assert text.endswith("\n")
    found: dict[str, Read] = {}
    name, words = "", ""
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, words = line.removeprefix("# HELP ").partition(" ")
            assert NAME.fullmatch(name), line
            assert words.endswith("."), line
            assert name not in found, f"{name} stands twice"
            found[name] = Read("", words)
        elif line.startswith("# TYPE "):
            assert line.startswith(f"# TYPE {name} "), line
            assert not found[name].kind, line
            found[name].kind = line.removeprefix(f"# TYPE {name} ")
            assert found[name].kind in {"counter", "gauge", "histogram"}, line
        else:
            _take(line, name, found[name])
    for name, read in found.items():
        _check(name, read)
    return found


def _take(line: str, name: str, read: Read) -> None:
    """Read a sample line of a family."""
    sample = SAMPLE.fullmatch(line)
    assert sample is not None, line
    suffix = sample["name"].removeprefix(name)
    assert sample["name"] == name + suffix, f"{line} stands below {name}"
    assert suffix in (PARTS if read.kind == "histogram" else ("",)), line
    rest, labels = sample["labels"] or "", []
    while rest:
        label = LABEL.match(rest)
        assert label is not None, line
        labels.append(
            (label["name"], re.sub(r"\\(.)", lambda it: "\n" if it[1] == "n" else it[1], label["value"]))
        )
        rest = rest[label.end() :]
    assert len(dict(labels)) == len(labels), line
    key = (suffix, frozenset(labels))
    assert key not in read.figures, f"{line} stands twice"
    read.figures[key] = float(sample["value"])


def _check(name: str, read: Read) -> None:
    """Hold a family to the conventions of names, and a histogram to its form."""
    assert read.kind, f"{name} has no type"
    assert (read.kind == "counter") == name.endswith("_total"), f"only what rises is a total: {name}"
    for other in ("milliseconds", "_ms", "minutes", "hours", "kib", "_mb", "percent"):
        assert other not in name, f"{name} is in no base unit"
    if read.kind == "counter":
        assert all(value >= 0 for value in read.figures.values()), name
    if read.kind != "histogram":
        return
    assert name.endswith(UNITS), name
    for suffix, labels in list(read.figures):
        if suffix != "_count":
            continue
        bounds = {
            float(dict(key[1])["le"]): value
            for key, value in read.figures.items()
            if key[0] == "_bucket" and key[1] - {("le", dict(key[1])["le"])} == labels
        }
        rising = [bounds[bound] for bound in sorted(bounds)]
        assert rising == sorted(rising), f"{name} does not rise"
        assert bounds[float("inf")] == read.figures["_count", labels], name
        assert ("_sum", labels) in read.figures, name
