"""Two members are one person: from now on everything of the one counts as the other's, until it is undone.

Only the rows of `merges` and `merged` move. Both accounts are derived again, and every store that knew either
of them is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hq_server.closes.states import refuse_while_closing
from hq_server.decisions import Said, keep_decision
from hq_server.deliver import settle_disputes
from hq_server.house import House
from hq_server.merges import Merged, groups_of
from hq_server.posting import post
from hq_server.references import bucket_of, places_json
from hq_server.store.connection import Transaction
from hq_server.work import Work
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs

MERGED_MAX: Final = 50
"""The most members who count as one: all of them are derived in one transaction."""


def merge(tx: Transaction, house: House, member_id: str, into: str, by: Said, now_ms: EpochMs) -> int:
    """Let a member count as another and return the decision's number. Neither has been erased.

    Raises:
        BadInput: `merge_self`, `already_merged`, `merge_circular`, `merge_too_many`, `period_closing`.
    """
    if member_id == into:
        raise BadInput(f"{member_id} is {into}: name two members", code="merge_self")
    refuse_while_closing(tx)
    groups = groups_of(tx, house.bucket_count, [member_id, into])
    head = groups.head_of[into]
    if groups.head_of[member_id] != member_id:
        raise BadInput(
            f"member {member_id} is merged into {groups.head_of[member_id]} already: unmerge first",
            code="already_merged",
        )
    if head == member_id:
        raise BadInput(
            f"member {into} is merged into {member_id}: unmerge {into} first", code="merge_circular"
        )
    everyone = (*groups.members[head], *groups.members[member_id])
    if len(everyone) > MERGED_MAX:
        raise BadInput(f"more than {MERGED_MAX} members would count as one", code="merge_too_many")
    number = keep_decision(tx, "merge", member_id, Merged(into), by, now_ms)
    tx.run("accounts.add_merge", bucket=_bucket(house, member_id), member_id=member_id, into_member=into)
    tx.run("accounts.add_merged", bucket=_bucket(house, into), member_id=into, from_member=member_id)
    _derive(tx, house, everyone, now_ms)
    settle_disputes(tx, house, now_ms)
    return number


def unmerge(tx: Transaction, house: House, member_id: str, by: Said, now_ms: EpochMs) -> int:
    """Let a member stand alone again, as if the merge had never been; return the decision's number.

    Raises:
        BadInput: `not_merged`, `period_closing`.
    """
    refuse_while_closing(tx)
    groups = groups_of(tx, house.bucket_count, [member_id])
    row = tx.one("accounts.merge_of", bucket=_bucket(house, member_id), member_id=member_id)
    if row is None:
        raise BadInput(f"member {member_id} is merged into nobody", code="not_merged")
    into = row[0]
    number = keep_decision(tx, "unmerge", member_id, Merged(into), by, now_ms)
    tx.run("accounts.drop_merge", bucket=_bucket(house, member_id), member_id=member_id)
    tx.run("accounts.drop_merged", bucket=_bucket(house, into), member_id=into, from_member=member_id)
    _derive(tx, house, groups.members[groups.head_of[member_id]], now_ms)
    settle_disputes(tx, house, now_ms, closed_too=True)
    return number


def _derive(tx: Transaction, house: House, everyone: Iterable[str], now_ms: EpochMs) -> None:
    """Derive all these members again in the groups that they form now, and tell everyone who knew any."""
    everyone = list(everyone)
    groups = groups_of(tx, house.bucket_count, everyone)
    heads = set(groups.members)
    keys = places_json(everyone, house.bucket_count)
    stores = {audience for _, audience in tx.all("accounts.audiences_of", members=keys)}
    for head, group in groups.members.items():
        # What of a terminal is posted for one of them is posted for who stands for them all.
        keys = places_json(group, house.bucket_count)
        rows = tx.all("accounts.stamps_of", members=keys)
        tx.many("accounts.put_stamp", [(_bucket(house, head), head, *place) for _, *place in rows])
    told = {(head, store) for head in heads for store in stores}
    post(tx, house, Work(told=told, renewed=set(everyone), whole=heads), now_ms)


def _bucket(house: House, member_id: str) -> int:
    return bucket_of(member_id, house.bucket_count)
