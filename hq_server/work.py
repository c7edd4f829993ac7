"""What is to be posted: facts by member-day, how far each terminal has come, and who is to hear of it."""

from __future__ import annotations

import msgspec

from loyalty_core.resolved import Resolved

MemberDay = tuple[str, int]


class Version(msgspec.Struct, frozen=True, gc=False):
    """One fact in one member-day. Without `resolved` it has moved away."""

    version: int
    resolved: Resolved | None
    encoded: bytes | None

    def beats(self, other: Version) -> bool:
        """Tell whether this one stays where both would lie: the newer, or of one version the one that stands.

        A receipt that goes from one name of a member to another leaves and comes in the same version.
        """
        mine, others = self.resolved is not None, other.resolved is not None
        return (self.version, mine) > (other.version, others)


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """An event of a terminal that touched a member; its store hears of the member from now on."""

    member_id: str
    terminal_id: str
    audience: str
    place: tuple[int, int, int]


class Work(msgspec.Struct, frozen=True):
    """What is to be posted: facts by member-day, stamps, and (member, store) that hear of a change.

    `renewed` are members of whom something else has changed that tills are told, `whole` those of whom
    everything is to be derived again.
    """

    days: dict[MemberDay, dict[str, Version]] = msgspec.field(default_factory=dict)
    stamps: list[Stamp] = msgspec.field(default_factory=list)
    told: set[tuple[str, str]] = msgspec.field(default_factory=set)
    renewed: set[str] = msgspec.field(default_factory=set)
    whole: set[str] = msgspec.field(default_factory=set)

    def put(self, member_id: str, business_day: int, receipt_id: str, version: Version) -> None:
        """Put a fact into a member's day, where the version that beats the other stays."""
        day = self.days.setdefault((member_id, business_day), {})
        before = day.get(receipt_id)
        if before is None or version.beats(before):
            day[receipt_id] = version

    def hearing(self) -> set[tuple[str, str]]:
        """Return (member, store) that hear of it."""
        return self.told | {(stamp.member_id, stamp.audience) for stamp in self.stamps}

    def named(self) -> set[str]:
        """Return every member that it is about."""
        named = {stamp.member_id for stamp in self.stamps}
        named.update(member for member, _ in self.days)
        named.update(member for member, _ in self.told)
        return named | self.renewed | self.whole
