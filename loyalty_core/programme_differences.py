"""What one version of a programme says otherwise than another, rule by rule, in plain words."""

from __future__ import annotations

import msgspec

from loyalty_core.explain import Language
from loyalty_core.programme import Programme
from loyalty_core.programme_reading import reading_by_part


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What is said otherwise about one thing. `was` is None where it is new, `now` where it is gone."""

    about: str
    was: str | None
    now: str | None


def differences(before: Programme, after: Programme, language: Language) -> tuple[Difference, ...]:
    """Return what `after` says otherwise than `before`, in the order of its reading, then what is gone.

    Both are read as of the same day: examples with dates tell of no difference.
    """
    alike = msgspec.structs.replace(before, version=after.version, effective_from=after.effective_from)
    old, new = dict(reading_by_part(alike, language)), dict(reading_by_part(after, language))
    return tuple(
        [
            Difference(about=about, was=old.get(about), now=new.get(about))
            for about in (*new, *(about for about in old if about not in new))
            if old.get(about) != new.get(about)
        ]
    )
