"""Rulings on cases: each case, whom each grant covers, and each grant, against the decisions behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from hq_server.audit.comparing import differs
from hq_server.decisions import Decision, DecisionKind, every_decision
from hq_server.desk.cases import Case, every_case
from hq_server.desk.rulings import ruling_of
from hq_server.house import House
from hq_server.store.connection import Row, Transaction
from loyalty_core.errors import LoyaltyError

_KINDS: Final[dict[str, DecisionKind]] = {"granted": "grant", "refused": "refusal", "withdrawn": "withdrawal"}


def audit_rulings(tx: Transaction, house: House, kin: Mapping[str, tuple[str, ...]]) -> None:
    """Compare all cases, coverings and grants with their decisions.

    `kin` gives for each member who was ever merged everyone of that group.

    Raises:
        Difference: the first that says something else.
        LoyaltyError: `grants_pending`: an approved grant is not posted for all whom it covers.
    """
    made = {one.number: one for one in every_decision(tx, *_KINDS.values())}
    told = {(row[0], row[1]) for row in tx.all("house.evidence_keys")}
    cases = {one.number: one for one in every_case(tx)}
    for one in made.values():
        _decision(one, cases, told)
    members: dict[int, int] = {}
    granted: set[tuple[int, str]] = set()
    for bucket in range(house.bucket_count):
        for row in tx.each("accounts.covered_in_order", bucket=bucket):
            _covered(row, made)
            members[row[0]] = members.get(row[0], 0) + 1
            if row[4] == "granted":
                granted.add((row[0], row[1]))
    for case in cases.values():
        _case(case, made, told)
        everyone = kin.get(case.member_id, (case.member_id,))
        if case.state == "granted" and not any((case.decision, name) in granted for name in everyone):
            differs(f"case {case.number}", f"decision {case.decision} granted its member nothing")
    for one in made.values():
        if one.kind == "grant" and members.get(one.number, 0) != ruling_of(one).members:
            differs(f"decision {one.number}", "it covers another number of members than it says")
    counts = tx.one("accounts.grant_counts")
    if counts is None or counts[0] != counts[1]:
        differs("grants", "one stands that no ruling gave")


def _case(case: Case, made: dict[int, Decision], told: set[tuple[int, int]]) -> None:
    where = f"case {case.number}"
    if (case.number, 0) not in told:
        differs(where, "the evidence on which it was opened is missing")
    if case.decision is None:
        return
    one = made.get(case.decision)
    if one is None or one.kind != _KINDS.get(case.state) or not one.has_effect:
        differs(where, f"it is {case.state}, and decision {case.decision} does not say so")


def _decision(one: Decision, cases: dict[int, Case], told: set[tuple[int, int]]) -> None:
    where = f"decision {one.number}"
    case = cases.get(msgspec.json.decode(one.detail).get("case", 0))
    if case is None or case.member_id != one.subject:
        differs(where, "it is on no case of its member")
    if one.kind != "grant" and case.decision != one.number:
        differs(where, f"case {case.number} was not settled by it")
    if one.kind != "withdrawal" and (case.number, one.number) not in told:
        differs(where, "the evidence on which it was made is missing")


def _covered(row: Row, made: dict[int, Decision]) -> None:
    number, member, period_id, tier, outcome, *granted = row
    where = f"member {member}, decision {number}"
    one = made.get(number)
    if one is None or one.kind != "grant":
        differs(where, "is covered by no grant")
    ruling = ruling_of(one)
    if (period_id, tier) != (ruling.period, ruling.tier):
        differs(where, "is covered for something else than was decided")
    expected = {"waiting": ("waiting",), "refused": ("refused",)}.get(
        one.state, ("granted", "moot", "erased", "lapsed", "waiting")
    )
    if outcome not in expected:
        differs(where, f"is {outcome}, and the decision is {one.state}")
    if one.state == "approved" and outcome == "waiting":
        raise LoyaltyError(
            f"the grants of decision {number} are still to be posted, which a server does: audit again while "
            "hq-server serve runs",
            code="grants_pending",
        )
    due = (period_id, tier, ruling.until_day) if outcome == "granted" else (None, None, None)
    if tuple(granted) != due:
        differs(where, "its grant is missing, or says something else than was decided")
