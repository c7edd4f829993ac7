"""Members who count as one: while a merge stands, everything of the one is taken as the other's.

Nothing is moved: facts stay with the member who was named, and the account that stands for all of them, the
head, is derived from them together. So a merge is undone by forgetting it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from hq_server.references import places_json
from hq_server.store.connection import Transaction


class Groups(msgspec.Struct, frozen=True):
    """Who stands for whom: `head_of` each member asked about, and `members` of each head, the head first."""

    head_of: dict[str, str]
    members: dict[str, tuple[str, ...]]


class Merged(msgspec.Struct, frozen=True):
    """The detail of a merge, and of its undoing: whom the subject counts, or counted, as."""

    into: str


def groups_of(tx: Transaction, bucket_count: int, names: Iterable[str]) -> Groups:
    """Return the groups of these members; one who was never merged is a group alone."""
    head_of = {name: name for name in names}
    if tx.one("accounts.any_merge") is None:
        return Groups(head_of, {name: (name,) for name in head_of})
    while found := _pairs(tx, "accounts.merges_of", bucket_count, set(head_of.values())):
        into = dict(found)
        head_of = {name: into.get(head, head) for name, head in head_of.items()}
    members: dict[str, tuple[str, ...]] = {}
    for head in set(head_of.values()):
        group, fresh = [head], {head}
        while fresh:
            fresh = {name for _, name in _pairs(tx, "accounts.merged_into", bucket_count, fresh)}
            group += sorted(fresh)
        members[head] = tuple(group)
    return Groups(head_of, members)


def head_of(tx: Transaction, bucket_count: int, member_id: str) -> str:
    """Return the member who stands for this one."""
    return groups_of(tx, bucket_count, [member_id]).head_of[member_id]


def _pairs(tx: Transaction, statement: str, bucket_count: int, names: set[str]) -> list[tuple[str, str]]:
    keys = places_json(names, bucket_count)
    return [(row[0], row[1]) for row in tx.all(statement, keys=keys)]
